/// The shortest decimal that reads back as the same number: `0.1`, `64`, `1e-05`.
///
/// Numbers in metadata and on the terminal are written so.
public func decimal(_ value: some BinaryFloatingPoint & CustomStringConvertible) -> String {
  let text = value.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}

/// Numbers as hex digits, one behind the other, each in all its 16.
public func hexadecimal(_ words: UInt64...) -> String {
  words.map { word in
    let digits = String(word, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }.joined()
}
