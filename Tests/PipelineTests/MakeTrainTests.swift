import Foundation
import Scratch
import Testing

/// `make train` that is interrupted, and two of them at once.
@Suite(.serialized) struct MakeTrainTests {
  private func expectTrained(
    _ make: MakeRun, run: String = "run", _ others: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try make.start(make.command(run: run, others)).outcome(watchdog: 120)
    #expect(outcome.status == 0, "\(outcome.message)", sourceLocation: sourceLocation)
  }

  /// A run whose epochs take about a second, so that a signal meets one under way.
  private func slowRun(_ knobs: [String: String]) throws -> MakeRun {
    var make = try MakeRun(["SIZE": "1", "RATE": "0.01"].merging(knobs) { _, new in new })
    try make.folder.write(
      "large.net",
      """
      input 1x8x8
      scale 1/16
      dense 500 relu
      dense 500 relu
      dense 10 softmax
      loss  cross-entropy
      """)
    make.knobs["NET"] = make.folder.path("large.net")
    return make
  }

  /// How long the first epoch of a run took on this machine.
  private func seconds(of run: String, _ make: MakeRun) throws -> Double {
    let text = String(decoding: try make.folder.read("\(run)/epoch-0001.seconds"), as: UTF8.self)
    return try #require(Double(text.dropLast()))
  }

  /// As Ctrl-C in a terminal: to all processes of Make's group, of which the stages are none.
  @Test(arguments: ["fused", "ring"], [SIGINT, SIGTERM])
  func interruptedAndStartedAgainItEndsTheSame(_ engine: String, _ signal: Int32) throws {
    let epochs = 4
    let make = try slowRun(["ENGINE": engine, "EPOCHS": "\(epochs)"])
    try expectTrained(make, run: "whole", ["ENGINE": "fused"])
    var epoch = try seconds(of: "whole", make)
    var partials = 0
    var interruptions = 0
    var beginnings = 1
    while partials < 2 && interruptions < 10 && !make.folder.exists(make.model(epochs)) {
      let before = try make.partial()
      let session = try make.start(make.command())
      let next = (1...epochs).first { !make.folder.exists(make.model($0)) } ?? epochs
      try session.wait {
        make.folder.exists(make.model(next, named: "run/.partial.epoch-") + ".tmp")
          || make.folder.exists(make.model(epochs))
      }
      // Sometimes at once, sometimes while it learns, sometimes some epochs later.
      usleep(UInt32(1e6 * epoch * [0.3, 0.1, 0.6][interruptions % 3]))
      interruptions += 1
      try session.signal(signal)
      let outcome = try session.outcome()
      #expect(!outcome.hasHung && outcome.left == 0 && outcome.seconds < 10, "\(outcome.message)")
      let partial = try make.folder.names(in: "run").filter { $0.hasPrefix("partial.") }
      #expect(partial.count <= 1)
      #expect(try !make.folder.names(in: "run").contains { $0.hasSuffix(".tmp") })
      // A whole epoch whose file Make has not yet named as one is silent.
      let left = try make.partial()
      let messages = outcome.messages(of: "nn-train").count
      #expect(messages == 0 || (messages == 1 && left != nil && left != before))
      #expect(engine == "fused" || messages == 0)
      partials += messages
      if !make.folder.exists(make.model(epochs)) {
        #expect(outcome.status == 128 + signal)
      } else if engine == "fused" && partials == 0 && beginnings < 10 {
        // The machine has become faster since the epoch was measured: once more, and sooner.
        try make.folder.remove("run")
        epoch /= 2
        interruptions = 0
        beginnings += 1
      }
    }
    #expect(interruptions > 0 && (partials > 0 || engine == "ring"))
    try expectTrained(make)
    for epoch in 0...epochs {
      #expect(
        try make.folder.read(make.model(epoch))
          == make.folder.read(make.model(epoch, run: "whole")), "epoch \(epoch)")
    }
    #expect(try !make.folder.names(in: "run").contains { $0.hasPrefix("partial.") })
  }

  /// What was begun with other settings is no beginning.
  @Test func aPartialModelOfOtherSettingsIsNotTaken() throws {
    let make = try slowRun(["EPOCHS": "1"])
    let other = ["RATE": "0.02"]
    try expectTrained(make, run: "whole", other)
    var epoch = try seconds(of: "whole", make)
    for delay in Array(repeating: [0.5, 0.3, 0.1, 0.7, 0.2, 0], count: 5).joined()
    where !make.folder.exists("run/partial.epoch-0001.safetensors.gz") {
      let session = try make.start(make.command())
      try session.wait { make.folder.exists("run/.partial.epoch-0001.safetensors.gz.tmp") }
      usleep(UInt32(1e6 * epoch * delay))
      try session.signal(SIGINT)
      _ = try session.outcome()
      // Too late: once more, and sooner.
      if make.folder.exists(make.model(1)) {
        try make.folder.remove("run")
        epoch /= 2
      }
    }
    try #require(make.folder.exists("run/partial.epoch-0001.safetensors.gz"))
    try expectTrained(make, other)
    #expect(
      try make.folder.read(make.model(1)) == make.folder.read(make.model(1, run: "whole")))
  }

  @Test(arguments: ["", "VALIDATION=0.2 PATIENCE=9"])
  func theSecondRunInAFolderIsRefusedAtOnce(_ patience: String) throws {
    let make = try MakeRun(["EPOCHS": "200"])
    let command = make.command() + " " + patience
    let first = try make.start(command)
    try first.wait { make.folder.exists(make.model(1)) }
    let second = try Tool.sh(command, in: make.folder, environment: ["MAKEFLAGS": ""])
    // It has not waited for the first.
    #expect(!make.folder.exists(make.model(200)))
    #expect(second.status == 2)
    let lines = second.message.split(separator: "\n")
    #expect(
      lines.first.map(String.init)
        == "locked.sh: \(make.folder.path("run")): another run is at work there, try later")
    #expect(lines.count == 2 && second.message.hasSuffix("Error 75\n"), "\(second.message)")
    // Who only looks is not kept out.
    for goal in ["--dry-run train", "eval"] {
      let outcome = try Tool.sh(
        make.command(goal) + " " + patience, in: make.folder, environment: ["MAKEFLAGS": ""])
      #expect(outcome.status == 0, "\(outcome.message)")
    }
    // Another folder is another run.
    try expectTrained(make, run: "other", ["EPOCHS": "1"])
    // What outlives a killed Make still writes there, and holds the lock until it has ended.
    kill(first.leader, SIGKILL)
    let third = try Tool.sh(command, in: make.folder, environment: ["MAKEFLAGS": ""])
    #expect(third.status == 2 && third.message.contains("Error 75"))
    try first.signal(SIGTERM)
    _ = try first.outcome()
    let last = (1...200).last { make.folder.exists(make.model($0)) } ?? 1
    try expectTrained(make, ["EPOCHS": "\(last + 1)"])
  }
}

extension Scratch {
  fileprivate func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
  }
}
