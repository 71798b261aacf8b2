import ArgumentParser
import Networks
import Safetensors
import Tensors
import ToolSupport
import Training

@main
struct CheckTool: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-check",
    abstract: "Check whether a dataset is fit to train a model further.",
    discussion: """
      Reads a dataset and prints a table, tab-separated, with a line for each check: good or refused, what was found, what was \
      expected. Checked are the shape against the model's topology, targets, the balance of classes and rows that repeat one \
      another; with --learned also types, names of classes, ranges and spread beside what was learned; with --holdout whether \
      rows of that are among them. Rows are compared by a hash of their input in the model's type. The first line is a hash \
      of inputs, targets and names of classes, which names the content however the file is compressed.

        nn-import new.csv --class-column 65 \\
        | nn-check -m model.safetensors.gz --learned old.safetensors.gz

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 1 a \
      check refuses the dataset.
      """,
    version: version)

  @Argument(help: ArgumentHelp("The dataset; - or none for standard input.", valueName: "dataset"))
  var dataset: String?

  @OptionGroup var model: ModelOptions

  @Option(
    help: ArgumentHelp(
      "What was learned already; may be given several times.", valueName: "dataset"))
  var learned: [String] = []

  @Option(
    help: ArgumentHelp(
      "What no dataset may hold rows of; may be given several times.", valueName: "dataset"))
  var holdout: [String] = []

  @OptionGroup var options: CheckOptions

  @Option(
    name: [.short, .customLong("output")],
    help: ArgumentHelp("Write the table here instead of to standard output.", valueName: "file"))
  var output: String?

  func run() throws {
    let text = try TextOutput(output)
    var check = try model.read { document in
      let model = try Model(document)
      let network = try Network(topology: model.topology)
      try network.checkParameters(model.parameters)
      return try DatasetCheck(
        network, dtype: model.dtype, options.limits, memoryLimit: documentLimit())
    }
    let input = try openInput(dataset, as: "the dataset")
    let document = try input.one()
    let dataset = try input.locating {
      let dataset = try Dataset(document)
      try check.checkMemory(of: dataset)
      return dataset
    }
    for path in learned { try read(path, as: "--learned") { try check.addLearned($0) } }
    for path in holdout { try read(path, as: "--holdout") { try check.addHoldout($0) } }
    let findings = check.findings(on: dataset)
    try text.write("check\tverdict\tfound\texpected\n")
    try text.write("content\tgood\t\(contentHash(of: document))\t-\n")
    for finding in findings {
      let verdict = finding.isRefused ? "refused" : "good"
      try text.write(
        "\(finding.check)\t\(verdict)\t\(finding.found)\t\(finding.expected ?? "-")\n")
    }
    try text.finish()
    guard let first = findings.first(where: \.isRefused) else { return }
    let others = findings.count { $0.isRefused } - 1
    throw PredicateNo(
      "\(input.name): \(first.check): found \(first.found)"
        + (first.expected.map { ", expected \($0)" } ?? "")
        + (others == 0 ? "" : " (and \(others) more)"))
  }

  private func read(_ path: String, as role: String, _ add: (Dataset) throws -> Void) throws {
    let input = try openInput(path, as: role)
    let document = try input.one()
    try input.locating { try add(Dataset(document)) }
  }
}
