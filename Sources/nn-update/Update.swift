import ArgumentParser
import Compute
import Safetensors
import Tensors
import ToolSupport
import Training

@main
struct Update: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-update",
    abstract: "Correct a model's weights by a gradient.",
    discussion: """
      Reads a gradient and writes the corrected model; the only stage that changes one. The rule sgd is \
      weight - rate * gradient, the gradient being divided by its number of examples (--reduce mean) or \
      taken as the sum that it is (--reduce sum).

        nn-backprop trace.safetensors.gz \\
        | nn-update -m model.safetensors.gz --rate 0.1 -o next.safetensors.gz

      In a ring, --feedback names the FIFO that nn-forward --follow reads: after every gradient of the \
      stream the corrected model is sent there, and the last one is written to --output.

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken, 80 NaN or infinity, 141 reader gone.
      """,
    version: version)

  static let feedbackOption: String? = "--feedback"

  @Argument(
    help: ArgumentHelp("The gradient; - or none for standard input.", valueName: "gradient"))
  var gradient: String?

  @OptionGroup var model: ModelOptions
  @OptionGroup var update: UpdateOptions

  @Option(help: ArgumentHelp("Send every corrected model there.", valueName: "fifo"))
  var feedback: String?

  @Flag(
    help: """
      With --feedback: this stage stands in a ring of this build, with nothing between it and \
      nn-forward.
      """)
  var ring = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if ring && feedback == nil { throw ValidationError("--ring goes with --feedback") }
  }

  func run() throws {
    let feedbackOutput = try feedback.map {
      try FeedbackOutput($0, isOfStandardInput: gradient == nil || gradient == "-", lending: ring)
    }
    let output = try output.open()
    let settings = try update.settings()
    var model = try model.read(watching: output) { try update.prepared(Model($0), for: settings) }
    let workers = ThreadPool(count: 1)
    let input = try openInput(gradient, as: "the gradient", watching: output)
    var gradients = 0
    while let gradient = try input.next() {
      gradients += 1
      // This gradient has come of the model before.
      feedbackOutput?.takeBack()
      try input.locating {
        if gradients > 1 && feedback == nil { throw TrainingError.secondGradient }
        try learn(&model, gradient, settings, workers, output)
      }
      try feedbackOutput?.send(model.documentForForward())
    }
    if gradients == 0 { try input.locating { throw TrainingError.noGradients } }
    try output.write(model.document())
    try output.finish()
  }

  /// In a ring nobody could have the model and the gradient of a step that fails; so it keeps them.
  private func learn(
    _ model: inout Model, _ gradient: Document, _ settings: UpdateSettings, _ workers: ThreadPool,
    _ output: DocumentOutput
  ) throws {
    do {
      try model.learn(gradient, settings, workers)
    } catch let fault as any Fault {
      guard fault.isNumerical, feedback != nil else { throw fault }
      let advice = output.keepFailedStep(
        model: model.document(), gradient: gradient, settings)
      throw AdvisedError(fault, advice: advice)
    }
  }
}
