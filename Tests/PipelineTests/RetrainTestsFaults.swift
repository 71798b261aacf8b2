import Foundation
import Scratch
import Testing

/// Runs that are killed, and readers beside them; Tests/Faults holds the long campaigns.
@Suite struct RetrainFaultTests {
  /// Before the script's so-manieth rename it is killed, as `mv` does it for us; the next run must come to where a run
  /// without a kill comes.
  private func killed(before number: Int, _ retraining: Retraining) throws -> Outcome {
    let scratch = retraining.scratch
    try? FileManager.default.removeItem(atPath: scratch.path("shims"))
    try FileManager.default.createDirectory(
      atPath: scratch.path("shims"), withIntermediateDirectories: false)
    try scratch.write(
      "shims/mv",
      """
      #!/bin/sh
      echo x >> '\(scratch.path("shims/count"))'
      if [ "$(wc -l < '\(scratch.path("shims/count"))')" -eq \(number) ]; then kill -KILL $PPID; exit 1; fi
      exec /usr/bin/env -u NONE PATH="${PATH#*:}" mv "$@"

      """)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: scratch.path("shims/mv"))
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return try retraining.run(environment: ["PATH": "\(scratch.path("shims")):\(path)"])
  }

  /// What two ways to the same end must agree in: all but times and logs.
  private func outcome(of retraining: Retraining) throws -> [String] {
    let links = try ["current", "previous"].map(retraining.model)
    let names = try ["incoming", "work/claimed", "archive", "models"].flatMap(retraining.names)
    let promoted = try retraining.table("models/promotions.tsv").map {
      $0.dropFirst().joined(separator: " ")
    }
    let learned = try retraining.table("archive/learned.tsv").map {
      $0.dropFirst().joined(separator: " ")
    }
    return links + names + promoted + Set(learned).sorted()
  }

  @Test func aRunKilledBeforeAnyRenameIsFinishedByTheNext() throws {
    let undisturbed = try Retraining()
    try undisturbed.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    try undisturbed.succeed()
    let expected = try outcome(of: undisturbed)
    var number = 0
    while true {
      number += 1
      try #require(number < 30)
      let retraining = try Retraining()
      try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
      let killed = try killed(before: number, retraining)
      let whole = try Tool.sh(
        "nn-forward -m retrain/models/current first.safetensors.gz -o /dev/null",
        in: retraining.scratch)
      #expect(whole.status == 0, "rename \(number): \(whole.message)")
      if killed.status == 0 { break }
      #expect(killed.status == 137, "rename \(number): \(killed.message)")
      try retraining.succeed()
      #expect(try outcome(of: retraining) == expected, "rename \(number)")
    }
    // claimed, accepted, archived, the model, the intent, previous, current, two tables.
    #expect(number == 10)
  }

  @Test func readersOfTheCurrentModelAlwaysGetAWholeOne() throws {
    let outcome = try Tool.sh(
      "exec '\(Tool.project.path)/Tests/Faults/retrain-readers.sh' 25", in: Scratch(),
      environment: ["NN_BIN": Tool.folder.path])
    #expect(outcome.status == 0, "\(outcome.message)")
    #expect(outcome.text.contains("promotions\t25\n") && outcome.text.contains("\nlost\t0\n"))
  }
}
