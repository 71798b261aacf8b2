import Formats
import Tensors
import Testing

@Test func readsPicturesOfBytes() throws {
  let tensor = try readIDX([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])
  #expect(tensor == Tensor([1, 2, 3, 4, 5, 255] as [UInt8], shape: [2, 1, 3]))
}

@Test func readsEveryElementTypeFromBigEndian() throws {
  func read(_ code: UInt8, _ data: [UInt8]) throws -> Tensor {
    try readIDX([0, 0, code, 1, 0, 0, 0, 2] + data)
  }
  #expect(try read(0x08, [7, 200]) == Tensor([7, 200] as [UInt8]))
  #expect(try read(0x09, [7, 0xFE]) == Tensor([7, -2] as [Int8]))
  #expect(try read(0x0B, [1, 2, 0xFF, 0xFE]) == Tensor([258, -2] as [Int16]))
  #expect(
    try read(0x0C, [1, 2, 3, 4, 0xFF, 0xFF, 0xFF, 0xFE]) == Tensor([16_909_060, -2] as [Int32]))
  #expect(
    try read(0x0D, [0x3F, 0xC0, 0, 0, 0xC0, 0x20, 0, 0]) == Tensor([1.5, -2.5] as [Float]))
  #expect(
    try read(0x0E, [0x3F, 0xF8, 0, 0, 0, 0, 0, 0, 0xC0, 0x04, 0, 0, 0, 0, 0, 1])
      == Tensor([1.5, (-2.5).nextDown]))
}

@Test func readsAnyRankAndAnyAlignment() throws {
  #expect(try readIDX([0, 0, 8, 0, 9]) == Tensor([9] as [UInt8], shape: []))
  #expect(try readIDX([0, 0, 8, 1, 0, 0, 0, 0]) == Tensor([] as [UInt8]))
  let axes = [UInt8](repeating: 0, count: 255 * 4).indices.map { UInt8($0 % 4 == 3 ? 1 : 0) }
  #expect(
    try readIDX([0, 0, 0x0B, 255] + axes + [0, 5])
      == Tensor([5] as [Int16], shape: Shape(Array(repeating: 1, count: 255))))

  let shifted: [UInt8] = [99, 0, 0, 0x0C, 1, 0, 0, 0, 1, 0, 0, 1, 0]
  let tensor = try shifted.withUnsafeBytes {
    try IDX.tensor(from: UnsafeRawBufferPointer(rebasing: $0[1...]))
  }
  #expect(tensor == Tensor([256] as [Int32]))
}

@Test func readsADimensionWithItsTopBitSetAsUnsigned() {
  expectError(
    .truncatedData(
      offset: 8, shape: [0x8000_0001], dtype: .u8, found: 0, expected: 0x8000_0001),
    "byte 8: input ended inside the data: found 0 of 2147483649 bytes for U8 [2147483649]"
  ) { _ = try readIDX([0, 0, 8, 1, 0x80, 0, 0, 1]) }
}

@Test func refusesEveryTruncationOfAnIDXFile() throws {
  let whole: [UInt8] = [0, 0, 0x0B, 2, 0, 0, 0, 2, 0, 0, 0, 1, 1, 2, 3, 4]
  _ = try readIDX(whole)
  for count in whole.indices {
    let expected: FormatError =
      switch count {
      case 0..<4: .truncatedMagic(found: count)
      case 4..<12: .truncatedDimensions(found: count - 4, expected: 8)
      default:
        .truncatedData(offset: count, shape: [2, 1], dtype: .i16, found: count - 12, expected: 4)
      }
    #expect(throws: expected) { _ = try readIDX(Array(whole.prefix(count))) }
  }
}

@Test func saysWhatIsWrongInAnIDXFile() {
  expectError(
    .truncatedMagic(found: 3), "byte 3: input ended inside the magic number: found 3 of 4 bytes"
  ) { _ = try readIDX([0, 0, 8]) }
  expectError(
    .magic(found: [0, 0x1F]), "byte 0: found 0x00 0x1F, expected 0x00 0x00 as every IDX file begins"
  ) { _ = try readIDX([0, 0x1F, 8, 0, 1]) }
  expectError(
    .unknownElementType(0x0A),
    "byte 2: found element type 0x0A, expected one of 0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E"
  ) { _ = try readIDX([0, 0, 10, 0, 1]) }
  expectError(
    .truncatedDimensions(found: 5, expected: 8),
    "byte 9: input ended inside the dimensions: found 5 of 8 bytes"
  ) { _ = try readIDX([0, 0, 8, 2, 0, 0, 0, 1, 0]) }
  expectError(
    .truncatedData(offset: 10, shape: [3], dtype: .u8, found: 2, expected: 3),
    "byte 10: input ended inside the data: found 2 of 3 bytes for U8 [3]"
  ) { _ = try readIDX([0, 0, 8, 1, 0, 0, 0, 3, 1, 2]) }
  expectError(
    .trailingBytes(offset: 10, shape: [1], dtype: .i16, found: 1),
    "byte 10: found 1 bytes, expected the end after I16 [1]"
  ) { _ = try readIDX([0, 0, 0x0B, 1, 0, 0, 0, 1, 1, 2, 3]) }
}

@Test func refusesDimensionsWhoseProductOverflows() {
  let large: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF]
  expectError(
    .dimensionOverflow(offset: 4, [4_294_967_295, 4_294_967_295], .u8),
    "byte 4: found dimensions [4294967295, 4294967295] of U8, expected at most "
      + "9223372036854775807 bytes"
  ) { _ = try readIDX([0, 0, 8, 2] + large + large) }
  // Here the elements can be counted, and their bytes cannot.
  expectError(
    .dimensionOverflow(offset: 4, [4_294_967_295, 536_870_912], .f64),
    "byte 4: found dimensions [4294967295, 536870912] of F64, expected at most "
      + "9223372036854775807 bytes"
  ) { _ = try readIDX([0, 0, 0x0E, 2] + large + [0x20, 0, 0, 0]) }
}

@Test func tellsIDXFromText() {
  func looksLikeIDX(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes(IDX.looksLikeIDX) }
  #expect(looksLikeIDX([0, 0, 8, 1, 0, 0, 0, 0]))
  #expect(looksLikeIDX([0, 0, 10]))
  #expect(!looksLikeIDX(Array("0,0\n".utf8)))
  #expect(!looksLikeIDX([0]))
  #expect(!looksLikeIDX([]))
  #expect(!looksLikeIDX([0x1F, 0x8B, 8, 0]))
}
