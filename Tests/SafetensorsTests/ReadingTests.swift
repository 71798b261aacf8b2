import Safetensors
import Tensors
import Testing

@Test func readsTensorsAndMetadata() throws {
  let document = try read(
    bytes(
      header: #"{"__metadata__":{"k":"v"},"w":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}} "#,
      data: [1, 0, 255, 255]))
  #expect(document?.metadata == ["k": "v"])
  #expect(document?.tensors == ["w": Tensor([1, -1] as [Int16])])
}

@Test func givesNilAtTheEndOfInput() throws {
  #expect(try read([]) == nil)
}

@Test func readsOneByteAtATime() throws {
  #expect(try read(sample.encoded(), stride: 1) == sample)
  #expect(try read(sample.encoded(), stride: 7) == sample)
}

@Test(arguments: [sample, Document()])
func asksForNoByteBehindTheDocument(document: Document) throws {
  let encoded = document.encoded()
  let input = Input(encoded + encoded)
  for end in [encoded.count, 2 * encoded.count] {
    #expect(try Document.read { input.read(into: $0) } == document)
    #expect(input.position == end)
  }
  #expect(try Document.read { input.read(into: $0) } == nil)

  // A pipe would block on one more call, even for a document without data.
  let pipe = Input(encoded)
  let read = try Document.read { room in
    #expect(pipe.position < encoded.count)
    #expect(room.count > 0)
    return pipe.read(into: room)
  }
  #expect(read == document)
}

@Test func refusesEveryTruncation() throws {
  let encoded = sample.encoded()
  for count in 1..<encoded.count {
    #expect(throws: SafetensorsError.self, "\(count) bytes") {
      try read(Array(encoded.prefix(count)))
    }
  }
}

@Test func saysWhereInputEnded() throws {
  let encoded = sample.encoded()
  let start = sample.header().count
  for (count, message) in [
    (3, "input ended inside the header length: found 3 of 8 bytes"),
    (20, "input ended inside the header: found 12 of \(start - 8) bytes"),
    // The order of the data is target, scalar, none and input, mask.
    (start, "input ended inside tensor 'target': found 0 of 51 bytes of data"),
    (start + 16, "input ended inside tensor 'scalar': found 16 of 51 bytes of data"),
    (start + 24, "input ended inside tensor 'input': found 24 of 51 bytes of data"),
    (start + 50, "input ended inside tensor 'mask': found 50 of 51 bytes of data"),
  ] {
    #expect(refusal(of: Array(encoded.prefix(count))) == message)
  }
}

@Test func everyFlippedBitIsRefusedOrVisible() throws {
  let encoded = sample.encoded()
  var refusals = 0
  for bit in 0..<encoded.count * 8 {
    var changed = encoded
    changed[bit / 8] ^= 1 << UInt8(bit % 8)
    do {
      #expect(try read(changed) != sample, "bit \(bit % 8) of byte \(bit / 8)")
    } catch is SafetensorsError {
      refusals += 1
    }
  }
  #expect(refusals > encoded.count * 4)
}

@Test func refusesHeaderLengthsBeyondTheFormat() throws {
  for length: UInt64 in [100_000_001, 1 << 40, 1 << 63, .max] {
    let input = Input(lengthBytes(length) + Array("{}".utf8))
    #expect(throws: SafetensorsError.headerTooLong(length)) {
      try Document.read { input.read(into: $0) }
    }
    #expect(input.position == 8)
  }
}

@Test(arguments: [3, 3_500_000])
func memoryGrowsWithTheBytesReceived(received: Int) throws {
  let data = Array(repeating: UInt8(ascii: " "), count: received)
  let claims = [
    bytes(
      header: #"{"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}}"#,
      data: data),
    lengthBytes(100_000_000) + data,
  ]
  for claim in claims {
    let input = Input(claim)
    #expect(throws: SafetensorsError.self) { try Document.read { input.read(into: $0) } }
    #expect(input.position == claim.count)
    #expect(input.largestRoom <= max(received, 1 << 20))
  }
}

/// What one document has filled the next one gets at once, and no more than that.
@Test func memoryOfADocumentIsTrustedToTheNext() throws {
  let large = Document(tensors: ["a": Tensor([UInt8](repeating: 1, count: 3_000_000))])
  let claim = bytes(
    header: #"{"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}}"#,
    data: [1, 2, 3])
  var reader = DocumentReader()
  func rooms(_ bytes: [UInt8]) -> (Input, Result<Document?, any Error>) {
    let input = Input(bytes)
    return (input, Result { try reader.read { input.read(into: $0) } })
  }
  #expect(rooms(large.encoded()).0.largestRoom < 3_000_000)
  #expect(rooms(large.encoded()).0.largestRoom == 3_000_000)
  let (input, result) = rooms(claim)
  #expect(throws: SafetensorsError.self) { try result.get() }
  #expect(input.largestRoom == 3_000_000)
}

@Test func readsDocumentsLargerThanTheFirstAllocation() throws {
  for count in [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_001] {
    let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let document = Document(tensors: ["a": Tensor(data)])
    #expect(try read(document.encoded(), stride: 700_001) == document)
  }
}

@Test func readsTensorsAtUnalignedOffsets() throws {
  let header = """
    {"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},\
    "b":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}}
    """
  let document = try read(bytes(header: header, data: [9, 0, 0, 0, 0, 0, 0, 0xF8, 0x3F]))
  #expect(document?.tensors["a"] == Tensor([9] as [UInt8]))
  #expect(document?.tensors["b"]?.values(of: Double.self) == [1.5])
}

@Test func passesOnWhatTheSourceThrows() throws {
  struct Failure: Error {}
  #expect(throws: Failure.self) { try Document.read { _ in throw Failure() } }
}

/// Behind tensors of its own type and of a wider one, read at once and in parts that make the memory grow.
@Test(arguments: [2, 4, 14, 5], [Int.max, 100_000])
func theLargestTensorIsAlignedForSIMDLoads(before: Int, stride: Int) throws {
  var document = Document()
  document.tensors["a"] = Tensor((0..<before).map(Float.init))
  document.tensors["b"] = Tensor((0..<400_000).map(Float.init))
  document.tensors["c"] = Tensor([7] as [Int64])
  document.tensors["d"] = Tensor([1, 2, 3] as [UInt8])
  let read = try #require(try read(document.encoded(), stride: stride))
  #expect(read == document)
  func place(_ name: String) throws -> Int {
    try #require(read.tensors[name]).withUnsafeBytes { Int(bitPattern: $0.baseAddress) }
  }
  // Nothing is moved by less than the widest type: it would have to be copied.
  #expect(try place("b") % Storage.alignment == (before % 2 == 0 ? 0 : 8 + 4 * before))
  #expect(try place("c") % 8 == 0)
}
