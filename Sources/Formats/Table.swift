import Tensors

/// The rows and columns of a table whose form has been checked; its cells are read on demand.
struct Table {
  let columnCount: Int
  let rowCount: Int
  /// The names of the columns, if the first line holds names.
  let header: [String]?
  private let bytes: UnsafeRawBufferPointer
  /// Where the first row of numbers begins.
  private let start: TableReader

  /// Checks that the bytes are UTF-8 and a table of at least one row, all of the same length.
  ///
  /// The first line is a header when none of its cells is a number; were they all empty, it is a row.
  init(_ bytes: UnsafeRawBufferPointer) throws {
    try checkUTF8(bytes)
    self.bytes = bytes
    var reader = TableReader(bytes)
    let beginning = reader
    var row = TableReader.Row()
    guard try reader.next(&row) else { throw FormatError.noRows(hasHeader: false) }
    let first = row
    columnCount = first.cells.count
    let hasHeader =
      first.cells.contains { !$0.range.isEmpty }
      && first.cells.allSatisfy { DecimalNumber($0.text(in: bytes)) == .word }
    header = hasHeader ? first.cells.map { $0.string(in: bytes) } : nil
    start = hasHeader ? reader : beginning
    var count = hasHeader ? 0 : 1
    while try reader.next(&row) {
      if row.cells.count != columnCount {
        throw FormatError.raggedRow(
          line: row.line, found: row.cells.count, expected: columnCount, asInLine: first.line)
      }
      count += 1
    }
    if count == 0 { throw FormatError.noRows(hasHeader: true) }
    rowCount = count
  }

  /// The place of a column, by its name in the header or its number from 1; counted from 0.
  func column(named name: String) throws -> Int {
    // No number is a name: a first line with numbers is no header.
    if !name.isEmpty && name.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) {
      guard let number = Int(name), number >= 1, number <= columnCount else {
        throw FormatError.columnOutside(name, columnCount: columnCount)
      }
      return number - 1
    }
    guard let header else {
      throw FormatError.columnWithoutHeader(name, columnCount: columnCount)
    }
    let places = header.indices.filter { header[$0] == name }
    if places.isEmpty { throw FormatError.unknownColumn(name, known: header) }
    if places.count > 1 {
      throw FormatError.ambiguousColumn(name, columns: places.map { $0 + 1 })
    }
    return places[0]
  }

  /// The numbers of some columns, in the given order: F64 [rows, columns].
  func numbers(ofColumns columns: [Int]) throws -> Tensor {
    var result = Tensor(uninitialized: [rowCount, columns.count], .f64)
    try result.withMutableValues(of: Double.self) { values in
      var index = 0
      try forEachRow { row in
        for column in columns {
          values[index] = try number(in: row, column)
          index += 1
        }
      }
    }
    return result
  }

  /// The classes of one column: I64 [rows], and the names if it holds names instead of ids.
  ///
  /// Names get their ids by the order of their UTF-8 bytes.
  func classes(ofColumn column: Int) throws -> (ids: Tensor, names: [String]?) {
    var ids: [Int64] = []
    var cells: [[UInt8]] = []
    var kind: (FormatError.ClassKind, line: Int)?
    try forEachRow { row in
      let id = try classID(in: row, column)
      let found: FormatError.ClassKind = id == nil ? .names : .ids
      let (expected, line) = kind ?? (found, row.line)
      kind = (expected, line)
      if found != expected {
        throw FormatError.notClass(
          place(row, column), found: string(row, column), expected: expected, asInLine: line)
      }
      if let id { ids.append(id) } else { cells.append(Array(string(row, column).utf8)) }
    }
    if kind?.0 == .ids { return (Tensor(ids), nil) }
    let names = Set(cells).sorted { $0.lexicographicallyPrecedes($1) }
    let idOfName = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int64($0)) })
    ids = cells.compactMap { idOfName[$0] }
    return (Tensor(ids), names.map { String(decoding: $0, as: UTF8.self) })
  }

  // MARK: Cells

  private func forEachRow(_ body: (TableReader.Row) throws -> Void) throws {
    var reader = start
    var row = TableReader.Row()
    while try reader.next(&row) { try body(row) }
  }

  private func number(in row: TableReader.Row, _ column: Int) throws -> Double {
    switch DecimalNumber(row.cells[column].text(in: bytes)) {
    case .finite(let value): return value
    case .overflow:
      throw FormatError.numberOverflow(place(row, column), found: string(row, column))
    case .notFinite(let found): throw FormatError.notFinite(place(row, column), found: found)
    case .word: throw FormatError.notNumber(place(row, column), found: string(row, column))
    }
  }

  /// The id in a cell of a class column; nil when it holds a name.
  private func classID(in row: TableReader.Row, _ column: Int) throws -> Int64? {
    switch DecimalNumber(row.cells[column].text(in: bytes)) {
    // Beyond 2^53 two ids may be the same Double.
    case .finite(let value) where value >= 0 && value <= 0x1p53 && value == value.rounded():
      return Int64(value)
    case .finite, .overflow:
      throw FormatError.notClassID(place(row, column), found: string(row, column))
    case .notFinite(let found): throw FormatError.notFinite(place(row, column), found: found)
    case .word:
      if row.cells[column].range.isEmpty { throw FormatError.emptyClass(place(row, column)) }
      return nil
    }
  }

  private func string(_ row: TableReader.Row, _ column: Int) -> String {
    row.cells[column].string(in: bytes)
  }

  private func place(_ row: TableReader.Row, _ column: Int) -> FormatError.Cell {
    FormatError.Cell(line: row.line, column: column + 1, name: header?[column])
  }
}

/// Throws where the first byte stands that is no part of UTF-8 text.
private func checkUTF8(_ bytes: UnsafeRawBufferPointer) throws {
  guard let start = bytes.firstIndex(where: { $0 >= 0x80 }) else { return }
  var offset = start
  var parser = Unicode.UTF8.ForwardParser()
  var rest = bytes[start...].makeIterator()
  while true {
    switch parser.parseScalar(from: &rest) {
    case .valid(let scalar): offset += scalar.count
    case .emptyInput: return
    case .error:
      let line = 1 + bytes[..<offset].count { $0 == UInt8(ascii: "\n") }
      throw FormatError.notUTF8(line: line, offset: offset)
    }
  }
}
