/// Text from outside within a message: in quotes, on one line, cut after `limit` characters, with every
/// character escaped that a terminal would obey instead of show.
public func quoted(_ text: String, limit: Int = 40) -> String {
  let start = text.unicodeScalars.prefix(limit)
  let isWhole = start.endIndex == text.unicodeScalars.endIndex
  return "'" + start.map(shown).joined() + (isWhole ? "'" : "…'")
}

/// The text with every character escaped that a terminal would obey instead of show: a file's name must not move the
/// cursor or turn the direction of writing.
public func printable(_ text: String) -> String { text.unicodeScalars.map(shown).joined() }

private func shown(_ scalar: Unicode.Scalar) -> String {
  switch scalar.properties.generalCategory {
  case .control where scalar.isASCII: scalar.escaped(asASCII: true)
  case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
    "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
  default: String(scalar)
  }
}
