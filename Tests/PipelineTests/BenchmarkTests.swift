import Foundation
import Scratch
import Testing

/// `make bench` on so little data that it takes seconds: that it works, not how fast anything is. What needs a peer that
/// is not installed is skipped.
@Suite struct BenchmarkTests {
  private let folder: Scratch

  init() throws { folder = try Scratch() }

  /// Runs a program of benchmarks/ with the Python of `make test`.
  private func run(
    _ program: String, _ arguments: [String], _ variables: [String: String] = [:],
    tools: String = Tool.folder.path
  ) throws -> Outcome {
    let path = Tool.project.appending(path: "benchmarks/\(program)").path
    let environment = [
      "NN_BIN": tools, "BENCH_RUNS": "1", "BENCH_ROWS": "160", "BENCH_PYTHON": Tool.python,
      "BENCH_ONLY": "", "BENCH_CLOCK": "", "BENCH_THREADS": "2", "PYTHONDONTWRITEBYTECODE": "1",
    ]
    return try Tool.run(
      "/usr/bin/env", ["python3", path] + arguments, in: folder,
      environment: environment.merging(variables) { _, new in new })
  }

  /// A Python without any package.
  private func bare() throws -> String {
    try folder.write("python", "#!/bin/sh\nexec python3 -S \"$@\"\n")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: folder.path("python"))
    return folder.path("python")
  }

  private func lines(_ name: String) throws -> [Substring] {
    String(decoding: try folder.read(name), as: UTF8.self).split(separator: "\n")
  }

  @Test func everyRowIsMeasuredWithoutPeers() throws {
    let outcome = try run("bench.py", ["--folder", "out"], ["BENCH_PYTHON": bare()])
    #expect(outcome.status == 0, "\(outcome.message)")
    #expect(!outcome.message.contains("is left out"), "\(outcome.message)")
    for peer in ["PyTorch", "JAX", "scikit-learn", "ONNX Runtime", "NumPy"] {
      #expect(outcome.message.contains("bench.py: \(peer) cannot be imported"))
    }
    let results = try lines("out/results.tsv")
    #expect(results[0] == "row\tprogram\trun\tfigure\tvalue")
    var found: [String: Set<Substring>] = [:]
    for line in results.dropFirst() {
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
      try #require(fields.count == 5, "\(line)")
      #expect(Double(fields[4]).map { $0 >= 0 && $0.isFinite } == true, "\(line)")
      if fields[3] == "value" { found["\(fields[0])", default: []].insert(fields[1]) }
    }
    let ringToo = ["mlp", "lenet", "cnn", "convnet", "neuron", "memory", "start"]
    for row in ringToo { #expect(found[row] == ["nn-train", "ring"], "\(row)") }
    #expect(found["forward"] == ["nn-train"])
    #expect(found["loading"] == ["nn-train", "zcat"])
    for row in ["examples-160", "batch-64", "width-512", "threads-cnn-1", "threads-mlp-2"] {
      #expect(found[row] == ["nn-train"], "\(row)")
    }
    #expect(try lines("out/table.md").count { $0.hasPrefix("| ") } == 2 + 11)
    #expect(try lines("out/sweeps.md").count { $0.hasPrefix("| ") } == 4 * 2 + 3 + 2 + 4 + 6)
    #expect(try lines("out/machine.md").allSatisfy { $0.hasPrefix("- ") })
    #expect(try !folder.names().contains { $0.hasPrefix("data-") })
  }

  /// NumPy is there in `make test`; with PyTorch, JAX and the others in that Python this measures them too.
  @Test func peersAreMeasuredBesides() throws {
    let outcome = try run(
      "bench.py", ["--folder", "out"],
      ["BENCH_ONLY": "mlp neuron loading start agreement", "BENCH_CLOCK": "cpu"])
    #expect(outcome.status == 0, "\(outcome.message)")
    let programs = try lines("out/results.tsv").map { $0.split(separator: "\t") }
    for row in ["mlp", "neuron", "loading", "start"] {
      #expect(programs.contains { $0[0] == row && $0[1] == "NumPy" }, "\(row)")
    }
    #expect(try lines("out/table.md").contains { $0.contains("× NumPy") })
    #expect(try lines("out/agreement.md").count >= 3)
  }

  @Test func afterAnEpochTheLossIsThatOfAPeer() throws {
    let outcome = try run("agreement.py", ["--rows", "320", "--peer", "NumPy", "mlp"])
    #expect(outcome.status == 0, "\(outcome.message)")
    #expect(outcome.text.contains("| mlp | "))
    try agrees(with: "PyTorch", "torch", on: ["mlp", "lenet", "cnn"])
    try agrees(with: "JAX", "jax", on: ["lenet"])
  }

  private func agrees(with peer: String, _ module: String, on networks: [String]) throws {
    let there = try Tool.run("/usr/bin/env", [Tool.python, "-c", "import \(module)"], in: folder)
    guard there.status == 0 else { return print("\(peer) is not installed: not compared") }
    let outcome = try run("agreement.py", ["--rows", "320", "--peer", peer] + networks)
    #expect(outcome.status == 0, "\(outcome.message)")
  }

  @Test func anotherLossIsNoticed() throws {
    let tools = try folder.tools(
      changing: ["nn-train": "words=\"$*\"; exec \"$tool\" ${words/0.01/0.02}"])
    let outcome = try run(
      "agreement.py", ["--rows", "320", "--peer", "NumPy", "mlp"], tools: tools)
    #expect(outcome.status == 1)
    for dtype in ["F32", "F64"] {
      #expect(
        outcome.message.contains("agreement.py: mlp in \(dtype): the losses differ by "),
        "\(outcome.message)")
    }
  }

  @Test func aToolThatFailsIsNamed() throws {
    let tools = try folder.tools(changing: ["nn-forward": "echo 'nn-forward: no' >&2; exit 65"])
    let outcome = try run(
      "bench.py", ["--folder", "out"], ["BENCH_ONLY": "forward", "BENCH_PYTHON": bare()],
      tools: tools)
    #expect(outcome.status == 66)
    #expect(
      outcome.message.hasSuffix(
        "forward: nn-train is left out: nn-forward ended with 65: nn-forward: no\n"))
  }

  @Test func refusesKnobsThatItDoesNotKnow() throws {
    let word = try run("bench.py", ["--folder", "out"], ["BENCH_ONLY": "mlp lenett"])
    #expect(word.status == 64)
    #expect(word.message.hasPrefix("bench.py: BENCH_ONLY: found 'lenett', expected some of mlp "))
    let clock = try run("bench.py", ["--folder", "out"], ["BENCH_CLOCK": "sun"])
    #expect(clock.status == 64)
    #expect(clock.message == "bench.py: BENCH_CLOCK: found 'sun', expected wall or cpu\n")
    let number = try run("bench.py", ["--folder", "out"], ["BENCH_RUNS": "0"])
    #expect(number.status == 64)
    #expect(
      number.message == "bench.py: BENCH_RUNS=0: expected a whole number of at least 1\n")
  }

  @Test func aPageTakesWhatWasMeasured() throws {
    func page(_ table: String) -> String {
      "a\n<!-- begin table -->\n\(table)\n<!-- end table -->\n"
        + "b\n<!-- begin other -->\nx\n<!-- end other -->\n"
    }
    try folder.write("table.md", "| 1 |\n")
    try folder.write("page.md", page("old"))
    let outcome = try run("publish.py", ["page.md", "."])
    #expect(outcome.status == 0, "\(outcome.message)")
    #expect(String(decoding: try folder.read("page.md"), as: UTF8.self) == page("| 1 |"))
  }
}
