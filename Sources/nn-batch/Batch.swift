import ArgumentParser
import Safetensors
import ToolSupport
import Training

@main
struct Batch: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-batch",
    abstract: "Cut a dataset into the batches of an epoch.",
    discussion: """
      Reads datasets, which count as one, and writes a stream of batches: input, target and the rows' \
      index. The order is a pure function of seed and epoch. With --limit 1 the one batch stands alone.

      Data larger than memory: cut it into many files and give --shuffle-buffer. Files come in a new order \
      in every epoch, their rows pass through a buffer of that many rows, and one drawn at random leaves \
      it whenever another comes. A pipe can be read for one epoch only. nn-train and --skip know the same \
      order.

        nn-batch part-*.safetensors.gz --shuffle-buffer 20000 --epoch 3 \\
        | nn-forward -m model.safetensors.gz | nn-eval

        nn-batch train.safetensors.gz --size 64 --epoch 3 \\
        | nn-forward -m model.safetensors.gz | nn-eval

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken, 141 reader gone.
      """,
    version: version)

  @Argument(help: ArgumentHelp("Datasets; - or none for standard input.", valueName: "dataset"))
  var datasets: [String] = []

  @OptionGroup var batching: BatchingOptions

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The first epoch, counted from 1.", valueName: "n"))
  var epoch = PositiveInteger(1)

  @Option(parsing: .unconditional, help: ArgumentHelp("How many epochs.", valueName: "n"))
  var epochs = PositiveInteger(1)

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Leave out the first batches.", valueName: "n"))
  var skip = NaturalNumber(0)

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Stop after this many batches.", valueName: "n"))
  var limit: NaturalNumber?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if epoch.value.addingReportingOverflow(epochs.value).overflow {
      throw ValidationError(
        "--epochs: \(epochs.value) from \(epoch.value) on are too many to count")
    }
  }

  func run() throws {
    let output = try output.open()
    let data = try readData(
      datasets, batching.batching, epochs: epochs.value, watching: output)
    let standsAlone = limit?.value == 1
    var toSkip = skip.value
    var remaining = limit?.value ?? .max
    for number in epoch.value..<epoch.value + epochs.value where remaining > 0 {
      let epoch = Epoch(number, of: data, batching.batching)
      let first = min(toSkip, epoch.steps)
      toSkip -= first
      // A stream that stops early must not make its reader expect the epoch's last batch.
      let isWhole = standsAlone || epoch.steps - first <= remaining
      for step in (first..<epoch.steps).prefix(remaining) {
        let batch = try epoch.batch(step + 1, isWhole: isWhole)
        if standsAlone { try output.write(batch) } else { try output.writeFrame(batch) }
        remaining -= 1
      }
    }
    if standsAlone && remaining > 0 {
      throw StageError.usage("--skip: nothing is left after \(skip.value) batches")
    }
    try output.finish(stream: !standsAlone)
  }
}
