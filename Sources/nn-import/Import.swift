import ArgumentParser
import Documents
import Formats
import Safetensors
import Stages
import Tensors

@main
struct Import: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-import",
    abstract: "Turn a table or an IDX file into a dataset.",
    discussion: """
      Reads numbers in a common format and writes a dataset: input, one row an example, and target. \
      The format is told by the content, gzip-compressed or not:

      IDX, the format of MNIST: the file is the input, --target names the file of class ids.

      CSV or TSV: a line an example, with or without a header line. --class-column names the column of \
      class ids or names, --target-columns the columns of numbers to be learned, by their name in the \
      header or by their number from 1; all others are input.

        nn-import train-images-idx3-ubyte.gz \\
          --target train-labels-idx1-ubyte.gz -o train.safetensors.gz
        nn-import iris.csv --class-column species | nn-inspect

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 73/74 output, 75 output taken.
      """,
    version: version)

  @Argument(help: ArgumentHelp("The numbers; - or none for standard input."))
  var file: String?

  @Option(help: ArgumentHelp("Class ids for an IDX file of inputs, also IDX.", valueName: "file"))
  var target: String?

  @Option(help: ArgumentHelp("The column of class ids or names.", valueName: "column"))
  var classColumn: String?

  @Option(help: ArgumentHelp("The columns of targets, separated by commas.", valueName: "columns"))
  var targetColumns: String?

  @Option(
    help: ArgumentHelp(
      "Write the whole table as one tensor of this name, as nn-init --weights takes it.",
      valueName: "name"))
  var tensor: String?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    let kinds = [
      ("--target", target), ("--class-column", classColumn), ("--target-columns", targetColumns),
      ("--tensor", tensor),
    ].filter { $0.1 != nil }
    if kinds.count > 1 {
      throw ValidationError("\(kinds[0].0) and \(kinds[1].0) exclude each other")
    }
    if tensor == "__metadata__" {
      throw ValidationError("--tensor: found '__metadata__', which is no name for a tensor")
    }
  }

  func run() throws {
    let output = try output.open()
    let input = try BytesInput(file, as: "the numbers")
    let bytes = try input.bytes()
    let document = try locating(input.name) {
      try bytes.withUnsafeBytes { bytes in
        try IDX.looksLikeIDX(bytes) ? idxDataset(bytes) : tableDataset(bytes)
      }
    }
    try output.write(document)
    try output.finish()
  }

  private func idxDataset(_ bytes: UnsafeRawBufferPointer) throws -> Document {
    if classColumn != nil || targetColumns != nil {
      throw StageError.usage("--class-column and --target-columns: an IDX file has no columns")
    }
    let input = try IDX.tensor(from: bytes)
    if let tensor { return Document(tensors: [tensor: input]) }
    return try .dataset(input: input, target: target.map(readTarget))
  }

  private func tableDataset(_ bytes: UnsafeRawBufferPointer) throws -> Document {
    if target != nil {
      throw StageError.usage(
        "--target: goes with an IDX file, in a table --class-column names the ids")
    }
    let columns = targetColumns.map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    let table = try CSV.dataset(
      from: bytes,
      columns: CSV.ColumnChoice(
        classColumn: classColumn, targetColumns: (columns ?? []).map(String.init)))
    if let tensor { return Document(tensors: [tensor: table.input]) }
    return try .dataset(input: table.input, target: table.target, classes: table.classes)
  }

  private func readTarget(_ path: String) throws -> Tensor {
    let input = try BytesInput(path, as: "--target")
    let bytes = try input.bytes()
    return try locating(input.name) {
      let target = try bytes.withUnsafeBytes { try IDX.tensor(from: $0) }
      guard target.dtype.isInteger else {
        throw DocumentError.wrongDType(
          Role.target, found: target.dtype, expected: "integers as class ids")
      }
      guard target.shape.rank == 1 else {
        throw DocumentError.wrongShape(
          Role.target, found: target.shape, expected: "one class id per example")
      }
      return target
    }
  }
}
