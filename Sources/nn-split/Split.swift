import ArgumentParser
import Safetensors
import Tensors
import ToolSupport
import Training

@main
struct Split: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-split",
    abstract: "Split a dataset in two, at random.",
    discussion: """
      Reads datasets, which count as one, and writes two: a fraction of the rows, drawn without replacement, and the \
      rest. Both keep the order of the rows.

        nn-import digits.csv --class-column class \\
        | nn-split --fraction 0.8 -o train.safetensors.gz --rest test.safetensors.gz

      Exit: 0 done, 64 usage, 65 bad data or an empty part, 66 file missing, 71 no memory, \
      73/74 output, 75 output taken, 141 reader gone.
      """,
    version: version)

  @Argument(help: ArgumentHelp("Datasets; - or none for standard input.", valueName: "dataset"))
  var datasets: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The share of the rows in the first part, between 0 and 1."))
  var fraction: Fraction

  @OptionGroup var seed: SeedOptions
  @OptionGroup var output: OutputOptions

  @Option(help: ArgumentHelp("Write the other rows here.", valueName: "file"))
  var rest: String

  func validate() throws {
    if rest == "-" && output.output ?? "-" == "-" {
      throw ValidationError("two outputs to standard output: --output and --rest")
    }
  }

  func run() throws {
    let output = try output.open()
    let restOutput = try DocumentOutput(rest, level: self.output.level?.value)
    let (dataset, _) = try readDatasets(datasets, watching: output)
    let names = datasets.isEmpty || datasets == ["-"] ? ["<stdin>"] : datasets.map(printable)
    let (part, others) = try locating(names.joined(separator: " ")) {
      try split(dataset, fraction: fraction.value, seed: seed.seed)
    }
    try output.write(part)
    try restOutput.write(others)
    try output.finish()
    try restOutput.finish()
  }
}
