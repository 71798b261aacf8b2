import Tensors

/// What an NPY file says of its array before the data.
struct NPYHeader {
  let dtype: DType
  /// How many bytes change places where `isBigEndian`.
  let swapped: Int
  let isBigEndian: Bool
  /// Fortran's order.
  let firstAxisIsInnermost: Bool
  let dimensions: [Int]
  /// Where the shape stands in the file.
  let shapeOffset: Int
  /// Of all that lies before the data.
  let byteCount: Int

  /// - Throws: `FormatError`.
  init(_ bytes: UnsafeRawBufferPointer) throws {
    let range = try Self.textRange(of: bytes)
    byteCount = range.upperBound
    var reader = LiteralReader(bytes: bytes, position: range.lowerBound, end: range.upperBound)
    var (type, order, shape) = (Found<String>?.none, Found<Bool>?.none, Found<[Int]>?.none)
    try reader.take("{")
    while try !reader.takes("}") {
      let key = try reader.string()
      try reader.take(":")
      reader.skipSpaces()
      let offset = reader.position
      switch key {
      case "descr" where type == nil: type = Found(try reader.string(), offset)
      case "fortran_order" where order == nil: order = Found(try reader.boolean(), offset)
      case "shape" where shape == nil: shape = Found(try reader.tuple(), offset)
      default:
        throw FormatError.npyKey(key, offset: offset)
      }
      if try !reader.takes(",") {
        try reader.take("}")
        break
      }
    }
    try reader.takeEnd()
    guard let type, let order, let shape else {
      throw FormatError.npyKeyMissing(
        type == nil ? "descr" : order == nil ? "fortran_order" : "shape")
    }
    let code = type.value
    let sign = code.first
    guard let sign, "<>|".contains(sign),
      let known = NPY.elementTypes.first(where: { $0.code == code.dropFirst() }),
      sign != "|" || known.dtype.bitWidth == 8
    else { throw FormatError.npyType(code, offset: type.offset) }
    if shape.value.count > NPY.mostAxes {
      throw FormatError.npyAxes(shape.value.count, offset: shape.offset)
    }
    (dtype, swapped, isBigEndian) = (known.dtype, known.swapped, sign == ">")
    (firstAxisIsInnermost, dimensions, shapeOffset) = (order.value, shape.value, shape.offset)
  }

  private struct Found<Value> {
    let value: Value
    let offset: Int
    init(_ value: Value, _ offset: Int) { (self.value, self.offset) = (value, offset) }
  }

  /// Where the dictionary stands.
  private static func textRange(of bytes: UnsafeRawBufferPointer) throws -> Range<Int> {
    let magic = NPY.magic
    let start = bytes.prefix(magic.count)
    if !magic.starts(with: start) { throw FormatError.npyMagic(found: Array(start)) }
    if bytes.count < magic.count + 2 {
      throw FormatError.truncatedNPYHeader(found: bytes.count, expected: magic.count + 2)
    }
    let (major, minor) = (bytes[magic.count], bytes[magic.count + 1])
    guard (1...3).contains(major), minor == 0 else { throw FormatError.npyVersion(major, minor) }
    // Versions 2 and 3 have longer lengths.
    let first = magic.count + 2 + (major == 1 ? 2 : 4)
    if bytes.count < first {
      throw FormatError.truncatedNPYHeader(found: bytes.count, expected: first)
    }
    var length = 0
    for (place, byte) in bytes[(magic.count + 2)..<first].enumerated() {
      length |= Int(byte) << (8 * place)
    }
    if bytes.count - first < length {
      throw FormatError.truncatedNPYHeader(found: bytes.count, expected: first + length)
    }
    return first..<first + length
  }
}

/// Reads the few kinds of Python's literals that an NPY header holds.
private struct LiteralReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  let end: Int

  init(bytes: UnsafeRawBufferPointer, position: Int, end: Int) {
    (self.bytes, self.position, self.end) = (bytes, position, end)
  }

  mutating func skipSpaces() {
    while position < end, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) { position += 1 }
  }

  /// Takes a mark, if it is the next thing.
  mutating func takes(_ mark: Character) throws -> Bool {
    skipSpaces()
    guard position < end, bytes[position] == mark.asciiValue else { return false }
    position += 1
    return true
  }

  mutating func take(_ mark: Character) throws {
    if try !takes(mark) { throw wrong(expected: "'\(mark)'") }
  }

  mutating func takeEnd() throws {
    skipSpaces()
    if position < end { throw wrong(expected: "spaces up to the data") }
  }

  /// Text in single or double quotes, without escapes.
  mutating func string() throws -> String {
    skipSpaces()
    let quotes: [UInt8] = [UInt8(ascii: "'"), UInt8(ascii: "\"")]
    guard position < end, quotes.contains(bytes[position]) else {
      throw wrong(expected: "a text in quotes")
    }
    let quote = bytes[position]
    let start = position + 1
    guard let close = bytes[start..<end].firstIndex(of: quote) else {
      position = end
      throw wrong(expected: "a closing quote")
    }
    position = close + 1
    return String(decoding: bytes[start..<close], as: UTF8.self)
  }

  mutating func boolean() throws -> Bool {
    for (word, value) in [("True", true), ("False", false)]
    where bytes[position..<end].starts(with: word.utf8) {
      position += word.utf8.count
      return value
    }
    throw wrong(expected: "True or False")
  }

  /// Whole numbers in parentheses; a single one has a comma behind it.
  mutating func tuple() throws -> [Int] {
    var numbers: [Int] = []
    try take("(")
    while try !takes(")") {
      numbers.append(try number())
      if try !takes(",") {
        // Without the comma it is a number in parentheses.
        if numbers.count == 1 { throw wrong(expected: "','") }
        try take(")")
        break
      }
    }
    return numbers
  }

  /// Digits; behind them Python 2 may have put an L.
  private mutating func number() throws -> Int {
    skipSpaces()
    var value = 0
    let start = position
    while position < end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
      let (tens, first) = value.multipliedReportingOverflow(by: 10)
      let (sum, second) = tens.addingReportingOverflow(Int(bytes[position] - UInt8(ascii: "0")))
      if first || second {
        position = start
        throw wrong(expected: "a length below 2^63")
      }
      value = sum
      position += 1
    }
    if position == start { throw wrong(expected: "a length or ')'") }
    if position < end, bytes[position] == UInt8(ascii: "L") { position += 1 }
    return value
  }

  private func wrong(expected: String) -> FormatError {
    let found = bytes[position..<min(end, position + 12)]
    return .unexpected(
      offset: position, found: position == end ? nil : String(decoding: found, as: UTF8.self),
      expected: expected)
  }
}
