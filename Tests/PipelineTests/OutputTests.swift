import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

private let forward = ["-m", "model.safetensors.gz", "batch.safetensors.gz"]

/// Every tool at work, with its output left to be named.
private let writers: [[String]] = [
  ["nn-import", "table.csv"],
  ["nn-init", "net"],
  ["nn-split", "data.safetensors", "--fraction", "0.5", "--rest", "rest.gz"],
  ["nn-batch", "data.safetensors"],
  ["nn-forward"] + forward,
  ["nn-backprop", "trace.safetensors.gz"],
  ["nn-sum", "gradient.safetensors.gz"],
  ["nn-update", "-m", "model.safetensors.gz", "--rate", "1", "gradient.safetensors.gz"],
  ["nn-eval", "prediction.safetensors.gz"],
  [
    "nn-train", "-m", "model.safetensors.gz", "--rate", "1", "--epochs", "1", "data.safetensors",
  ],
  ["nn-inspect", "--frame", "1", "stream.safetensors.gz"],
]

@Suite struct OutputTests {
  @Test(arguments: writers) func aFullDiskIsReported(_ command: [String]) throws {
    let folder = try Step.folder()
    let (tool, arguments) = (command[0], Array(command.dropFirst()))
    try expectRefusal(
      tool, arguments + ["-o", "/dev/full"], 74, "/dev/full: no space left on device", in: folder)
    try expectRefusal(
      sh: command.joined(separator: " ") + " > /dev/full", 74,
      "\(tool): <stdout>: no space left on device", in: folder)
  }

  /// The system says so by a signal, which would end the tool and leave its temporary file.
  @Test func aLimitOnTheSizeOfFilesIsReported() throws {
    let folder = try Scratch()
    try folder.write("data.safetensors", largeDataset)
    try folder.write("out.safetensors", "old")
    try expectRefusal(
      sh: "ulimit -f 100; nn-batch data.safetensors --size all --limit 1 -o out.safetensors", 74,
      "nn-batch: out.safetensors: file too large", in: folder)
  }

  @Test(arguments: writers) func aClosedOutputIsReported(_ command: [String]) throws {
    // No other file may get standard output's number and be written into.
    try expectRefusal(
      sh: command.joined(separator: " ") + " >&-", 74,
      "\(command[0]): <stdout>: bad file descriptor", in: Step.folder())
  }

  /// The model is a FIFO: it can be opened for writing once the stage has opened it.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/fd")), arguments: 0...2)
  func noFileGetsTheNumberOfAClosedStandardOne(_ number: Int) throws {
    let outcome = try Tool.sh(
      """
      mkfifo slow
      nn-forward -m slow batch.safetensors.gz </dev/null >out \(number)>&- & stage=$!
      exec 4> slow
      readlink /proc/$stage/fd/\(number)
      find /proc/$stage/fd -lname '*/slow' | wc -l
      kill $stage
      """, in: Step.folder())
    #expect(outcome.text == "/dev/null\n1\n")
  }

  /// Nothing that another file holds, and not an end without any document either.
  @Test func aClosedInputIsReported() throws {
    try expectRefusal(
      sh: "nn-forward -m model.safetensors.gz <&-", 74, "nn-forward: <stdin>: bad file descriptor",
      in: Step.folder())
  }

  @Test(arguments: writers) func anOutputThatCannotBeIsReported(_ command: [String]) throws {
    let folder = try Step.folder()
    try FileManager.default.createDirectory(
      atPath: folder.path("folder"), withIntermediateDirectories: false)
    let (tool, arguments) = (command[0], Array(command.dropFirst()))
    try expectRefusal(
      tool, arguments + ["-o", "nowhere/out.gz"], 73, "nowhere/out.gz: no such file or directory",
      in: folder)
    try expectRefusal(
      tool, arguments + ["-o", "folder"], 73, "folder: is a directory", in: folder)
    try expectRefusal(
      tool, arguments + ["-o", "net/out.gz"], 73, "net/out.gz: not a directory", in: folder)
  }

  @Test(arguments: writers) func aMissingInputIsReported(_ command: [String]) throws {
    let folder = try Step.folder()
    for (index, word) in command.enumerated()
    where index > 0 && folder.exists(word) {
      var arguments = Array(command.dropFirst())
      arguments[index - 1] = "nope.gz"
      try expectRefusal(
        command[0], arguments + ["-o", "out.gz"], 66, "nope.gz: no such file or directory",
        in: folder)
      // A folder may hold pictures: ImportTests.
      if command[0] == "nn-import" { continue }
      arguments[index - 1] = "."
      try expectRefusal(
        command[0], arguments + ["-o", "out.gz"], 66, ".: is a directory", in: folder)
    }
  }

