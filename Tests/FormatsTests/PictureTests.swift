import CPNG
import Formats
import Tensors
import Testing

/// All pictures of a file.
private func read(_ bytes: [UInt8], limit: Int = 1 << 20) throws -> Tensor {
  var stack = PictureStack(limit: limit)
  try bytes.withUnsafeBytes { try stack.append(contentsOf: $0) }
  return try stack.tensor()
}

private func expectRefusal(
  _ bytes: [UInt8], _ message: String, limit: Int = 1 << 20,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let error = #expect(throws: FormatError.self, sourceLocation: sourceLocation) {
    try read(bytes, limit: limit)
  }
  #expect(error?.description == message, sourceLocation: sourceLocation)
}

@Suite struct NetpbmTests {
  @Test func rawPicturesMayFollowEachOther() throws {
    let gray = Array("P5\n2 2\n255\n".utf8)
    #expect(
      try read(gray + [1, 2, 3, 4] + gray + [5, 6, 7, 8])
        == Tensor([1, 2, 3, 4, 5, 6, 7, 8] as [UInt8], shape: [2, 1, 2, 2]))
  }

  @Test func colorsBecomePlanes() throws {
    #expect(
      try read(Array("P6 2 1 255\n".utf8) + [1, 2, 3, 4, 5, 6])
        == Tensor([1, 4, 2, 5, 3, 6] as [UInt8], shape: [1, 3, 1, 2]))
    #expect(
      try read(Array("P3\n2 1\n255\n1 2 3\n4 5 6\n".utf8))
        == Tensor([1, 4, 2, 5, 3, 6] as [UInt8], shape: [1, 3, 1, 2]))
  }

  @Test func whiteIsAlways255Or65535() throws {
    #expect(
      try read(Array("P5 4 1 15 ".utf8) + [0, 5, 10, 15])
        == Tensor([0, 85, 170, 255] as [UInt8], shape: [1, 1, 1, 4]))
    #expect(
      try read(Array("P5 2 1 1000 ".utf8) + [3, 0xE8, 1, 0xF4])
        == Tensor([65535, 32768] as [UInt16], shape: [1, 1, 1, 2]))
    #expect(
      try read(Array("P5 1 1 65535 ".utf8) + [1, 2])
        == Tensor([258] as [UInt16], shape: [1, 1, 1, 1]))
  }

  @Test func headersMayHoldComments() throws {
    #expect(
      try read(Array("P2 # gray\n# of two\n2#wide\n 1 7\n0 7\n".utf8))
        == Tensor([0, 255] as [UInt8], shape: [1, 1, 1, 2]))
  }

  @Test func everyTruncationIsRefused() {
    let whole = Array("P6 2 1 255\n".utf8) + [1, 2, 3, 4, 5, 6]
    for count in 0..<whole.count {
      #expect(throws: FormatError.self, "\(count)") { try read(Array(whole.prefix(count))) }
    }
  }

  @Test func whatIsWrongIsSaid() {
    let cases: [(String, String)] = [
      (
        "P4 8 1 x",
        "byte 0: found 'P4 8 1 x', expected P2, P3, P5 or P6 (netpbm's other kinds: pamtopnm, pbmtopgm)"
      ),
      ("P5 0 1 255 ", "byte 3: found '0 1 255 ', expected the width, 1 to 2147483647"),
      ("P5 1 x 255 ", "byte 5: found 'x 255 ', expected the height, 1 to 2147483647"),
      ("P5 1 1 65536 ", "byte 7: found '65536 ', expected the value of white, 1 to 65535"),
      ("P5 1 1 255", "byte 10: found the end, expected a space behind the header"),
      ("P5 3 3 255 ab", "byte 13: input ended inside a picture: found 2 of 9 samples of 1x3x3"),
      (
        "P6 2147483647 2147483647 65535 ",
        "byte 31: found dimensions [3, 2147483647, 2147483647] of U16, expected at most "
          + "9223372036854775807 bytes"
      ),
      ("P5 1 1 9 \n", "byte 9: found sample 10, expected at most 9, the header's value of white"),
      ("P2 1 1 9 10 ", "byte 9: found '10 ', expected a sample, 0 to 9"),
      ("P2 2 1 9 1    ", "byte 14: input ended inside a picture: found 1 of 2 samples of 1x1x2"),
      (
        "P2 1 1 9 1 P2 1 1 9 1",
        "byte 11: found more behind a plain picture, expected the end "
          + "(raw ones, P5 and P6, may follow each other)"
      ),
      (
        "P5 1 1 255 aP5 2 1 255 ab",
        "picture 2: found U8 1x1x2, expected U8 1x1x1 as the first"
      ),
      (
        "P5 1 1 255 aP5 1 1 256 \0a",
        "picture 2: found U16 1x1x1, expected U8 1x1x1 as the first"
      ),
    ]
    for (text, message) in cases { expectRefusal(Array(text.utf8), message) }
    expectRefusal(
      Array("P5 1 1 255 aP5 1 1 255 a".utf8),
      "found pictures of more than 1 bytes, expected at most that many "
        + "(NN_MAX_DOCUMENT_BYTES sets the limit)", limit: 1)
    let none = PictureStack(limit: 1)
    #expect(throws: FormatError.noPicture) { try none.tensor() }
  }
}

