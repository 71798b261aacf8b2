import ArgumentParser
import Safetensors
import Tensors
import ToolSupport

@main
struct Inspect: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-inspect",
    abstract: "Show what is inside a document or a stream.",
    discussion: """
      Reads anything that the stages write, or any safetensors file, plain or gzip-compressed, and prints \
      its metadata and for every tensor name, type, shape, smallest and largest value, mean, standard \
      deviation, zeros and NaNs. --values prints the numbers themselves; with --frame and -o one frame of \
      a stream becomes a document of its own.

        nn-inspect model.safetensors.gz
        nn-inspect --values --name dense1.bias model.safetensors.gz
        nn-batch train.safetensors.gz | nn-inspect --frame 2 -o batch.safetensors.gz

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, 75 \
      output taken, 141 reader gone.
      """,
    version: version)

  @Argument(help: ArgumentHelp("The document or stream; - or none for standard input."))
  var file: String?

  @Flag(help: "Print every number, a row of the last axis a line, separated by tabs.")
  var values = false

  @Flag(help: "Print the model's topology file back.")
  var topology = false

  @Option(
    help: ArgumentHelp("Only this tensor; may be given several times.", valueName: "tensor"))
  var name: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Only this frame of a stream, counted from 0.", valueName: "k"))
  var frame: NaturalNumber?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if output.output != nil && frame == nil { throw ValidationError("--output goes with --frame") }
    if topology && (values || !name.isEmpty || output.output != nil) {
      throw ValidationError("--topology goes with no other option but --frame")
    }
  }

  func run() throws {
    let input = try openInput(file, as: "the document")
    let text = try TextOutput()
    var number = 0
    while let document = try input.next() {
      defer { number += 1 }
      if let frame, frame.value != number { continue }
      if output.output != nil {
        let output = try output.open()
        try output.write(document)
        try input.readToEnd()
        return try output.finish()
      }
      try input.locating {
        if topology { return try text.write(shownText(of: document.text(.topology))) }
        let shown = try Shown(document, only: name)
        if input.isStream { try text.write("frame \(number)\n") }
        try text.write(values ? shown.values() : shown.summary())
      }
      if frame != nil || topology { return try input.readToEnd() }
    }
    if let frame {
      throw StageError.noFrame(frame.value, frames: number, of: input.name)
    }
  }

  /// The text as it is, but for what a terminal would obey.
  private func shownText(of topology: String) -> String {
    let shown = topology.unicodeScalars.map { scalar in
      "\n\r\t".unicodeScalars.contains(scalar) ? String(scalar) : printable(String(scalar))
    }.joined()
    return shown.hasSuffix("\n") ? shown : shown + "\n"
  }
}
