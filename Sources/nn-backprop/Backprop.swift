import ArgumentParser
import Compute
import ToolSupport
import Training

@main
struct BackpropTool: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-backprop",
    abstract: "Push errors backward through a network.",
    discussion: """
      Reads traces and writes gradients: under each parameter's name the sum over the batch's examples \
      of ∂loss/∂parameter. With --deltas also, for every layer and example, LAYER.error (∂loss/∂output), \
      LAYER.derivative and LAYER.delta (∂loss/∂sum).

        nn-forward -m model.safetensors.gz --trace batch.safetensors.gz \\
        | nn-backprop --deltas | nn-inspect

      Exit: 0 done, 64 usage, 65 bad data or a layer without a gradient, 66 file missing, 71 \
      no memory, 73/74 output, 75 output taken, 80 NaN or infinity, 141 reader gone.
      """,
    version: version)

  @Argument(help: ArgumentHelp("Traces; - or none for standard input.", valueName: "traces"))
  var traces: String?

  @Flag(help: "Write errors, derivatives and deltas too.")
  var deltas = false

  @Flag(
    help: """
      This stage stands in a ring of this build, with nothing between it and nn-update.
      """)
  var ring = false

  @OptionGroup var jobs: JobsOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let output = try output.open(lending: ring)
    var backprop = try Backprop(
      keepingDeltas: deltas, ThreadPool(count: jobs.count, patience: .short),
      memoryLimit: documentLimit())
    let input = try openInput(traces, as: "the traces", watching: output)
    try transform(input, into: output) { trace in
      // This trace has come of the gradient before.
      output.takeBack()
      return try backprop.gradient(of: trace)
    }
  }
}
