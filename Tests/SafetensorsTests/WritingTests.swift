import Safetensors
import Tensors
import Testing

@Test func writesTheseBytes() {
  let document = Document(
    metadata: ["nn.kind": "batch", "a": "1"],
    tensors: [
      "w": Tensor([1, -2] as [Float], shape: [1, 2]), "i": Tensor([3] as [Int64]),
      "b": Tensor([5] as [UInt8], shape: []),
    ])
  let header =
    #"{"__metadata__":{"a":"1","nn.kind":"batch"},"#
    + #""i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"#
    + #""w":{"dtype":"F32","shape":[1,2],"data_offsets":[8,16]},"#
    + #""b":{"dtype":"U8","shape":[],"data_offsets":[16,17]}}  "#
  #expect(header.utf8.count == 208)
  let start = [208, 0, 0, 0, 0, 0, 0, 0] + Array(header.utf8)
  #expect(document.header() == start)
  #expect(
    document.encoded() == start + [
      3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 5,
    ])
}

@Test func writesTheEmptyDocument() {
  #expect(Document().encoded() == [8, 0, 0, 0, 0, 0, 0, 0] + Array("{}      ".utf8))
}

@Test func sortsMetadataByUTF8Bytes() {
  // Swift would put "e\u{301}" behind "z", and UTF-16 "😀" before "\u{FB01}".
  let keys = ["", "B", "a", "a.b", "e\u{301}", "z", "\u{FB01}", "😀"]
  let document = Document(metadata: Dictionary(uniqueKeysWithValues: keys.map { ($0, "") }))
  let pairs = keys.map { "\"\($0)\":\"\"" }.joined(separator: ",")
  #expect(document.header().dropFirst(8).starts(with: "{\"__metadata__\":{\(pairs)}}".utf8))
}

@Test func padsHeadersToEightBytes() throws {
  for count in 0..<20 {
    let document = Document(metadata: ["a": String(repeating: "x", count: count)])
    let header = document.header()
    #expect(header.count % 8 == 0)
    #expect(Int(header[0]) == header.count - 8)
    let padding = header.reversed().prefix { $0 == UInt8(ascii: " ") }.count
    #expect(padding < 8)
    #expect(try read(document.encoded()) == document)
  }
}

@Test(arguments: DType.allCases)
func everyDTypeComesBack(dtype: DType) throws {
  for shape: Shape in [[], [3], [3, 4], [2, 0, 8], [1, 8, 1]] {
    guard dtype.byteCount(of: shape.count) != nil else { continue }
    var tensor = Tensor(uninitialized: shape, dtype)
    tensor.withUnsafeMutableBytes { bytes in
      for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: 251 &* (index + 1)) }
    }
    let document = Document(tensors: ["a": tensor, "z": Tensor([1] as [UInt8])])
    #expect(try read(document.encoded()) == document)
  }
}

@Test func handsOverEachTensorWithoutCopyingIt() {
  let order = ["target", "scalar", "input", "none", "mask"]
  sample.withEncoded { parts in
    #expect(Array(parts[0]) == sample.header())
    #expect(parts.count == 1 + order.count)
    for (part, name) in zip(parts.dropFirst(), order) {
      sample.tensors[name]?.withUnsafeBytes {
        #expect($0.count == part.count)
        #expect($0.baseAddress == part.baseAddress)
      }
    }
  }
}

@Test func writesManyTensors() throws {
  let document = Document(
    tensors: Dictionary(
      uniqueKeysWithValues: (0..<5000).map { ("t\($0)", Tensor([Int32($0)])) }))
  #expect(try read(document.encoded()) == document)
}
