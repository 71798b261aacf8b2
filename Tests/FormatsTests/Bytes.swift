import Formats
import Tensors
import Testing

/// The tensor of an IDX file with these bytes.
func readIDX(_ bytes: [UInt8]) throws -> Tensor {
  try bytes.withUnsafeBytes { try IDX.tensor(from: $0) }
}

/// The tensors of a table with these bytes.
func readCSV(
  _ bytes: [UInt8], classColumn: String? = nil, targetColumns: [String] = []
) throws -> CSV.Dataset {
  try bytes.withUnsafeBytes {
    try CSV.dataset(
      from: $0, columns: .init(classColumn: classColumn, targetColumns: targetColumns))
  }
}

/// The tensors of a table with this text.
func readCSV(
  _ text: String, classColumn: String? = nil, targetColumns: [String] = []
) throws -> CSV.Dataset {
  try readCSV(Array(text.utf8), classColumn: classColumn, targetColumns: targetColumns)
}

/// Expects exactly this error, and that it says this.
func expectError(
  _ expected: FormatError, _ message: String,
  sourceLocation: SourceLocation = #_sourceLocation, from body: () throws -> Void
) {
  #expect(throws: expected, sourceLocation: sourceLocation) { try body() }
  #expect(expected.description == message, sourceLocation: sourceLocation)
}
