import ArgumentParser
import Formats
import Safetensors
import Tensors
import ToolSupport

@main
struct Import: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-import",
    abstract: "Turn a table, an array or pictures into a dataset.",
    discussion: """
      Reads numbers in a common format and writes a dataset: input, one row an example, and target. \
      The format is told by the content, gzip-compressed or not:

      IDX, the format of MNIST, or NPY, NumPy's: the file is the input, --target names the file of class \
      ids, or of numbers to be learned.

      CSV or TSV: a line an example, with or without a header line. --class-column names the column of \
      class ids or names, --target-columns the columns of numbers to be learned, by their name in the \
      header or by their number from 1; all others are input.

      Pictures, PNG or netpbm's PGM and PPM, all of one size: a file, in which several of netpbm's may \
      follow each other, or a folder. The folders in it are the classes; ids and pictures are in the \
      order of their names.

        nn-import train-images-idx3-ubyte.gz \\
          --target train-labels-idx1-ubyte.gz -o train.safetensors.gz
        nn-import iris.csv --class-column species | nn-inspect
        nn-import photos/ -o photos.safetensors.gz

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken.
      """,
    version: version)

  @Argument(
    help: ArgumentHelp("The numbers, or a folder of pictures; - or none for standard input."))
  var file: String?

  @Option(help: ArgumentHelp("Targets for an array or pictures, in IDX or NPY.", valueName: "file"))
  var target: String?

  @Option(help: ArgumentHelp("The column of class ids or names.", valueName: "column"))
  var classColumn: String?

  @Option(help: ArgumentHelp("The columns of targets, separated by commas.", valueName: "columns"))
  var targetColumns: String?

  @Option(
    help: ArgumentHelp(
      "Write all numbers as one tensor of this name, as nn-init --weights takes it.",
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
    try output.write(try document())
    try output.finish()
  }

  private func document() throws -> Document {
    if let file, let folder = try PictureFolder(file) {
      try expectNoColumns()
      if folder.ids != nil && target != nil {
        throw StageError.usage("--target: the folders tell the classes")
      }
      let pictures = try folder.read(limit: documentLimit())
      return try locating(folder.name) {
        try dataset(of: pictures, ids: folder.ids, classes: folder.classes)
      }
    }
    let input = try BytesInput(file, as: "the numbers")
    let bytes = try input.bytes()
    return try locating(input.name) {
      try bytes.withUnsafeBytes { bytes in
        if ArrayFile.looksLikeArray(bytes) {
          try expectNoColumns()
          return try dataset(of: ArrayFile.tensor(from: bytes))
        }
        // Who names columns has a table, whatever its first word looks like.
        guard classColumn == nil && targetColumns == nil, PictureStack.looksLikePicture(bytes)
        else { return try tableDataset(bytes) }
        var pictures = PictureStack(limit: try documentLimit())
        try pictures.append(contentsOf: bytes)
        return try dataset(of: pictures.tensor())
      }
    }
  }

  /// - Parameters:
  ///   - ids: of the classes, where folders tell them.
  private func dataset(
    of input: Tensor, ids: Tensor? = nil, classes: [String]? = nil
  ) throws -> Document {
    if let tensor { return Document(tensors: [tensor: input]) }
    return try .dataset(input: input, target: ids ?? target.map(readTarget), classes: classes)
  }

  private func expectNoColumns() throws {
    if classColumn != nil || targetColumns != nil {
      throw StageError.usage("--class-column and --target-columns: only a table has columns")
    }
  }

  private func tableDataset(_ bytes: UnsafeRawBufferPointer) throws -> Document {
    if target != nil {
      throw StageError.usage(
        "--target: goes with an array or pictures, in a table --class-column names the ids")
    }
    let columns = targetColumns.map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    let table = try CSV.dataset(
      from: bytes,
      columns: CSV.ColumnChoice(
        classColumn: classColumn, targetColumns: (columns ?? []).map(String.init)))
    if let tensor { return Document(tensors: [tensor: table.input]) }
    return try .dataset(input: table.input, target: table.target, classes: table.classes)
  }

  /// Integers are class ids, one an example; other numbers are to be learned, a row an example.
  private func readTarget(_ path: String) throws -> Tensor {
    let input = try BytesInput(path, as: "--target")
    let bytes = try input.bytes()
    return try locating(input.name) {
      let target = try bytes.withUnsafeBytes { try ArrayFile.tensor(from: $0) }
      guard target.dtype.isInteger || target.dtype.isComputable else {
        throw DocumentError.wrongDType(
          Role.target, found: target.dtype, expected: "integers as class ids, F32 or F64")
      }
      if target.dtype.isInteger && target.shape.rank != 1 {
        throw DocumentError.wrongShape(
          Role.target, found: target.shape, expected: "one class id per example")
      }
      if target.dtype.isComputable && target.shape.rank == 1 {
        return target.reshaped([target.shape[0], 1])
      }
      return target
    }
  }
}
