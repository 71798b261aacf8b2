import Formats
import Tensors
import Testing

@Test func readsNumbersWithoutHeader() throws {
  let dataset = try readCSV("1,2.5\n-3,4e2\n0,.5\n")
  #expect(dataset.input == Tensor([1, 2.5, -3, 400, 0, 0.5] as [Double], shape: [3, 2]))
  #expect(dataset.target == nil)
  #expect(dataset.classes == nil)
}

@Test(arguments: [
  "a,b\n1,2\n3,4\n", "a,b\r\n1,2\r\n3,4\r\n", "a,b\n1,2\n3,4", "a,b\r\n1,2\n3,4\r\n",
  "a,b\n1,2\n3,4\n\n  \n\r\n", "\u{FEFF}a,b\n1,2\n3,4\n", "\u{FEFF}1,2\n3,4",
  " a , b \n 1 , 2 \n3,  4  ", "a\tb\n1\t2\n3\t4\n", " 1 \t 2 \n 3\t4",
  "\"a\",\"b\"\n\"1\",2\n3, \"4\" \n", "\"a\tx\",b\n1,2\n3,4", "\"a\ny\",b\n1,2\n3,4",
  "\"a,x\"\tb\n1\t2\n3\t4", ",b\n1,2\n3,4", "größe,宽\n1,2\n3,4",
])
func readsTheSameTableHoweverItIsWritten(text: String) throws {
  #expect(try readCSV(text).input == Tensor([1, 2, 3, 4] as [Double], shape: [2, 2]))
}

@Test func readsASingleColumnAndASingleCell() throws {
  #expect(try readCSV("1\n2\n3").input == Tensor([1, 2, 3] as [Double], shape: [3, 1]))
  #expect(try readCSV("7").input == Tensor([7] as [Double], shape: [1, 1]))
}

@Test func readsTheLastCellWhateverFollowsIt() throws {
  for end in ["", "\n", "\r\n", " ", " \n", "\n\n"] {
    #expect(try readCSV("1,2" + end).input == Tensor([1, 2] as [Double], shape: [1, 2]))
    #expect(try readCSV("1,\"2\"" + end).input == Tensor([1, 2] as [Double], shape: [1, 2]))
  }
}

// MARK: Columns

private let flowers = "length,width,kind\n1,2,rose\n3,4,lily\n5,6,rose\n"

@Test func takesColumnsByNameOrNumber() throws {
  let expected = Tensor([2, 4, 6] as [Double], shape: [3, 1])
  for name in ["length", "1"] {
    let dataset = try readCSV("length,width\n1,2\n3,4\n5,6\n", targetColumns: [name])
    #expect(dataset.input == expected)
    #expect(dataset.target == Tensor([1, 3, 5] as [Double], shape: [3, 1]))
  }
}

@Test func keepsTheChosenOrderOfTargetColumns() throws {
  let dataset = try readCSV("1,2,3,4\n5,6,7,8\n", targetColumns: ["4", "2"])
  #expect(dataset.input == Tensor([1, 3, 5, 7] as [Double], shape: [2, 2]))
  #expect(dataset.target == Tensor([4, 2, 8, 6] as [Double], shape: [2, 2]))
  #expect(dataset.classes == nil)
}

@Test func numbersClassNamesInTheOrderOfTheirBytes() throws {
  let dataset = try readCSV(flowers, classColumn: "kind")
  #expect(dataset.input == Tensor([1, 2, 3, 4, 5, 6] as [Double], shape: [3, 2]))
  #expect(dataset.target == Tensor([1, 0, 1] as [Int64]))
  #expect(dataset.classes == ["lily", "rose"])

  let names = try readCSV("1,ä\n1,z\n1,Z\n1,\"a \"\"b\"\"\"\n1,a\n", classColumn: "2")
  #expect(names.classes == ["Z", "a", "a \"b\"", "z", "ä"])
  #expect(names.target == Tensor([4, 3, 0, 2, 1] as [Int64]))
}

/// One é is a letter, the other a letter and an accent; they are different names.
@Test func tellsClassNamesApartByTheirBytes() throws {
  let dataset = try readCSV("1,\u{E9}\n2,e\u{301}\n", classColumn: "2")
  #expect(dataset.target == Tensor([1, 0] as [Int64]))
  #expect(dataset.classes?.count == 2)
}

@Test func takesWholeNumbersAsClassIDs() throws {
  let dataset = try readCSV("x,class\n0.5,9\n0.25,0\n1,3.0\n1,1e1\n", classColumn: "class")
  #expect(dataset.target == Tensor([9, 0, 3, 10] as [Int64]))
  #expect(dataset.classes == nil)
}

