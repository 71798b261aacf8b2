import Scratch
import Testing

private let tools = [
  "nn-augment", "nn-backprop", "nn-batch", "nn-check", "nn-eval", "nn-forward", "nn-gate",
  "nn-gradcheck", "nn-import",
  "nn-init", "nn-inspect", "nn-registry",
  "nn-split", "nn-sum", "nn-train", "nn-update",
]

@Suite struct HelpTests {
  @Test(arguments: tools) func helpSaysInOutExitCodesAndShowsAPipe(_ tool: String) throws {
    let folder = try Scratch()
    let help = try Tool.run(tool, ["--help"], in: folder)
    #expect(help.status == 0)
    #expect(help.message == "")
    #expect(help.text.hasPrefix("OVERVIEW: "))
    let paragraphs = help.text.split(separator: "\n\n").map {
      $0.split(separator: "\n").joined(separator: " ")
    }
    #expect(paragraphs.contains { $0.hasPrefix("Reads ") && $0.contains(/writes|prints/) })
    let exits = try #require(paragraphs.first { $0.hasPrefix("Exit: 0 done, 64 usage, 65 ") })
    #expect(exits.contains("66 file missing, 71 no memory, 73/74 output"))
    #expect(exits.hasSuffix("."))
    // A line that is wrapped loses its indentation, and with it whoever copies the example.
    let example = help.text.split(separator: "\n\n").first {
      $0.hasPrefix("  ") && $0.contains("\(tool) ") && $0.contains("| ")
    }
    #expect(example?.split(separator: "\n").allSatisfy { $0.hasPrefix("  ") } == true)
    #expect(help.text.contains("USAGE: \(tool) "))
    #expect(try Tool.run(tool, ["-h"], in: folder).output == help.output)
  }

  @Test(arguments: tools) func versionIsOneNumberForAll(_ tool: String) throws {
    let version = try Tool.run(tool, ["--version"], in: Scratch())
    #expect(version.status == 0)
    #expect(version.text == "0.1.0\n")
    #expect(version.message == "")
  }

  @Test(arguments: tools) func helpThatCannotBeWrittenIsNoSuccess(_ tool: String) throws {
    let folder = try Scratch()
    for option in ["--help", "--version"] {
      try expectRefusal(
        sh: "\(tool) \(option) > /dev/full", 74, "\(tool): <stdout>: no space left on device",
        in: folder)
    }
  }
}
