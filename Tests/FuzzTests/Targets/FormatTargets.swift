import Formats
import Tensors

/// Any bytes as an IDX file. Promised: what is accepted is all there, and is the array whose IDX file these bytes are.
@Sendable func checkIDX(_ bytes: UnsafeRawBufferPointer) throws {
  let found = try attempt { try IDX.tensor(from: bytes) }
  guard let tensor = found.content else { return }
  let code: UInt8? =
    switch tensor.dtype {
    case .u8: 0x08
    case .i8: 0x09
    case .i16: 0x0b
    case .i32: 0x0c
    case .f32: 0x0d
    case .f64: 0x0e
    default: nil
    }
  guard let code else { throw BrokenPromise(description: "an array of \(tensor.dtype)") }
  var file: [UInt8] = [0, 0, code, UInt8(tensor.shape.rank)]
  for dimension in tensor.shape.dimensions {
    withUnsafeBytes(of: UInt32(dimension).bigEndian) { file += $0 }
  }
  let width = tensor.dtype.bitWidth / 8
  tensor.withUnsafeBytes { elements in
    for start in stride(from: 0, to: elements.count, by: width) {
      file += elements[start..<start + width].reversed()
    }
  }
  try require(file.elementsEqual(bytes), "another array than the file's")
}

/// Behind a first line that chooses columns, separated by tabs, any bytes as a table: `class NAME`, or the names of
/// targets, or nothing. Promised: the numbers and classes, written as a plain table, are read back as the same.
@Sendable func checkCSV(_ bytes: UnsafeRawBufferPointer) throws {
  let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
  let words = String(decoding: line, as: UTF8.self)
    .split(separator: "\t", omittingEmptySubsequences: true).map(String.init)
  let choice =
    words.first == "class"
    ? CSV.ColumnChoice(
      classColumn: words.dropFirst().first, targetColumns: Array(words.dropFirst(2)))
    : CSV.ColumnChoice(targetColumns: words)
  let table = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(line.count + 1))
  let found = try attempt { try CSV.dataset(from: table, columns: choice) }
  guard let dataset = found.content else { return }
  let numbers = dataset.input.shape[1]
  var others = (0..<0)
  var again = CSV.ColumnChoice()
  if let target = dataset.target {
    others = numbers..<numbers + (target.dtype == .i64 ? 1 : target.shape[1])
    if target.dtype == .i64 {
      again.classColumn = String(numbers + 1)
    } else {
      again.targetColumns = others.map { String($0 + 1) }
    }
  }
  let text = plainTable(dataset)
  let back = try Array(text.utf8).withUnsafeBytes { try CSV.dataset(from: $0, columns: again) }
  try require(
    back.input == dataset.input && back.target == dataset.target
      && back.classes.map { $0.map { Array($0.utf8) } }
        == dataset.classes.map { $0.map { Array($0.utf8) } },
    "another dataset from its own table")
}

private func plainTable(_ dataset: CSV.Dataset) -> String {
  let (rows, columns) = (dataset.input.shape[0], dataset.input.shape[1])
  let input = dataset.input.values(of: Double.self)
  var text = ""
  for row in 0..<rows {
    var cells = input[row * columns..<(row + 1) * columns].map { "\($0)" }
    if let target = dataset.target, target.dtype == .i64 {
      let id = target.values(of: Int64.self)[row]
      let name = dataset.classes?[Int(id)]
      cells.append(
        name.map { "\"" + doubledQuotes($0) + "\"" } ?? "\(id)")
    } else if let target = dataset.target {
      let width = target.shape[1]
      cells += target.values(of: Double.self)[row * width..<(row + 1) * width].map { "\($0)" }
    }
    text += cells.joined(separator: ",") + "\r\n"
  }
  return text
}

private func doubledQuotes(_ name: String) -> String {
  String(decoding: name.utf8.flatMap { $0 == UInt8(ascii: "\"") ? [$0, $0] : [$0] }, as: UTF8.self)
}
