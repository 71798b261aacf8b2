/// The text as one word of a command line, for people to copy: as it is, in quotes, or, with characters that a terminal would
/// obey, in the `$'…'` of bash, zsh and ksh.
public func shellWord(_ text: String) -> String {
  let plain = text.utf8.allSatisfy { byte in
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "%+,-./:=@_".utf8.contains(byte)
    }
  }
  if plain && !text.isEmpty { return text }
  let isShown = text.unicodeScalars.allSatisfy { scalar in
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: false
    default: true
    }
  }
  if isShown { return "'" + text.replacing("'", with: "'\\''") + "'" }
  return "$'"
    + text.utf8.map { byte in
      switch byte {
      case UInt8(ascii: "'"), UInt8(ascii: "\\"): "\\" + String(UnicodeScalar(byte))
      case 0x20..<0x7f: String(UnicodeScalar(byte))
      default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }.joined() + "'"
}

/// The text as `printf %q` of bash writes it where it is ASCII: a backslash before every character
/// that means something to a shell. Other text as `shellWord` writes it.
func bashWord(_ text: String) -> String {
  guard !text.isEmpty, text.utf8.allSatisfy({ 0x20..<0x7f ~= $0 }) else { return shellWord(text) }
  return text.unicodeScalars.map { scalar in
    let isPlain = scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    return isPlain || "%+-./:=@_".unicodeScalars.contains(scalar) ? "\(scalar)" : "\\\(scalar)"
  }.joined()
}
