import ArgumentParser
import Compute
import Layers
import Tensors
import ToolSupport
import Training

@main
struct GradCheckTool: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-gradcheck",
    abstract: "Compare the gradients of backpropagation with numerical ones.",
    discussion: """
      Reads a batch with targets, or a small dataset, and prints a table, tab-separated: for each parameter tensor of \
      the model the element whose ∂loss/∂parameter is worst, found by backpropagation and as \
      (loss(w + h) - loss(w - h)) / 2h, both in F64. When one is wrong the worst of all is named on standard error. \
      Elements at a kink (relu at 0), where the sides have derivatives of their own, are counted apart.

        nn-batch train.safetensors.gz --size 8 --limit 1 \\
        | nn-gradcheck -m model.safetensors.gz

      Exit: 0 done, 64 usage, 65 bad data or a layer without a gradient, 66 file missing, 71 \
      no memory, 73/74 output, 80 NaN or infinity, 1 a gradient is outside the tolerance.
      """,
    version: version)

  @Argument(help: ArgumentHelp("The batch; - or none for standard input.", valueName: "batch"))
  var batch: String?

  @OptionGroup var model: ModelOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Elements of each tensor to check, or all.", valueName: "n|all"))
  var samples = CountOrAll(20)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The relative error that is allowed.", valueName: "number"))
  var tolerance = PositiveNumber(1e-5)

  @Flag(help: "Check the network as it answers: running statistics, no dropout.")
  var inference = false

  @OptionGroup var seed: SeedOptions
  @OptionGroup var jobs: JobsOptions
  @OptionGroup var messages: MessageOptions

  func run() throws {
    let text = try TextOutput()
    let model = try model.read { try Model($0) }
    let input = try openInput(batch, as: "the batch")
    let document = try input.one()
    let workers = ThreadPool(count: jobs.count)
    let check = try input.locating {
      try GradientCheck(
        of: model, on: document, inference ? .inference : .training, tolerance: tolerance.value,
        workers, memoryLimit: documentLimit())
    }
    try text.write("parameter\tchecked\tkinks\terror\tposition\tanalytic\tnumerical\n")
    var progress = Progress(quiet: messages.quiet)
    var number = 0
    let wrong = try check.run(samples: samples.value, seed: seed.seed) { finding in
      number += 1
      progress.show("\(number) of \(check.count) parameters")
      try text.write(row(of: finding))
    }
    progress.clear()
    try text.finish()
    guard let wrong, let worst = wrong.worst else { return }
    throw PredicateNo(
      "parameter '\(wrong.parameter)' at \(worst.position): found \(decimal(worst.analytic)) by backpropagation, "
        + "\(decimal(worst.numerical)) by differences: a relative error of "
        + "\(rounded(worst.error, digits: 3)), expected at most \(decimal(tolerance.value))")
  }

  private func row(of finding: GradientCheck.Finding) -> String {
    let head = [finding.parameter, String(finding.checked), String(finding.kinks)]
    let element = finding.worst.map {
      [
        rounded($0.error, digits: 3), "\($0.position)", decimal($0.analytic),
        decimal($0.numerical),
      ]
    }
    return (head + (element ?? ["-", "-", "-", "-"])).joined(separator: "\t") + "\n"
  }
}