@Test func refusesAWrongChoiceOfColumns() {
  expectError(
    .unknownColumn("widht", known: ["length", "width", "kind"]),
    "column 'widht': found no such column, expected one of ['length', 'width', 'kind'] "
      + "or a number from 1 to 3"
  ) { _ = try readCSV(flowers, classColumn: "widht") }
  expectError(
    .columnWithoutHeader("kind", columnCount: 2),
    "column 'kind': found no header line to name columns, expected a number from 1 to 2"
  ) { _ = try readCSV("1,2\n", classColumn: "kind") }
  for name in ["0", "4", "99999999999999999999"] {
    expectError(
      .columnOutside(name, columnCount: 3),
      "column '\(name)': found 3 columns, expected a number from 1 to 3"
    ) { _ = try readCSV(flowers, classColumn: name) }
  }
  expectError(
    .ambiguousColumn("x", columns: [1, 3]),
    "column 'x': found the name at columns [1, 3], expected a number to tell them apart"
  ) { _ = try readCSV("x,y,x\n1,2,3\n", targetColumns: ["x"]) }
  expectError(
    .columnChosenTwice(2, name: "width"), "column 2 ('width'): found it chosen twice, expected once"
  ) { _ = try readCSV(flowers, targetColumns: ["width", "1", "2"]) }
  expectError(
    .classAndTargets, "found a class column and target columns, expected one of them"
  ) { _ = try readCSV(flowers, classColumn: "kind", targetColumns: ["1"]) }
  expectError(
    .noInputColumn, "found every column chosen as a target, expected at least one left as input"
  ) { _ = try readCSV("1,2\n", targetColumns: ["1", "2"]) }
}

// MARK: Form

@Test func refusesTablesWithoutRows() {
  for text in ["", "\n\n", "\u{FEFF}", "  "] {
    expectError(.noRows(hasHeader: false), "found an empty table, expected at least one row") {
      _ = try readCSV(text)
    }
  }
  expectError(
    .noRows(hasHeader: true), "found a header line and no rows, expected at least one row"
  ) { _ = try readCSV("a,b\n\n") }
}

@Test func refusesRowsOfAnotherLength() {
  expectError(
    .raggedRow(line: 3, found: 3, expected: 4, asInLine: 1),
    "line 3: found 3 cells, expected 4 as in line 1"
  ) { _ = try readCSV("a,b,c,d\n1,2,3,4\n1,2,3\n") }
  #expect(throws: FormatError.raggedRow(line: 2, found: 3, expected: 2, asInLine: 1)) {
    _ = try readCSV("1,2\n3,4,\n")
  }
}

@Test func refusesBlankLinesBeforeARow() {
  expectError(.blankLine(2), "line 2: found a blank line, expected a row") {
    _ = try readCSV("1\n\n2\n")
  }
  #expect(throws: FormatError.blankLine(1)) { _ = try readCSV("\n1\n") }
  #expect(throws: FormatError.blankLine(3)) { _ = try readCSV("a\n1\n  \r\n\n2") }
}

@Test func refusesBrokenQuotes() {
  expectError(
    .unterminatedQuote(line: 2, column: 2),
    "line 2, column 2: input ended inside quotes, expected a closing quote"
  ) { _ = try readCSV("a,b\n1,\"2\n3,4\n") }
  expectError(
    .textAfterQuote(line: 1, column: 1, found: "x y"),
    "line 1, column 1: found 'x y' after the closing quote, expected the end of the cell"
  ) { _ = try readCSV("\"a\" x y,b\n1,2\n") }
  expectError(
    .quoteInsideCell(line: 2, column: 1),
    "line 2, column 1: found a quote inside a cell that does not begin with one"
  ) { _ = try readCSV("a,b\n1\"2\",3\n") }
  #expect(throws: FormatError.unterminatedQuote(line: 1, column: 1)) { _ = try readCSV("\"\"\"") }
}

@Test func refusesACarriageReturnAlone() {
  expectError(
    .carriageReturn(line: 2),
    "line 2: found a carriage return outside quotes, expected a line feed after it"
  ) { _ = try readCSV("a,b\r\n1,2\r3,4\r\n") }
  #expect(throws: FormatError.carriageReturn(line: 1)) { _ = try readCSV("1,2\r") }
  #expect(throws: FormatError.carriageReturn(line: 2)) { _ = try readCSV("1,2\n\r") }
}

@Test func countsLinesThroughQuotedLineBreaks() {
  #expect(throws: FormatError.notNumber(.init(line: 4, column: 2, name: "b"), found: "x")) {
    _ = try readCSV("\"a\n\r\na\",b\n1,x\n")
  }
}

@Test(
  arguments: [
    [0xFF], [0xC3], [0xE2, 0x82], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
  ] as [[UInt8]])
func refusesBytesThatAreNotUTF8(bytes: [UInt8]) {
  expectError(.notUTF8(line: 2, offset: 6), "line 2, byte 6: found bytes that are not UTF-8") {
    _ = try readCSV(Array("ä,b\n1".utf8) + bytes + Array(",2\n".utf8))
  }
}

// MARK: Cells

