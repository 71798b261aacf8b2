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

  /// As Ctrl-C in a terminal: to all processes of Make's group, of which the stages are none. Each
  /// signal comes inside an epoch, which is held there.
  @Test(arguments: ["fused", "ring"], [SIGINT, SIGTERM])
  func interruptedAndStartedAgainItEndsTheSame(_ engine: String, _ signal: Int32) throws {
    let epochs = 3
    let make = try HeldMakeRun(["ENGINE": engine, "EPOCHS": "\(epochs)"])
    try expectTrained(make.run, run: "whole", ["ENGINE": "fused"])
    // Twice in the first epoch, once in another one.
    for (epoch, file) in [(1, 2), (1, 3), (3, 2)] {
      let before = try make.run.partial()
      let training = try make.start(holding: epoch, before: file)
      try training.interrupt(signal)
      let outcome = try training.session.outcome()
      // How Make ends depends on which of its processes the signal reached first.
      #expect(outcome.status != 0 && !outcome.hasHung && outcome.left == 0, "\(outcome.message)")
      let names = try make.run.folder.names(in: "run")
      #expect(!names.contains { $0.hasSuffix(".tmp") })
      #expect(!make.run.folder.exists(make.run.model(epoch)))
      let partials = names.filter { $0.hasPrefix("partial.") }
      if engine == "fused" {
        #expect(partials == [make.run.model(epoch, named: "partial.epoch-")])
        #expect(try make.run.partial() != before)
        #expect(training.message.contains("nn-train: interrupted after step "))
      } else {
        #expect(partials == [])
      }
    }
    try expectTrained(make.run)
    for epoch in 0...epochs {
      #expect(
        try make.run.folder.read(make.run.model(epoch))
          == make.run.folder.read(make.run.model(epoch, run: "whole")), "epoch \(epoch)")
    }
    #expect(try !make.run.folder.names(in: "run").contains { $0.hasPrefix("partial.") })
  }

  /// What was begun with other settings is no beginning.
  @Test func aPartialModelOfOtherSettingsIsNotTaken() throws {
    let make = try HeldMakeRun(["EPOCHS": "1", "RATE": "0.01"])
    let other = ["RATE": "0.02"]
    try expectTrained(make.run, run: "whole", other)
    let training = try make.start(holding: 1, before: 2)
    try training.interrupt(SIGINT)
    _ = try training.session.outcome()
    try #require(make.run.folder.exists("run/partial.epoch-0001.safetensors.gz"))
    try expectTrained(make.run, other)
    #expect(
      try make.run.folder.read(make.run.model(1))
        == make.run.folder.read(make.run.model(1, run: "whole")))
  }

  @Test(arguments: ["", "VALIDATION=0.2 PATIENCE=9"])
  func theSecondRunInAFolderIsRefusedAtOnce(_ patience: String) throws {
    let held = try HeldMakeRun(["EPOCHS": "3"])
    let make = held.run
    let command = make.command() + " " + patience
    let first = try held.start(command, holding: 2, before: 2)
    let second = try Tool.sh(command, in: make.folder, environment: ["MAKEFLAGS": ""])
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
    kill(first.session.leader, SIGKILL)
    let third = try Tool.sh(command, in: make.folder, environment: ["MAKEFLAGS": ""])
    #expect(third.status == 2 && third.message.contains("Error 75"))
    try first.interrupt(SIGTERM)
    _ = try first.session.outcome()
    try expectTrained(make)
  }
}

extension Scratch {
  fileprivate func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
  }
}
