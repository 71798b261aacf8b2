import ArgumentParser
import Compute
import ToolSupport
import Training

@main
struct Augment: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-augment",
    abstract: "Distort the pictures of batches.",
    discussion: """
      Reads batches and writes them with their pictures distorted. What happens to a picture is a pure \
      function of the batch's seed and epoch and of the picture's row in the dataset. The geometric \
      distortions are one map about the picture's center, sampled once; then come noise and erasing.

      \(AugmentationOptions.rangeHelp)

        nn-batch train.safetensors.gz --epoch 3 \\
        | nn-augment --shift 2 --rotate 10 --stretch 0.8..1.25 --flip 0.5 \\
        | nn-forward -m model.safetensors.gz --trace | nn-backprop | nn-sum

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken, 80 NaN or infinity, 141 reader gone.
      """,
    version: version)

  @Argument(help: ArgumentHelp("Batches; - or none for standard input.", valueName: "batches"))
  var batches: String?

  @OptionGroup var distortions: AugmentationOptions
  @OptionGroup var jobs: JobsOptions
  @OptionGroup var output: OutputOptions

  func validate() throws { _ = try augmentation }

  private var augmentation: Augmentation {
    get throws {
      guard let augmentation = distortions.augmentation else {
        throw ValidationError("no distortion: name at least one, such as --shift 2")
      }
      return augmentation
    }
  }

  func run() throws {
    let output = try output.open()
    let augmentation = try augmentation
    let workers = ThreadPool(count: jobs.count, patience: .short)
    let input = try openInput(batches, as: "the batches", watching: output)
    try transform(input, into: output) { try augmentation.distorted($0, workers) }
  }
}
