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
  case dimensionOverflow(offset: Int, [Int], DType)

  // NPY: the header.
  case npyMagic(found: [UInt8])
  case npyVersion(UInt8, UInt8)
  case truncatedNPYHeader(found: Int, expected: Int)
  case npyKey(String, offset: Int)
  case npyKeyMissing(String)
  case npyType(String, offset: Int)
  case npyAxes(Int, offset: Int)

  // NPY and netpbm: the header. Nil for the end.
  case unexpected(offset: Int, found: String?, expected: String)

  // Pictures.
  case truncatedPicture(offset: Int, shape: Shape, samples: Int)
  case sampleAboveWhite(offset: Int, found: Int, white: Int)
  case secondPlainPicture(offset: Int)
  case png(String)
  case deepPNG
  case transparentPNG(row: Int, column: Int)
  case otherPicture(number: Int, found: Shape, DType, expected: Shape, DType)
  case picturesTooLarge(limit: Int)
  case noPicture

  // IDX and NPY: the data.
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
    case .dimensionOverflow(let offset, let dimensions, let dtype):
      "byte \(offset): found dimensions \(abridged(dimensions.map(String.init))) of \(dtype.rawValue), "
        + "expected at most \(Int.max) bytes"

    case .npyMagic(let found):
      "byte 0: found \(found.isEmpty ? "the end" : hexadecimal(found)), "
        + "expected \(hexadecimal(NPY.magic)) as every NPY file begins"
    case .npyVersion(let major, let minor):
      "byte 6: found format version \(major).\(minor), expected 1.0, 2.0 or 3.0"
    case .truncatedNPYHeader(let found, let expected):
      "byte \(found): input ended inside the header: found \(found) of \(expected) bytes"
    case .npyKey(let found, let offset):
      "byte \(offset): found key \(quoted(found)), expected 'descr', 'fortran_order' and 'shape', each once"
    case .npyKeyMissing(let name):
      "found a header without '\(name)', expected 'descr', 'fortran_order' and 'shape'"
    case .npyType(let found, let offset):
      "byte \(offset): found element type \(quoted(found)), expected < or > and one of "
        + NPY.elementTypes.map(\.code).joined(separator: ", ")
    case .npyAxes(let found, let offset):
      "byte \(offset): found \(found) axes, expected at most \(NPY.mostAxes)"
    case .unexpected(let offset, let found, let expected):
      "byte \(offset): found \(found.map { quoted($0) } ?? "the end"), expected \(expected)"

    case .truncatedPicture(let offset, let shape, let samples):
      "byte \(offset): input ended inside a picture: found \(samples) of \(shape.count) samples "
        + "of \(shape.topologyText)"
    case .sampleAboveWhite(let offset, let found, let white):
      "byte \(offset): found sample \(found), expected at most \(white), the header's value of white"
    case .secondPlainPicture(let offset):
      "byte \(offset): found more behind a plain picture, expected the end "
        + "(raw ones, P5 and P6, may follow each other)"
    case .png(let message):
      "not readable as PNG: \(printable(message))"
    case .deepPNG:
      "found samples of 16 bits, expected at most 8 (pngtopnm keeps them whole)"
    case .transparentPNG(let row, let column):
      "found a transparent pixel in row \(row), column \(column), expected an opaque picture "
        + "(pngtopnm -mix puts something behind it)"
    case .otherPicture(let number, let found, let dtype, let expected, let expectedDType):
      "picture \(number): found \(dtype.rawValue) \(found.topologyText), "
        + "expected \(expectedDType.rawValue) \(expected.topologyText) as the first"
    case .picturesTooLarge(let limit):
      "found pictures of more than \(limit) bytes, expected at most that many "
        + "(NN_MAX_DOCUMENT_BYTES sets the limit)"
    case .noPicture:
      "found no picture, expected at least one"

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
