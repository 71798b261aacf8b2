import Tensors

/// Reads the rows of a table one after the other: RFC 4180, with line feeds alone allowed too.
///
/// Spaces around a cell do not belong to it, those in quotes do. Lines without anything but spaces may
/// stand at the end of the table only.
struct TableReader {
  /// The bytes of a cell, without its quotes.
  struct Cell {
    let range: Range<Int>
    /// Whether quotes in it are written twice.
    var hasDoubledQuotes = false

    /// The cell as it is written.
    func text(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
      UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    /// What the cell says: a doubled quote is one.
    func string(in bytes: UnsafeRawBufferPointer) -> String {
      if !hasDoubledQuotes { return String(decoding: text(in: bytes), as: UTF8.self) }
      var result: [UInt8] = []
      var isSecondQuote = false
      for byte in text(in: bytes) {
        if !isSecondQuote { result.append(byte) }
        isSecondQuote = byte == TableReader.quote && !isSecondQuote
      }
      return String(decoding: result, as: UTF8.self)
    }
  }

  /// One row; the same one is filled again and again.
  struct Row {
    var line = 0
    var cells: [Cell] = []
  }

  private let bytes: UnsafeRawBufferPointer
  private let delimiter: UInt8
  private var position: Int
  /// The number of the line at `position`.
  private var line = 1

  private static let quote = UInt8(ascii: "\"")
  private static let space = UInt8(ascii: " ")
  private static let tab = UInt8(ascii: "\t")
  private static let comma = UInt8(ascii: ",")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  init(_ bytes: UnsafeRawBufferPointer) {
    self.bytes = bytes
    position = bytes.starts(with: Self.byteOrderMark) ? Self.byteOrderMark.count : 0
    delimiter = Self.delimiter(of: bytes[position...])
  }

  /// A tab if the first line has one outside quotes, else a comma.
  private static func delimiter(of bytes: Slice<UnsafeRawBufferPointer>) -> UInt8 {
    var isQuoted = false
    for byte in bytes {
      if byte == quote { isQuoted.toggle() }
      if isQuoted { continue }
      if byte == tab { return tab }
      if byte == lineFeed { break }
    }
    return comma
  }

  /// Reads the next row into `row`; false after the last one.
  mutating func next(_ row: inout Row) throws -> Bool {
    row.cells.removeAll(keepingCapacity: true)
    row.line = line
    if try isAtEnd() { return false }
    while true {
      row.cells.append(try nextCell(line: row.line, column: row.cells.count + 1))
      if position == bytes.count { return true }
      if bytes[position] == delimiter {
        position += 1
      } else {
        takeLineEnd()
        return true
      }
    }
  }

  /// Whether nothing but blank lines is left; a blank line before a row is an error.
  private mutating func isAtEnd() throws -> Bool {
    let first = line
    while position < bytes.count {
      let start = position
      skipSpaces()
      if try position < bytes.count && !isAtLineEnd() {
        if line > first { throw FormatError.blankLine(first) }
        position = start
        return false
      }
      if position < bytes.count { takeLineEnd() }
    }
    return true
  }

  /// Reads a cell up to the delimiter, the line's end or the input's end.
  private mutating func nextCell(line: Int, column: Int) throws -> Cell {
    skipSpaces()
    if position < bytes.count && bytes[position] == Self.quote {
      return try nextQuotedCell(line: line, column: column)
    }
    let start = position
    while try !isAtCellEnd() {
      if bytes[position] == Self.quote {
        throw FormatError.quoteInsideCell(line: line, column: column)
      }
      position += 1
    }
    var end = position
    while end > start && bytes[end - 1] == Self.space { end -= 1 }
    return Cell(range: start..<end)
  }

  private mutating func nextQuotedCell(line: Int, column: Int) throws -> Cell {
    position += 1
    let start = position
    var hasDoubledQuotes = false
    while position < bytes.count {
      if bytes[position] == Self.lineFeed { self.line += 1 }
      if bytes[position] == Self.quote {
        if position + 1 == bytes.count || bytes[position + 1] != Self.quote { break }
        hasDoubledQuotes = true
        position += 1
      }
      position += 1
    }
    if position == bytes.count { throw FormatError.unterminatedQuote(line: line, column: column) }
    let cell = Cell(range: start..<position, hasDoubledQuotes: hasDoubledQuotes)
    position += 1
    skipSpaces()
    let rest = position
    while try !isAtCellEnd() { position += 1 }
    if position > rest {
      throw FormatError.textAfterQuote(
        line: line, column: column, found: String(decoding: bytes[rest..<position], as: UTF8.self))
    }
    return cell
  }

  private mutating func skipSpaces() {
    while position < bytes.count && bytes[position] == Self.space { position += 1 }
  }

  private func isAtCellEnd() throws -> Bool {
    if position == bytes.count || bytes[position] == delimiter { return true }
    return try isAtLineEnd()
  }

  private func isAtLineEnd() throws -> Bool {
    if bytes[position] != Self.carriageReturn { return bytes[position] == Self.lineFeed }
    if position + 1 < bytes.count && bytes[position + 1] == Self.lineFeed { return true }
    throw FormatError.carriageReturn(line: line)
  }

  private mutating func takeLineEnd() {
    position += bytes[position] == Self.carriageReturn ? 2 : 1
    line += 1
  }
}
