/// The shortest decimal that reads back as the same number: `0.1`, `64`, `1e-05`.
///
/// Numbers in metadata and on the terminal are written so.
public func decimal(_ value: some BinaryFloatingPoint & CustomStringConvertible) -> String {
  let text = value.description
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
