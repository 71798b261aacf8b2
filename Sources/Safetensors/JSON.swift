/// Reads the JSON of a header front to back, each value as the kind that the format has at its place.
///
/// There is no tree and no recursion: a value of another kind is refused at its first byte, so neither
/// deep nesting nor a long list of nothing costs memory or stack. Grammar: RFC 8259, whose strings must
/// be valid Unicode here.
struct JSONScanner {
  private let bytes: UnsafeRawBufferPointer

  /// The offset of the next byte to read.
  private(set) var position = 0

  /// - Parameter position: The offset of the first byte to read.
  init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0) {
    self.bytes = bytes
    self.position = position
  }

  // MARK: Objects and arrays

  /// An object; `member` is called behind each key's colon with the key and its offset, and reads the
  /// value.
  mutating func readObject(
    _ member: (inout JSONScanner, _ key: String, _ offset: Int) throws -> Void
  ) throws {
    try expect("{", "an object")
    if take("}") { return }
    repeat {
      skipSpace()
      let offset = position
      let key = try readString()
      try expect(":", "':'")
      try member(&self, key, offset)
    } while take(",")
    try expect("}", "',' or '}'")
  }

  /// An array of non-negative integers.
  mutating func readCounts() throws -> [Int] {
    try expect("[", "an array")
    if take("]") { return [] }
    var counts: [Int] = []
    repeat { counts.append(try readCount()) } while take(",")
    try expect("]", "',' or ']'")
    return counts
  }

  /// What stands behind the header's object: spaces to its end.
  mutating func readPadding() throws {
    guard let offset = bytes[position...].firstIndex(where: { $0 != UInt8(ascii: " ") }) else {
      return
    }
    throw SafetensorsError.trailingBytes(offset: offset, found: found(at: offset))
  }

  // MARK: Numbers

  private mutating func readCount() throws -> Int {
    skipSpace()
    let start = position
    var value = 0
    var overflows = false
    while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10
    {
      let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, larger) = tens.addingReportingOverflow(Int(digit))
      overflows = overflows || tooLarge || larger
      value = sum
      position += 1
    }
    let hasLeadingZero = position > start + 1 && bytes[start] == UInt8(ascii: "0")
    let goesOn = position < bytes.count && Self.continuesToken(bytes[position])
    if position == start || hasLeadingZero || goesOn {
      throw SafetensorsError.notCount(offset: start, found: found(at: start))
    }
    if overflows { throw SafetensorsError.countOverflow(offset: start, found: found(at: start)) }
    return value
  }

  // MARK: Strings

  mutating func readString() throws -> String {
    try expect("\"", "a string")
    var result = ""
    while true {
      let run = try readRun()
      guard position < bytes.count else { throw unexpected("'\"'") }
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        return result.isEmpty ? run : result + run
      case UInt8(ascii: "\\"):
        result += run
        result.unicodeScalars.append(try readEscape())
      default: throw unexpected("it as an escape")
      }
    }
  }

  /// The characters up to the next quote, backslash or control character, which is left to be read.
  private mutating func readRun() throws -> String {
    let start = position
    var union: UInt8 = 0
    while position < bytes.count, case let byte = bytes[position], byte >= 0x20,
      byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\")
    {
      union |= byte
      position += 1
    }
    let run = bytes[start..<position]
    let text = String(decoding: UnsafeRawBufferPointer(rebasing: run), as: UTF8.self)
    // Decoding replaces what is not UTF-8, so then the bytes differ from those it came from.
    if union >= 0x80, !text.utf8.elementsEqual(run) {
      let valid = zip(text.utf8, run).prefix { $0 == $1 }.count
      throw SafetensorsError.notUTF8(offset: start + valid)
    }
    return text
  }

  private mutating func readEscape() throws -> Unicode.Scalar {
    let start = position
    position += 1
    guard position < bytes.count else { throw unexpected("an escape") }
    defer { position += 1 }
    switch bytes[position] {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let first = try readHexadecimal()
      if let scalar = Unicode.Scalar(first) { return scalar }
      // What is no scalar is half of a surrogate pair, whose second half must follow.
      let next = bytes[(position + 1)...].prefix(2)
      guard first < 0xDC00, next.elementsEqual("\\u".utf8) else {
        throw SafetensorsError.loneSurrogate(offset: start)
      }
      position += 2
      let second = try readHexadecimal()
      guard 0xDC00..<0xE000 ~= second,
        let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
      else { throw SafetensorsError.loneSurrogate(offset: start) }
      return scalar
    default: throw unexpected("an escape")
    }
  }

  /// The four digits behind the current byte, which leaves the last of them as the current one.
  private mutating func readHexadecimal() throws -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      position += 1
      guard position < bytes.count,
        let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
      else { throw unexpected("four hexadecimal digits") }
      value = value << 4 | UInt32(digit)
    }
    return value
  }

  // MARK: Bytes

  /// The next byte that is not white space; nil at the end.
  mutating func peek() -> UInt8? {
    skipSpace()
    return position < bytes.count ? bytes[position] : nil
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
        position += 1
      default: return
      }
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard peek() == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar, _ description: String) throws {
    if !take(character) { throw unexpected(description) }
  }

  private func unexpected(_ expected: String) -> SafetensorsError {
    .syntax(offset: position, found: found(at: position), expected: expected)
  }

  // MARK: Messages

  /// What stands at an offset, for a message: a word or number up to 24 characters, one character, a
  /// byte that is none, or the end.
  func found(at offset: Int) -> String {
    guard offset < bytes.count else { return "the end of the header" }
    let token = bytes[offset...].prefix(while: Self.continuesToken)
    if token.count > 24 { return String(decoding: token.prefix(24), as: UTF8.self) + "…" }
    if !token.isEmpty { return String(decoding: token, as: UTF8.self) }
    let byte = bytes[offset]
    if 0x20..<0x7F ~= byte { return "'\(Character(Unicode.Scalar(byte)))'" }
    return "byte 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }

  private static func continuesToken(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }
}
