import ArgumentParser
import Compute
import Safetensors
import Tensors
import ToolSupport
import Training

@main
struct ForwardTool: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-forward",
    abstract: "Push signals forward through a network.",
    discussion: """
      Reads batches or a dataset and writes predictions: output, and where the target is known the loss \
      of every example. With --trace it writes traces instead: every layer's output and what nn-backprop \
      needs. A document that stands alone is answered by one, a stream by a stream.

        nn-forward -m model.safetensors.gz test.safetensors.gz | nn-eval

      In a ring, --follow names the FIFO that nn-update --feedback writes: the first batch meets \
      --model, every later one the next model from there.

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken, 80 NaN or infinity, 141 reader gone.
      """,
    version: version)

  @Argument(
    help: ArgumentHelp("Batches or a dataset; - or none for standard input.", valueName: "batches"))
  var batches: String?

  @OptionGroup var model: ModelOptions

  @Flag(help: "Write traces, for nn-backprop and for looking inside.")
  var trace = false

  @Flag(help: "Trace as the trained network answers: running statistics, no dropout.")
  var inference = false

  @Flag(help: "In a trace, keep LAYER.sum also where nn-backprop does not need it.")
  var sums = false

  @Option(
    help: ArgumentHelp(
      "Take a new model from here before every batch but the first.", valueName: "fifo"))
  var follow: String?

  @Flag(
    help: """
      With --trace --follow: this stage stands in a ring of this build, with nothing between it and \
      nn-backprop. Quicker; its traces are private (docs/FORMAT.md).
      """)
  var ring = false

  @OptionGroup var jobs: JobsOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    for (name, flag) in [("--inference", inference), ("--sums", sums)] where flag && !trace {
      throw ValidationError("\(name) goes with --trace")
    }
    if ring && (!trace || follow == nil) {
      throw ValidationError("--ring goes with --trace and --follow")
    }
    if ring && (inference || sums) {
      throw ValidationError("--ring goes neither with --inference nor with --sums")
    }
  }

  func run() throws {
    let feedback = try follow.map { try FeedbackInput($0) }
    let output = try output.open(lending: ring)
    let workers = ThreadPool(count: jobs.count, patience: .short)
    let start = try model.read(watching: output) {
      try Forward(Model($0), workers, memoryLimit: documentLimit())
    }
    var forward = start
    var isFirst = true
    let input = try openInput(batches, as: "the batches", watching: output)
    try transform(input, into: output) { batch in
      // In a ring the whole epoch will come, and what its end would bring to light had better show before its first step.
      if isFirst, feedback != nil, trace, !inference { try forward.foresee(batch) }
      func explaining<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let fault as any Fault {
          throw forward.explained(fault, by: batch)
        }
      }
      // What needs no weights is done while they are still being corrected.
      let kind = ring ? Forward.TraceKind.brief : sums ? .outputsAndSums : .outputs
      let prepared =
        trace
        ? try explaining {
          try forward.prepared(batch, inference ? .inference : .training, kind)
        } : nil
      if let feedback, !isFirst {
        try feedback.next(watching: output) { try forward.follow($0) }
        // This model has come of the trace before.
        output.takeBack()
      }
      isFirst = false
      guard let prepared else { return try forward.prediction(of: batch) }
      return try explaining { try forward.trace(of: prepared) }
    }
  }
}
