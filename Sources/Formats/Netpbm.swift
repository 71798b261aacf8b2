import Tensors

/// The formats PGM and PPM of netpbm, gray and colored pictures: raw (P5, P6), of which several may follow each other, and plain
/// (P2, P3).
///
/// What a picture calls white, its maxval, becomes 255, or 65535 where it is more than 255, so that pictures can be
/// compared. Source: netpbm's manual, "PGM format specification" and "PPM format specification".
public enum Netpbm {
  /// Whether the bytes begin as a picture of netpbm's does: with P, a digit from 1 to 6, space, and a number or a comment.
  ///
  /// So does a table of one column whose name is such a word.
  public static func looksLikeNetpbm(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count >= 3, bytes[0] == UInt8(ascii: "P"),
      (UInt8(ascii: "1")...UInt8(ascii: "6")).contains(bytes[1])
    else { return false }
    let header = bytes.dropFirst(2)
    let next = header.first { !isSpace($0) }
    guard isSpace(bytes[2]) || bytes[2] == UInt8(ascii: "#"), let next else { return false }
    return next == UInt8(ascii: "#") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next)
  }

  /// The pictures that the bytes hold, all of them, [C, H, W] each, C being 1 or 3; U8, or U16 where white is more than 255.
  ///
  /// - Throws: `FormatError` when they are not exactly such pictures; memory is taken only for data that is there.
  public static func forEachPicture(
    in bytes: UnsafeRawBufferPointer, _ body: (Tensor) throws -> Void
  ) throws {
    var reader = NetpbmReader(bytes: bytes)
    repeat {
      // A plain picture has no end that another one could begin at.
      if reader.isPlain { throw FormatError.secondPlainPicture(offset: reader.position) }
      try body(try reader.picture())
    } while reader.position < bytes.count
  }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}

private struct NetpbmReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var position = 0
  /// Whether the last picture's numbers are written out.
  private(set) var isPlain = false

  init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  private mutating func skipSpaces() {
    while position < bytes.count, Netpbm.isSpace(bytes[position]) { position += 1 }
  }

  mutating func picture() throws -> Tensor {
    let channels = try kind()
    let width = try number("the width", in: 1...Int(Int32.max))
    let height = try number("the height", in: 1...Int(Int32.max))
    let white = try number("the value of white", in: 1...65535)
    guard position < bytes.count, Netpbm.isSpace(bytes[position]) else {
      throw wrong(expected: "a space behind the header")
    }
    position += 1
    guard let shape = Shape(checking: [channels, height, width]) else {
      throw FormatError.dimensionOverflow(offset: position, [channels, height, width], .u16)
    }
    let isWide = white > 255
    // Of a plain picture a number takes a digit, and a space before the next one.
    let (taken, left) = (isPlain ? 2 : isWide ? 2 : 1, bytes.count - position)
    if (left + (isPlain ? 1 : 0)) / taken < shape.count {
      throw FormatError.truncatedPicture(offset: bytes.count, shape: shape, samples: left / taken)
    }
    defer { if isPlain { skipSpaces() } }
    return isWide
      ? try samples(shape, white, of: UInt16.self) : try samples(shape, white, of: UInt8.self)
  }

  /// How many channels the picture has.
  private mutating func kind() throws -> Int {
    guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "P") else {
      throw wrong(expected: "P5 or P6 as a picture begins")
    }
    let digit = bytes[position + 1]
    let channels: Int
    switch digit {
    case UInt8(ascii: "2"), UInt8(ascii: "5"): channels = 1
    case UInt8(ascii: "3"), UInt8(ascii: "6"): channels = 3
    default: throw wrong(expected: "P2, P3, P5 or P6 (netpbm's other kinds: pamtopnm, pbmtopgm)")
    }
    isPlain = digit < UInt8(ascii: "5")
    position += 2
    return channels
  }

  /// A number of the header, behind spaces and comments.
  private mutating func number(_ what: String, in range: ClosedRange<Int>) throws -> Int {
    let start = position
    skipSpaces()
    while position < bytes.count, bytes[position] == UInt8(ascii: "#") {
      while position < bytes.count, bytes[position] != 0x0A, bytes[position] != 0x0D {
        position += 1
      }
      skipSpaces()
    }
    guard position > start else { throw wrong(expected: "a space before \(what)") }
    return try digits(what, in: range)
  }

  private mutating func digits(_ what: String, in range: ClosedRange<Int>) throws -> Int {
    let start = position
    var value = 0
    while position < bytes.count {
      let digit = bytes[position] &- UInt8(ascii: "0")
      if digit > 9 { break }
      value = min(value * 10 + Int(digit), Int(Int32.max) + 1)
      position += 1
    }
    if position == start || !range.contains(value) {
      position = start
      throw wrong(expected: "\(what), \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  /// Colors lie side by side in the file, and become planes.
  private mutating func samples<Sample: FixedWidthInteger & TensorElement>(
    _ shape: Shape, _ white: Int, of type: Sample.Type
  ) throws -> Tensor {
    var values = [Sample](repeating: 0, count: shape.count)
    let (channels, plane, full) = (shape[0], shape[1] * shape[2], Int(Sample.max))
    for pixel in 0..<plane {
      for channel in 0..<channels {
        let value =
          isPlain
          ? try writtenSample(white, pixel * channels + channel, of: shape)
          : try rawSample(white, bytes: Sample.bitWidth / 8)
        values[channel * plane + pixel] = Sample((value * full + white / 2) / white)
      }
    }
    return Tensor(values, shape: shape)
  }

  private mutating func writtenSample(_ white: Int, _ number: Int, of shape: Shape) throws -> Int {
    skipSpaces()
    if position == bytes.count {
      throw FormatError.truncatedPicture(offset: position, shape: shape, samples: number)
    }
    return try digits("a sample", in: 0...white)
  }

  private mutating func rawSample(_ white: Int, bytes count: Int) throws -> Int {
    let value = bytes[position..<position + count].reduce(0) { $0 << 8 | Int($1) }
    if value > white {
      throw FormatError.sampleAboveWhite(offset: position, found: value, white: white)
    }
    position += count
    return value
  }

  private func wrong(expected: String) -> FormatError {
    let found = bytes[position..<min(bytes.count, position + 12)]
    return .unexpected(
      offset: position, found: found.isEmpty ? nil : String(decoding: found, as: UTF8.self),
      expected: expected)
  }
}
