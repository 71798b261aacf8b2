import ArgumentParser
import Compute
import Safetensors
import Tensors
import ToolSupport
import Training

@main
struct Train: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-train",
    abstract:
      "Train a model: the ring of nn-batch, nn-forward, nn-backprop and nn-update in one process.",
    discussion: """
      Reads datasets, which count as one, and a model, and writes the model trained until it has finished \
      epoch --epochs. The same steps as the ring of pipes, and the same bytes. A model that stopped inside \
      an epoch goes on at its next batch. With --shuffle-buffer the datasets may be larger than memory, as for \
      nn-batch. With distortions every batch passes through them first, as \
      through nn-augment.

      On SIGINT or SIGTERM it finishes its step, writes the model as it is to partial.NAME beside the output NAME, \
      and ends by the signal; a second signal ends it at once, and so does the first where the output is no \
      file. Going on from there, or after --time-limit, ends in the same bytes.

      \(AugmentationOptions.rangeHelp)

        nn-init digits.net \\
        | nn-train train.safetensors.gz -m - --epochs 9 --rate 0.1 \\
          -o model.safetensors.gz

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken, 80 NaN or infinity, 130/143 interrupted, 141 reader gone.
      """,
    version: version)

  @Argument(help: ArgumentHelp("Datasets; - or none for standard input.", valueName: "dataset"))
  var datasets: [String] = []

  @OptionGroup var model: ModelOptions
  @OptionGroup var batching: BatchingOptions
  @OptionGroup var distortions: AugmentationOptions
  @OptionGroup var update: UpdateOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Train until the model has finished this epoch.", valueName: "n"))
  var epochs: PositiveInteger

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Stop after this many steps.", valueName: "n"))
  var limit: NaturalNumber?

  @OptionGroup var stops: StopOptions
  @OptionGroup var jobs: JobsOptions
  @OptionGroup var messages: MessageOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let timeLimit = stops.limit
    let output = try output.open()
    let settings = try update.settings(epochs: epochs.value)
    let start = try model.read(watching: output) {
      let start = try update.prepared(Model($0), for: settings)
      if update.schedule.schedule == .plateau && start.epoch + 1 < epochs.value {
        throw StageError.usage(
          "--schedule plateau: nn-train can go one epoch at a time, to --epochs \(start.epoch + 1): "
            + "every further one needs another --validation-loss")
      }
      return start
    }
    let data = try readData(
      datasets, batching.batching, epochs: max(1, epochs.value - start.epoch), watching: output)
    let workers = ThreadPool(count: jobs.count)
    var trainer = try locating(model.model == "-" ? "<stdin>" : printable(model.model)) {
      try Trainer(
        start, on: data, batching.batching, settings, workers, distorting: distortions.augmentation,
        memoryLimit: documentLimit())
    }
    if output.hasFolder { Interruption.noteSignals() }
    let ending: Trainer.Ending
    do {
      ending = try run(&trainer, timeLimit)
    } catch {
      guard let batch = trainer.failedBatch else { throw error }
      let model = trainer.model.document()
      throw AdvisedError(
        error, advice: output.keepFailedStep(model: model, batch: batch, settings))
    }
    try output.finish(
      trainer.model, isPartial: ending == .stopped && Interruption.signal != nil)
    Interruption.end()
  }

  /// Errors about the model name its file, those of a step the dataset's.
  private func run(
    _ trainer: inout Trainer, _ timeLimit: TimeLimit
  ) throws -> Trainer.Ending {
    var progress = Progress(quiet: messages.quiet)
    defer { progress.clear() }
    let data = datasets.isEmpty || datasets == ["-"] ? ["<stdin>"] : datasets.map(printable)
    return try locating(data.joined(separator: " ")) {
      do {
        return try trainer.run(
          untilEpoch: epochs.value, limit: limit?.value, belowLoss: stops.goal,
          isStopped: { Interruption.signal != nil || timeLimit.isOver }
        ) { step in
          progress.show(
            "epoch \(step.epoch) of \(epochs.value), step \(step.step) of \(step.steps), "
              + "loss \(step.loss)")
        }
      } catch let error as TrainingError {
        return try locating(model.model == "-" ? "<stdin>" : printable(model.model)) {
          throw error
        }
      }
    }
  }
}