@Suite struct PNGTests {
  /// A picture as libpng writes it.
  private func png(
    _ width: Int, _ height: Int, _ format: UInt32, _ samples: [UInt8]
  ) throws -> [UInt8] {
    var image = png_image()
    image.version = png_uint_32(PNG_IMAGE_VERSION)
    (image.width, image.height) = (png_uint_32(width), png_uint_32(height))
    image.format = format
    var size = png_alloc_size_t(4096)
    var file = [UInt8](repeating: 0, count: size)
    try #require(png_image_write_to_memory(&image, &file, &size, 0, samples, 0, nil) != 0)
    return Array(file[..<size])
  }

  @Test func grayAndColoredPicturesAreRead() throws {
    #expect(
      try read(png(3, 2, 0, [1, 2, 3, 4, 5, 6]))
        == Tensor([1, 2, 3, 4, 5, 6] as [UInt8], shape: [1, 1, 2, 3]))
    #expect(
      try read(png(2, 1, PNG_FORMAT_FLAG_COLOR, [1, 2, 3, 4, 5, 6]))
        == Tensor([1, 4, 2, 5, 3, 6] as [UInt8], shape: [1, 3, 1, 2]))
  }

  @Test func onlyOpaquePicturesMayHaveTransparency() throws {
    let both = PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA
    #expect(
      try read(png(1, 2, both, [1, 2, 3, 255, 4, 5, 6, 255]))
        == Tensor([1, 4, 2, 5, 3, 6] as [UInt8], shape: [1, 3, 2, 1]))
    expectRefusal(
      try png(1, 2, PNG_FORMAT_FLAG_ALPHA, [9, 255, 9, 254]),
      "found a transparent pixel in row 1, column 0, expected an opaque picture "
        + "(pngtopnm -mix puts something behind it)")
  }

  @Test func deepPicturesAreRefused() throws {
    expectRefusal(
      try png(1, 1, PNG_FORMAT_FLAG_LINEAR, [1, 2]),
      "found samples of 16 bits, expected at most 8 (pngtopnm keeps them whole)")
  }

  @Test func damagedAndCutPicturesAreRefused() throws {
    let whole = try png(3, 2, 0, [1, 2, 3, 4, 5, 6])
    // The last chunk says only that this is the end; libpng has the picture before it.
    for count in 4..<whole.count - 12 {
      #expect(throws: FormatError.self, "\(count)") { try read(Array(whole.prefix(count))) }
    }
    var damaged = whole
    damaged[17] ^= 1
    let error = #expect(throws: FormatError.self) { try read(damaged) }
    #expect(error?.description.hasPrefix("not readable as PNG: ") == true)
    expectRefusal(
      whole,
      "found pictures of more than 5 bytes, expected at most that many "
        + "(NN_MAX_DOCUMENT_BYTES sets the limit)", limit: 5)
  }
}