  @Test func binaryOutputToATerminalIsRefused() throws {
    let folder = try Step.folder()
    let terminal = try Terminal()
    for command in writers where !["nn-eval", "nn-inspect"].contains(command[0]) {
      try expectRefusal(
        sh: command.joined(separator: " ") + " > \(terminal.path)", 64,
        "\(command[0]): binary output to a terminal; name a file with --output, "
          + "or pipe it into nn-inspect", in: folder)
    }
    for tool in ["nn-inspect", "nn-eval", "nn-batch"] {
      let role = ["nn-inspect": "document", "nn-eval": "predictions", "nn-batch": "dataset"][tool]
      try expectRefusal(
        sh: "\(tool) < \(terminal.path) | cat", 0,
        "\(tool): the \(role ?? ""): standard input is a terminal, name a file or pipe one in "
          + "(see \(tool) --help)", in: folder)
    }
  }

  @Test func aReaderThatLeavesEndsTheWriterQuietly() throws {
    let folder = try Scratch()
    // More than the pipe holds.
    try folder.write("large.safetensors", .dataset(["input": Tensor(zeros: [4000, 500], .f32)]))
    try folder.write("net", "input 500\ndense 1\nloss squared\n")
    let commands = [
      "nn-batch large.safetensors --size 1",
      "nn-init net | nn-forward -m - large.safetensors --trace",
      "nn-inspect --values large.safetensors",
    ]
    for command in commands {
      let outcome = try Tool.sh(
        "\(command) | head -c 10 > /dev/null; echo ${PIPESTATUS[@]}", in: folder,
        shell: "/bin/bash")
      #expect(outcome.message == "")
      #expect(outcome.text.hasSuffix("141 0\n"), "\(command): \(outcome.text)")
    }
  }

  @Test func splitWritesBothPartsOrNeither() throws {
    let folder = try Step.folder()
    let split = ["data.safetensors", "--fraction", "0.5", "-o", "a.gz", "--rest"]
    try expectRefusal(
      "nn-split", split + ["nowhere/b.gz"], 73, "nowhere/b.gz: no such file or directory",
      in: folder)
    try expectRefusal(
      "nn-split", split + ["/dev/full"], 74, "/dev/full: no space left on device", in: folder)
    try expectRefusal("nn-split", split + ["./a.gz"], 64, "two outputs to './a.gz'", in: folder)
    let outcome = try Tool.run("nn-split", split + ["b.gz"], in: folder)
    #expect(outcome.status == 0 && outcome.message == "")
    let rows = try ["a.gz", "b.gz"].map { try folder.document($0).tensors["input"]?.shape[0] }
    #expect(rows == [2, 2])
  }

  @Test func aLinkIsFollowedAndStays() throws {
    let folder = try Step.folder()
    try FileManager.default.createDirectory(
      atPath: folder.path("far"), withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link.safetensors.gz"), withDestinationPath: "far/model.gz")
    for _ in 1...2 {
      let outcome = try Tool.run("nn-init", ["net", "-o", "link.safetensors.gz"], in: folder)
      #expect(outcome.status == 0 && outcome.message == "")
      let link = try FileManager.default.destinationOfSymbolicLink(
        atPath: folder.path("link.safetensors.gz"))
      #expect(link == "far/model.gz")
      #expect(try folder.document("far/model.gz").metadata["nn.kind"] == "model")
    }
  }

  /// A stage that is ended while it waits in the middle of its work.
  @Test(arguments: ["INT", "TERM", "HUP", "KILL"])
  func whatWasThereSurvivesASignal(_ signal: String) throws {
    let folder = try Step.folder()
    try folder.write("out.gz", "old")
    let outcome = try Tool.sh(
      """
      mkfifo slow
      env --default-signal=HUP,INT,TERM nn-forward -m model.safetensors.gz slow -o out.gz & stage=$!
      exec 4> slow
      for attempt in $(seq 1000); do
        ls .out.gz.tmp > hidden 2>&1 && break
        sleep 0.01
      done
      kill -s \(signal) $stage
      wait $stage
      echo $?
      """, in: folder)
    let number = ["HUP": 1, "INT": 2, "KILL": 9, "TERM": 15][signal] ?? 0
    #expect(outcome.text == "\(128 + number)\n")
    #expect(try folder.read("out.gz") == Array("old".utf8))
    let left = try folder.names().filter { $0.hasSuffix(".tmp") }
    #expect(left.count == (signal == "KILL" ? 1 : 0))
  }
}
