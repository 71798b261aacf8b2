import ArgumentParser
import Safetensors
import Tensors
import ToolSupport
import Training

@main
struct Eval: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-eval",
    abstract: "Measure predictions: loss and accuracy.",
    discussion: """
      Reads predictions and writes a table, tab-separated, with a header line: the mean loss, the share of \
      right answers and the number of examples. The answer is the class with the largest output; a single \
      output counts as class 1 above 0.5, after the loss hinge above 0. Where targets are numbers and name no class, the accuracy is "-".

        nn-forward -m model.safetensors.gz test.safetensors.gz | nn-eval
        nn-forward -m model.safetensors.gz test.safetensors.gz \\
        | nn-eval --append metrics.tsv --set epoch=3 --set split=test

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken, 80 NaN or infinity.
      """,
    version: version)

  @Argument(
    help: ArgumentHelp("Predictions; - or none for standard input.", valueName: "predictions"))
  var predictions: String?

  @Option(help: ArgumentHelp("Append a line to this table instead.", valueName: "file"))
  var append: String?

  @Option(
    help: ArgumentHelp(
      "A column of your own: epoch and split stand first, others last.", valueName: "column=value"))
  var set: [Column] = []

  @Option(
    name: [.short, .customLong("output")],
    help: ArgumentHelp("Write the table here instead of to standard output.", valueName: "file"))
  var output: String?

  func validate() throws {
    if append != nil && output != nil {
      throw ValidationError("--append and --output exclude each other")
    }
    let names = set.map(\.name) + ["loss", "accuracy", "examples"]
    if Set(names).count < names.count { throw ValidationError("--set: a column is given twice") }
  }

  func run() throws {
    let input = try openInput(predictions, as: "the predictions")
    var metrics = Metrics()
    while let prediction = try input.next() {
      try input.locating { try metrics.add(prediction) }
    }
    try input.locating { try metrics.requireExamples() }
    let measured = [
      Column("loss", decimal(metrics.loss)),
      Column("accuracy", metrics.accuracy.map { decimal($0) } ?? "-"),
      Column("examples", String(metrics.examples)),
    ]
    let leading = ["epoch", "split"].compactMap { name in set.first { $0.name == name } }
    let trailing = set.filter { column in !leading.contains { $0.name == column.name } }
    let columns = leading + measured + trailing
    let header = columns.map(\.name).joined(separator: "\t") + "\n"
    let row = columns.map(\.value).joined(separator: "\t") + "\n"
    if let append {
      try appendRow(row, under: header, to: append)
    } else {
      let table = try TextOutput(output)
      try table.write(header + row)
      try table.finish()
    }
  }
}

/// A column of the table and what stands in it.
struct Column: OptionValue {
  static let expected = "COLUMN=VALUE, without control characters"
  let name: String
  let value: String

  init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  init?(text: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, printable(text) == text else { return nil }
    self.init(String(parts[0]), String(parts[1]))
  }
}
