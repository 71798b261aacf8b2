import Tensors
import Testing

@Test func readsEveryIntegerAsDouble() {
  #expect(Tensor([0, 255] as [UInt8]).doubles() == [0, 255])
  #expect(Tensor([Int8.min, 127]).doubles() == [-128, 127])
  #expect(Tensor([0, UInt16.max]).doubles() == [0, 65535])
  #expect(Tensor([Int16.min, 1]).doubles() == [-32768, 1])
  #expect(Tensor([0, UInt32.max]).doubles() == [0, 4_294_967_295])
  #expect(Tensor([Int32.min, 1]).doubles() == [-2_147_483_648, 1])
  #expect(Tensor([0, UInt64.max]).doubles() == [0, 0x1p64])
  #expect(Tensor([Int64.min, 1]).doubles() == [-0x1p63, 1])
}

@Test func readsEveryByteOfABoolButZeroAsOne() {
  var flags = Tensor(zeros: [3], .bool)
  flags.withUnsafeMutableBytes { $0.copyBytes(from: [0, 1, 2]) }
  #expect(flags.doubles() == [0, 1, 1])
  #expect(flags.converted(to: .f32) == Tensor([0, 1, 1] as [Float]))
}

@Test func readsComplexNumbersAsPairs() {
  #expect(complex([1, -2, 3, 4]).doubles() == [1, -2, 3, 4])
}

@Test func roundsToNearestWhenItNarrows() {
  #expect(
    Tensor([0.1, 1 + 0x1p-24, 1 + 0x1.8p-23]).converted(to: .f32)
      == Tensor([0.1, 1, 1 + 0x1p-22] as [Float]))
  // 2^24 + 1 lies between two Floats; one rounding from the integer, none by way of Double.
  #expect(
    Tensor([16_777_217, 16_777_219] as [Int32]).converted(to: .f32)
      == Tensor([16_777_216, 16_777_220] as [Float]))
  #expect(
    Tensor([0x1000_0010_0000_0001] as [Int64]).converted(to: .f32)
      == Tensor([0x1.000002p60] as [Float]))
}

@Test func keepsShapeAndTypeOnConversion() {
  let tensor = Tensor([1, 2] as [Float], shape: [2, 1])
  #expect(tensor.converted(to: .f32) == tensor)
  #expect(tensor.converted(to: .f64) == Tensor([1, 2] as [Double], shape: [2, 1]))
}

// MARK: Finite numbers

@Test func findsTheFirstNumberThatIsNotFinite() {
  #expect(Tensor([1, .nan, .infinity] as [Float]).firstNonFinite() == 1)
  #expect(Tensor([1, -2, -.infinity] as [Double]).firstNonFinite() == 2)
  #expect(Tensor([.infinity, -.infinity] as [Double]).firstNonFinite() == 0)
  #expect(
    Tensor([1, -0.0, .greatestFiniteMagnitude, -.greatestFiniteMagnitude]).firstNonFinite()
      == nil)
  #expect(Tensor([] as [Float]).firstNonFinite() == nil)
  #expect(Tensor([Int64.max]).firstNonFinite() == nil)
}

@Test func looksForNonFiniteNumbersInItsOwnRowsOnly() {
  let tensor = Tensor([.nan, 1, 2, .nan] as [Float])
  #expect(tensor.rows(1..<3).firstNonFinite() == nil)
  #expect(tensor.rows(1..<4).firstNonFinite() == 2)
}

/// Positions count elements, of which a complex number is one.
@Test func findsComplexNumbersThatAreNotFinite() {
  #expect(complex([1, 2, 3, .nan]).firstNonFinite() == 1)
  #expect(complex([1, 2, .infinity, 4]).firstNonFinite() == 1)
  #expect(complex([1, 2, 3, 4]).firstNonFinite() == nil)
}

@Test func saysWhereAnElementLies() {
  let tensor = Tensor(zeros: [2, 3, 4], .u8)
  #expect(tensor.position(of: 0) == [0, 0, 0])
  #expect(tensor.position(of: 5) == [0, 1, 1])
  #expect(tensor.position(of: 23) == [1, 2, 3])
  #expect(Tensor(zeros: [], .u8).position(of: 0) == [])
}

private func complex(_ parts: [Float]) -> Tensor {
  var tensor = Tensor(zeros: [parts.count / 2], .c64)
  tensor.withUnsafeMutableBytes { target in parts.withUnsafeBytes { target.copyMemory(from: $0) } }
  return tensor
}