@Test func refusesWordsWhereNumbersBelong() {
  expectError(
    .notNumber(.init(line: 2, column: 3, name: "width"), found: "abc"),
    "line 2, column 3 ('width'): found 'abc', expected a number"
  ) { _ = try readCSV("x,y,width\n1,2,abc\n") }
  expectError(
    .notNumber(.init(line: 1, column: 1), found: "id"),
    "line 1, column 1: found 'id', expected a number"
  ) { _ = try readCSV("id,2019\n1,2\n") }
  #expect(throws: FormatError.notNumber(.init(line: 2, column: 1), found: "b")) {
    _ = try readCSV("1,2\nb,3\n", targetColumns: ["1"])
  }
  #expect(throws: FormatError.notNumber(.init(line: 1, column: 1), found: " 1")) {
    _ = try readCSV("\" 1\",2\n")
  }
}

@Test func refusesMissingNumbers() {
  expectError(
    .notNumber(.init(line: 2, column: 2), found: ""),
    "line 2, column 2: found an empty cell, expected a number"
  ) { _ = try readCSV("1,2\n3,\n") }
  #expect(throws: FormatError.notNumber(.init(line: 1, column: 1), found: "")) {
    _ = try readCSV(",\n1,2\n")
  }
}

@Test func refusesNumbersThatAreNotFinite() {
  expectError(
    .notFinite(.init(line: 2, column: 1, name: "a"), found: "NaN"),
    "line 2, column 1 ('a'): found NaN, expected a finite number"
  ) { _ = try readCSV("a\nnan\n") }
  #expect(throws: FormatError.notFinite(.init(line: 1, column: 2), found: "infinity")) {
    _ = try readCSV("1,-inf\n")
  }
  // A first line of them is no header either.
  #expect(throws: FormatError.notFinite(.init(line: 1, column: 1), found: "NaN")) {
    _ = try readCSV("NaN,NaN\n1,2\n")
  }
  expectError(
    .numberOverflow(.init(line: 1, column: 1), found: "1e999"),
    "line 1, column 1: found '1e999', expected at most 1.7976931348623157e+308"
  ) { _ = try readCSV("1e999") }
}

@Test func refusesAClassColumnOfNamesAndIDs() {
  expectError(
    .notClass(
      .init(line: 3, column: 2, name: "kind"), found: "lily", expected: .ids, asInLine: 2),
    "line 3, column 2 ('kind'): found 'lily', expected a class id as in line 2"
  ) { _ = try readCSV("x,kind\n1,0\n2,lily\n", classColumn: "kind") }
  expectError(
    .notClass(.init(line: 3, column: 2), found: "7", expected: .names, asInLine: 1),
    "line 3, column 2: found '7', expected a class name as in line 1"
  ) { _ = try readCSV("1,lily\n2,rose\n3,7\n", classColumn: "2") }
}

@Test func refusesClassIDsThatAreNotCounts() {
  for found in ["-1", "2.5", "9007199254740994", "1e999"] {
    expectError(
      .notClassID(.init(line: 2, column: 2, name: "kind"), found: found),
      "line 2, column 2 ('kind'): found '\(found)', expected a class id: a whole number from 0"
    ) { _ = try readCSV("x,kind\n1,\(found)\n", classColumn: "kind") }
  }
  expectError(
    .emptyClass(.init(line: 2, column: 2, name: "kind")),
    "line 2, column 2 ('kind'): found an empty cell, expected a class"
  ) { _ = try readCSV("x,kind\n1,\n", classColumn: "kind") }
  #expect(throws: FormatError.notFinite(.init(line: 1, column: 2), found: "NaN")) {
    _ = try readCSV("1,nan\n", classColumn: "2")
  }
}

@Test func showsCellsShortenedAndWithoutControlCharacters() {
  #expect(
    FormatError.notNumber(
      .init(line: 2, column: 1, name: "a\nb"),
      found: "\u{1B}[2J" + String(repeating: "x", count: 50)
    ).description
      == "line 2, column 1 ('a\\nb'): found '\\u{1B}[2J" + String(repeating: "x", count: 36)
      + "…', expected a number")
}

@Test func listsTenColumnsAtMost() {
  let header = (1...12).map { "c\($0)" }
  let message = FormatError.unknownColumn("x", known: header).description
  #expect(
    message
      == "column 'x': found no such column, expected one of ['c1', 'c2', 'c3', 'c4', 'c5', "
      + "'c6', 'c7', 'c8', 'c9', 'c10', …] or a number from 1 to 12")
}

/// No cut through a table may pass for another one with the same number of columns and rows.
@Test func refusesOrShortensNothingSilentlyWhenATableIsCut() throws {
  let whole = Array("a,\"b\"\n10,\"20\"\n30,\"40\"\n".utf8)
  let rows = try readCSV(whole).input.shape[0]
  #expect(rows == 2)
  let lastQuote = whole.count - 2
  for count in 0..<lastQuote {
    let found = try? readCSV(Array(whole.prefix(count))).input.shape[0]
    #expect(found != rows, "cut after \(count) bytes")
  }
}
