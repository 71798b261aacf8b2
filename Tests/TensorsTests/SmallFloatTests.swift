import Foundation
import Tensors
import Testing

/// What the codes of a small format mean; `Tests/Oracles/small_floats.py` made the list and says how its
/// lines read.
private func oracle(_ dtype: DType) throws -> (codes: [UInt16], values: [Double]) {
  let file = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "../Oracles/small_floats.txt")
  var codes: [UInt16] = []
  var values: [Double] = []
  for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
    let words = line.split(separator: " ")
    if words[0] != dtype.rawValue { continue }
    codes.append(try #require(UInt16(words[1], radix: 16)))
    values.append(try #require(Double(words[2])))
  }
  return (codes, values)
}

/// The first place where two lists differ; NaN equals NaN, and 0 differs from −0.
private func firstDifference(_ found: [Double], _ expected: [Double]) -> String? {
  if found.count != expected.count { return "\(found.count) values, expected \(expected.count)" }
  for (index, (a, b)) in zip(found, expected).enumerated() {
    let areEqual = a.isNaN ? b.isNaN : a.bitPattern == b.bitPattern
    if !areEqual { return "element \(index): \(a), expected \(b)" }
  }
  return nil
}

@Test func findsDifferences() {
  #expect(firstDifference([1, .nan, -.infinity], [1, .nan, -.infinity]) == nil)
  #expect(firstDifference([1], [1, 2]) != nil)
  #expect(firstDifference([0], [-0.0]) == "element 0: 0.0, expected -0.0")
  #expect(firstDifference([.nan], [1]) != nil)
  #expect(firstDifference([1], [.nan]) != nil)
}

/// Packs codes as narrow elements lie in a file: from the lowest bit of the first byte up.
private func packed(_ codes: [UInt16], bitWidth: Int) -> [UInt8] {
  var bits: [Bool] = []
  for code in codes { bits += (0..<bitWidth).map { code >> UInt16($0) & 1 == 1 } }
  return stride(from: 0, to: bits.count, by: 8).map { start in
    bits[start..<start + 8].reversed().reduce(0) { $0 << 1 | ($1 ? 1 : 0) }
  }
}

private func tensor(_ bytes: [UInt8], _ shape: Shape, _ dtype: DType) -> Tensor {
  var result = Tensor(uninitialized: shape, dtype)
  result.withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
  return result
}

@Test(arguments: [
  (DType.f4, 16), (.f6e2m3, 64), (.f6e3m2, 64), (.f8e4m3, 256), (.f8e5m2, 256), (.f8e8m0, 256),
  (.f8e4m3fnuz, 256), (.f8e5m2fnuz, 256), (.f16, 34), (.bf16, 34),
])
func readsSmallFloatsAsTheOracleDoes(dtype: DType, count: Int) throws {
  let (codes, values) = try oracle(dtype)
  try #require(codes.count == count)
  let all = tensor(packed(codes, bitWidth: dtype.bitWidth), [count], dtype)
  #expect(firstDifference(all.doubles(), values) == nil)
  // Every one of these numbers is an F32 too.
  let floats = all.converted(to: .f32)
  #expect(floats.dtype == .f32 && floats.shape == [count])
  #expect(firstDifference(floats.doubles(), values) == nil)
  #expect(all.firstNonFinite() == values.firstIndex { !$0.isFinite })
}

@Test func unpacksNarrowElementsFromTheLowestBitUp() {
  #expect(tensor([0x21, 0xF7], [4], .f4).doubles() == [0.5, 1, 6, -6])
  // The codes 1, 2, 3 and 63: 1 | 2 << 6 | 3 << 12 | 63 << 18.
  #expect(tensor([0x81, 0x30, 0xFC], [4], .f6e2m3).doubles() == [0.125, 0.25, 0.375, -7.5])
  #expect(tensor([0x81, 0x30, 0xFC], [4], .f6e3m2).doubles() == [0.0625, 0.125, 0.1875, -28])
}
