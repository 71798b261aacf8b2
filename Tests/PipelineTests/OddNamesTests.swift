import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// Names that a terminal would obey, that lead elsewhere, or that are too long: they are shown and used as what they are.
@Suite struct OddNamesTests {
  static let names = [
    "red\u{1B}[31m", "line\nfeed", "bell\u{7}", "back\r\u{8}", "c1\u{9B}2J", "turned\u{202E}txt",
    "para\u{2029}graph", "deleted\u{7F}", "quote'\"`$(touch evil)", "-dark", " ", "Ünïcödé",
  ]

  /// A tool with what it needs, its input and its output left to be named.
  static let tools: [[String]] = [
    ["nn-import", "IN"], ["nn-init", "IN"],
    ["nn-split", "IN", "--fraction", "0.5", "--rest", "rest.gz"],
    ["nn-batch", "IN"], ["nn-augment", "--flip", "0.5", "IN"],
    ["nn-forward", "-m", "model.safetensors.gz", "IN"], ["nn-backprop", "IN"], ["nn-sum", "IN"],
    ["nn-update", "-m", "model.safetensors.gz", "--rate", "1", "IN"], ["nn-eval", "IN"],
    ["nn-train", "-m", "model.safetensors.gz", "--rate", "1", "--epochs", "1", "IN"],
    ["nn-inspect", "--frame", "0", "IN"], ["nn-gradcheck", "-m", "model.safetensors.gz", "IN"],
  ]

  /// What each tool of the list reads without complaint.
  static let inputs = [
    "nn-import": "table.csv", "nn-init": "net", "nn-split": "data.safetensors",
    "nn-batch": "data.safetensors", "nn-forward": "batch.safetensors.gz",
    "nn-backprop": "trace.safetensors.gz", "nn-sum": "gradient.safetensors.gz",
    "nn-update": "gradient.safetensors.gz", "nn-eval": "prediction.safetensors.gz",
    "nn-train": "data.safetensors", "nn-inspect": "stream.safetensors.gz",
  ]

