import Tensors

/// Which rule of a foreign format some bytes break.
///
/// Offsets are bytes from the first one of the decompressed input. Lines and columns count from 1; a
/// line is where a row of the table begins, so a cell with line breaks in quotes belongs to one line.
public enum FormatError: Fault, Equatable {
  // IDX: the header.
  case truncatedMagic(found: Int)
  case magic(found: [UInt8])
  case unknownElementType(UInt8)
  case truncatedDimensions(found: Int, expected: Int)
  case dimensionOverflow([Int], DType)

  // IDX: the data.
  case truncatedData(offset: Int, shape: Shape, dtype: DType, found: Int, expected: Int)
  case trailingBytes(offset: Int, shape: Shape, dtype: DType, found: Int)

  // Tables: the text.
  case notUTF8(line: Int, offset: Int)
  case blankLine(Int)
  case carriageReturn(line: Int)
  case quoteInsideCell(line: Int, column: Int)
  case unterminatedQuote(line: Int, column: Int)
  case textAfterQuote(line: Int, column: Int, found: String)
  case raggedRow(line: Int, found: Int, expected: Int, asInLine: Int)
  case noRows(hasHeader: Bool)

  // Tables: the choice of columns.
  case unknownColumn(String, known: [String])
  case columnWithoutHeader(String, columnCount: Int)
  case columnOutside(String, columnCount: Int)
  case ambiguousColumn(String, columns: [Int])
  case columnChosenTwice(Int, name: String?)
  case classAndTargets
  case noInputColumn

  // Tables: the cells.
  case notNumber(Cell, found: String)
  case notFinite(Cell, found: String)
  case numberOverflow(Cell, found: String)
  case notClass(Cell, found: String, expected: ClassKind, asInLine: Int)
  case notClassID(Cell, found: String)
  case emptyClass(Cell)

  /// Where a cell of a table stands.
  public struct Cell: Equatable, Sendable, CustomStringConvertible {
    public let line: Int
    public let column: Int
    /// The column's name, if the table has a header line.
    public let name: String?

    public init(line: Int, column: Int, name: String? = nil) {
      self.line = line
      self.column = column
      self.name = name
    }

    public var description: String { "line \(line), column \(column)" + inBrackets(name) }
  }

  /// What the cells of a class column are.
  public enum ClassKind: String, Sendable {
    case ids = "a class id"
    case names = "a class name"
  }

  public var description: String {
    switch self {
    case .truncatedMagic(let found):
      "byte \(found): input ended inside the magic number: found \(found) of 4 bytes"
    case .magic(let found):
      "byte 0: found \(hexadecimal(found)), expected 0x00 0x00 as every IDX file begins"
    case .unknownElementType(let found):
      "byte 2: found element type \(hexadecimal([found])), expected one of "
        + hexadecimal(IDX.elementTypes.map { $0.code }).split(separator: " ").joined(
          separator: ", ")
    case .truncatedDimensions(let found, let expected):
      "byte \(4 + found): input ended inside the dimensions: found \(found) of \(expected) bytes"
    case .dimensionOverflow(let dimensions, let dtype):
      "byte 4: found dimensions \(abridged(dimensions.map(String.init))) of \(dtype.rawValue), "
        + "expected at most \(Int.max) bytes"
    case .truncatedData(let offset, let shape, let dtype, let found, let expected):
      "byte \(offset): input ended inside the data: found \(found) of \(expected) bytes "
        + "for \(dtype.rawValue) \(abridged(shape.dimensions.map(String.init)))"
    case .trailingBytes(let offset, let shape, let dtype, let found):
      "byte \(offset): found \(found) bytes, expected the end after "
        + "\(dtype.rawValue) \(abridged(shape.dimensions.map(String.init)))"

    case .notUTF8(let line, let offset):
      "line \(line), byte \(offset): found bytes that are not UTF-8"
    case .blankLine(let line):
      "line \(line): found a blank line, expected a row"
    case .carriageReturn(let line):
      "line \(line): found a carriage return outside quotes, expected a line feed after it"
    case .quoteInsideCell(let line, let column):
      "line \(line), column \(column): found a quote inside a cell that does not begin with one"
    case .unterminatedQuote(let line, let column):
      "line \(line), column \(column): input ended inside quotes, expected a closing quote"
    case .textAfterQuote(let line, let column, let found):
      "line \(line), column \(column): found \(quoted(found)) after the closing quote, "
        + "expected the end of the cell"
    case .raggedRow(let line, let found, let expected, let first):
      "line \(line): found \(found) cells, expected \(expected) as in line \(first)"
    case .noRows(let hasHeader):
      "found \(hasHeader ? "a header line and no rows" : "an empty table"), expected at least one row"

    case .unknownColumn(let found, let known):
      "column \(quoted(found)): found no such column, expected one of \(abridged(known.map { quoted($0) })) "
        + "or a number from 1 to \(known.count)"
    case .columnWithoutHeader(let found, let columnCount):
      "column \(quoted(found)): found no header line to name columns, "
        + "expected a number from 1 to \(columnCount)"
    case .columnOutside(let found, let columnCount):
      "column \(quoted(found)): found \(columnCount) columns, expected a number from 1 to \(columnCount)"
    case .ambiguousColumn(let found, let columns):
      "column \(quoted(found)): found the name at columns \(abridged(columns.map(String.init))), "
        + "expected a number to tell them apart"
    case .columnChosenTwice(let column, let name):
      "column \(column)\(inBrackets(name)): found it chosen twice, expected once"
    case .classAndTargets:
      "found a class column and target columns, expected one of them"
    case .noInputColumn:
      "found every column chosen as a target, expected at least one left as input"

    case .notNumber(let cell, let found):
      "\(cell): found \(described(found)), expected a number"
    case .notFinite(let cell, let found):
      "\(cell): found \(found), expected a finite number"
    case .numberOverflow(let cell, let found):
      "\(cell): found \(quoted(found)), expected at most \(Double.greatestFiniteMagnitude)"
    case .notClass(let cell, let found, let expected, let first):
      "\(cell): found \(quoted(found)), expected \(expected.rawValue) as in line \(first)"
    case .notClassID(let cell, let found):
      "\(cell): found \(quoted(found)), expected a class id: a whole number from 0"
    case .emptyClass(let cell):
      "\(cell): found an empty cell, expected a class"
    }
  }
}

private func inBrackets(_ name: String?) -> String { name.map { " (\(quoted($0)))" } ?? "" }

private func described(_ cell: String) -> String { cell.isEmpty ? "an empty cell" : quoted(cell) }

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0x0" : "0x") + String($0, radix: 16, uppercase: true) }
    .joined(separator: " ")
}

/// A list within a message, of which ten items are enough.
private func abridged(_ items: [String]) -> String {
  "[" + items.prefix(10).joined(separator: ", ") + (items.count > 10 ? ", …]" : "]")
}
