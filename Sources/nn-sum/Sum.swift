import ArgumentParser
import Compute
import ToolSupport
import Training

@main
struct Sum: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-sum",
    abstract: "Add gradients up.",
    discussion: """
      Reads gradients, one a file or a stream of them, and writes their sum as one gradient that counts \
      the examples of all. They are added in the given order. So a batch can be shared out over several \
      processes, or be larger than the memory.

        nn-sum shard-*.safetensors.gz \\
        | nn-update -m model.safetensors.gz --rate 0.1 -o next.safetensors.gz

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken, 80 NaN or infinity, 141 reader gone.
      """,
    version: version)

  @Argument(help: ArgumentHelp("Gradients; - or none for standard input.", valueName: "gradients"))
  var gradients: [String] = []

  @OptionGroup var output: OutputOptions

  func run() throws {
    let output = try output.open()
    var sum = try GradientSum(ThreadPool(count: 1))
    for path in gradients.isEmpty ? ["-"] : gradients {
      let input = try openInput(path, as: "the gradients", watching: output)
      while let gradient = try input.next() {
        try input.locating { try sum.add(gradient) }
      }
    }
    try output.write(sum.result())
    try output.finish()
  }
}