  /// One line, or as many as are said to be right, and nothing in it that a terminal obeys.
  private func expectShown(
    _ text: String, lines: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let obeyed = text.unicodeScalars.filter { scalar in
      switch scalar.properties.generalCategory {
      case .control: scalar != "\n" && scalar != "\t"
      case .format, .lineSeparator, .paragraphSeparator: true
      default: false
      }
    }
    #expect(obeyed.isEmpty, "\(text.debugDescription)", sourceLocation: sourceLocation)
    if let lines {
      #expect(
        text.split(separator: "\n", omittingEmptySubsequences: false).count == lines + 1,
        "\(text.debugDescription)", sourceLocation: sourceLocation)
    }
  }

  @Test func whatATerminalWouldObeyIsNoticed() {
    withKnownIssue { expectShown("a\u{1B}[31mb\n") }
    withKnownIssue { expectShown("a\u{9B}b\n") }
    withKnownIssue { expectShown("a\u{202E}b\n") }
    withKnownIssue { expectShown("a\nb\n", lines: 1) }
  }

  @Test(arguments: tools) func aMissingInputIsShownAndNotObeyed(_ command: [String]) throws {
    let folder = try Step.folder()
    let before = try folder.names()
    for name in Self.names + ["../nowhere/\u{1B}c", String(repeating: "x\u{1B}", count: 300)] {
      let path = name.hasPrefix("-") ? "./" + name : name
      let arguments = command.dropFirst().map { $0 == "IN" ? path : $0 }
      let outcome = try Tool.run(command[0], arguments, in: folder)
      #expect(outcome.status == 66 && outcome.output == [])
      expectShown(outcome.message, lines: 1)
      // The same as an option's value, and as an option.
      for arguments in [arguments + ["--" + name], arguments + ["--seed", name]] {
        let outcome = try Tool.run(command[0], arguments, in: folder)
        #expect([64, 66].contains(outcome.status), "\(arguments)")
        expectShown(outcome.message, lines: 1)
      }
    }
    #expect(try folder.names() == before)
  }

  @Test(arguments: tools.filter { inputs[$0[0]] != nil })
  func anOutputHasExactlyItsName(_ command: [String]) throws {
    let folder = try Step.folder()
    try FileManager.default.createDirectory(
      atPath: folder.path("inside"), withIntermediateDirectories: false)
    let input = Self.inputs[command[0]] ?? ""
    let before = try folder.names()
    // 255 bytes are what a file's name may have; of letters of two bytes these are 127.
    let long = [String(repeating: "n", count: 255), String(repeating: "ü", count: 127)]
    for name in Self.names.map({ $0.hasPrefix("-") ? "./\($0)" : $0 }) + long
      + ["inside/../outside", "inside/\u{1B}c"]
    {
      let arguments = command.dropFirst().map { $0 == "IN" ? input : $0 } + ["-o", name]
      let outcome = try Tool.run(command[0], Array(arguments), in: folder)
      #expect(outcome.status == 0 && outcome.message == "", "\(name.debugDescription)")
      let written = name.contains("/") ? String(name.split(separator: "/").last ?? "") : name
      let place = name.hasPrefix("inside/\u{1B}") ? "inside" : "."
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path(place)).contains(written),
        "\(name.debugDescription)")
      try FileManager.default.removeItem(atPath: folder.path(place) + "/" + written)
      try? FileManager.default.removeItem(atPath: folder.path("rest.gz"))
      #expect(try folder.names() == before, "\(name.debugDescription)")
    }
    let tooLong = String(repeating: "n", count: 256)
    let arguments = command.dropFirst().map { $0 == "IN" ? input : $0 } + ["-o", tooLong]
    let outcome = try Tool.run(command[0], Array(arguments), in: folder)
    #expect([73, 74].contains(outcome.status))
    #expect(outcome.message.hasSuffix(": file name too long\n"))
    try? FileManager.default.removeItem(atPath: folder.path("rest.gz"))
    #expect(try folder.names() == before)
  }

  @Test(arguments: tools) func linksThatLeadNowhereAreMissingFiles(_ command: [String]) throws {
    let folder = try Step.folder()
    let manager = FileManager.default
    try manager.createSymbolicLink(
      atPath: folder.path("dangling"), withDestinationPath: "nothing\u{1B}")
    try manager.createSymbolicLink(atPath: folder.path("loop"), withDestinationPath: "pool")
    try manager.createSymbolicLink(atPath: folder.path("pool"), withDestinationPath: "loop")
    for (name, reason) in [
      ("dangling", "no such file or directory"), ("loop", "too many levels of symbolic links"),
    ] {
      let arguments = command.dropFirst().map { $0 == "IN" ? name : $0 }
      let outcome = try Tool.run(command[0], arguments, in: folder)
      #expect(outcome.status == 66 && outcome.output == [])
      #expect(outcome.message == "\(command[0]): \(name): \(reason)\n")
    }
  }

  /// Whoever may read everything is refused by no permission.
  @Test(.enabled(if: geteuid() != 0), arguments: tools)
  func whatMayNotBeReadIsAMissingFile(_ command: [String]) throws {
    let folder = try Step.folder()
    try folder.write("secret", "")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0], ofItemAtPath: folder.path("secret"))
    let arguments = command.dropFirst().map { $0 == "IN" ? "secret" : $0 }
    let outcome = try Tool.run(command[0], arguments, in: folder)
    #expect(outcome.status == 66)
    #expect(outcome.message == "\(command[0]): secret: permission denied\n")
  }

  @Test func aNameThatIsNoUTF8IsAMissingFile() throws {
    let folder = try Step.folder()
    for command in Self.tools {
      let words = command.dropFirst().map { $0 == "IN" ? "\"$(printf 'a\\377b')\"" : $0 }
      let outcome = try Tool.sh(
        ([command[0]] + words).joined(separator: " "), in: folder)
      #expect(outcome.status == 66)
      expectShown(outcome.message, lines: 1)
    }
  }

  /// Documents full of such names, through every tool: what they say and print is harmless, and nothing appears outside.
  @Test func namesWithinDocumentsAreShownAndNotObeyed() throws {
    let outer = try Scratch()
    try FileManager.default.createDirectory(
      atPath: outer.path("work"), withIntermediateDirectories: false)
    let inputs: [Double] = [0, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1]
    let odd = Self.names + ["../../evil", "/tmp/evil-nn-tools", "a/../b"]
    var data = Document.dataset(
      ["input": Tensor(inputs, shape: [4, 3]), "target": Tensor([0, 1, 1, 0] as [Int64])],
      ["nn.classes": odd.filter { !$0.contains("\n") }.joined(separator: "\n")])
    for name in odd { data.metadata[name] = name }
    try outer.write("work/data.safetensors", data)
    try outer.write("work/net", "input 3\ndense 2 softmax\nloss cross-entropy # …\n")
    try outer.write(
      "work/net-escape", "input 3\ndense 2 softmax\nloss cross-entropy # \u{1B}[31m\n")
    for (number, name) in odd.enumerated() {
      var document = data
      document.tensors[name] = Tensor([1.0])
      try outer.write("work/odd-\(number).safetensors", document)
      try outer.write("work/net-\(number)", "input 3\ndense 2 softmax name=\(name)\nloss \(name)\n")
      var kind = data
      kind.metadata["nn.kind"] = name
      try outer.write("work/kind-\(number).safetensors", kind)
      var key = data
      key.metadata["nn.\(name)"] = ""
      try outer.write("work/key-\(number).safetensors", key)
    }
    let before = try outer.names()
    let outcome = try Tool.sh(
      """
      cd work
      nn-init net -o model.gz
      nn-batch data.safetensors --limit 1 -o batch.gz
      nn-inspect data.safetensors; nn-inspect --values data.safetensors; nn-inspect --topology model.gz
      nn-forward -m model.gz data.safetensors | nn-eval
      for odd in odd-*.safetensors kind-*.safetensors key-*.safetensors; do
        nn-inspect $odd; nn-inspect --values $odd; nn-inspect --name "$(printf 'x\\033')" $odd
        nn-batch $odd | nn-forward -m model.gz | nn-eval
        nn-batch $odd | nn-forward -m model.gz --trace | nn-inspect
        nn-train $odd -m model.gz --rate 0.1 --epochs 1 -o trained.gz; nn-inspect trained.gz
        nn-forward -m $odd batch.gz | nn-inspect; nn-update -m model.gz --rate 1 $odd | nn-inspect
        nn-sum $odd | nn-inspect; nn-backprop $odd | nn-inspect; nn-gradcheck -m model.gz $odd
        nn-init net --weights $odd | nn-inspect
      done
      for net in net-*; do nn-init $net | nn-inspect --topology; done
      """, in: outer)
    expectShown(outcome.text)
    expectShown(outcome.message)
    #expect(outcome.message.split(separator: "\n").allSatisfy { $0.hasPrefix("nn-") })
    #expect(outcome.message.contains("\\u{1B}"))
    #expect(try outer.names() == before)
    #expect(!FileManager.default.fileExists(atPath: "/tmp/evil-nn-tools"))
    let names = try FileManager.default.contentsOfDirectory(atPath: outer.path("work"))
    #expect(
      names.filter { !$0.contains("-") }.sorted()
        == ["batch.gz", "data.safetensors", "model.gz", "net", "trained.gz"])
  }

  @Test func aColumnIsNoWayToTheTerminal() throws {
    let folder = try Step.folder()
    for name in Self.names.dropLast(4) {
      try expectRefusal(
        "nn-eval", ["prediction.safetensors.gz", "--set", "a=\(name)", "-o", "t.tsv"], 64,
        "--set: found 'a=\(shown(name))', expected COLUMN=VALUE, without control characters "
          + "(see nn-eval --help)", in: folder)
    }
  }

  private func shown(_ text: String) -> String {
    text.unicodeScalars.map { scalar in
      switch scalar.properties.generalCategory {
      case .control where scalar.isASCII: scalar.escaped(asASCII: true)
      case .control, .format, .paragraphSeparator:
        "\\u{" + String(scalar.value, radix: 16, uppercase: true) + "}"
      default: String(scalar)
      }
    }.joined()
  }

  @Test(arguments: ["epoch.sh", "patience.sh", "measure.sh", "stamp.sh", "locked.sh", "setup.sh"])
  func scriptsAreNoWayToTheTerminal(_ script: String) throws {
    let folder = try Scratch()
    try folder.write("settings", "a\u{1B}[31m\u{9B}b\n")
    for name in Self.names {
      for arguments in [[name], ["--" + name], ["--patience", name], ["settings", name]] {
        let outcome = try Tool.run(
          "\(Tool.project.path)/pipelines/scripts/\(script)", arguments, input: Array(name.utf8),
          in: folder, environment: ["NN_BIN": Tool.folder.path, "PATH": "/usr/bin:/bin"])
        // What bash itself says of a program that is not there it quotes in its own way.
        if script == "locked.sh" { continue }
        expectShown(outcome.message)
      }
    }
  }

  /// A name that leaves no room for what is put before it is cut.
  @Test func besideTheLongestNameThereIsRoom() throws {
    let ring = try HeldTraining.ring()
    let name = String(repeating: "ü", count: 120) + ".safetensors.gz"
    try #require(name.utf8.count == 255)
    let training = try HeldTraining("-m start.safetensors --epochs 1 -o \(name)", in: ring)
    try training.signal(SIGINT)
    training.release()
    let outcome = try training.session.outcome()
    let partial = "partial." + String(repeating: "ü", count: 116) + ".safetensors.gz"
    #expect(outcome.message.contains(": the model is in \(partial), "))
    #expect(ring.folder.exists(partial) && !ring.folder.exists(name))
    #expect(try !ring.folder.names().contains { $0.hasSuffix(".tmp") })
  }
}
