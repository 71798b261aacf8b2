import Foundation
import Scratch
import Testing

/// Runs that are killed, and readers beside them; Tests/Faults holds the long campaigns.
@Suite struct RetrainFaultTests {
  /// Makes `shims/`, the programs with a script in the place of one.
  private func replace(_ tool: String, in retraining: Retraining, by script: String) throws {
    let scratch = retraining.scratch
    try? scratch.remove("shims")
    try scratch.makeFolder("shims")
    for name in try FileManager.default.contentsOfDirectory(atPath: Tool.folder.path)
    where name.hasPrefix("nn-") && name != tool {
      try FileManager.default.createSymbolicLink(
        atPath: scratch.path("shims/\(name)"),
        withDestinationPath: Tool.folder.appending(path: name).path)
    }
    try scratch.write("shims/\(tool)", script)
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: scratch.path("shims/\(tool)"))
  }

  /// The script is killed before the so-manieth verb of nn-registry that changes something, or after it has done its work;
  /// the next run must come to where a run without a kill comes.
  private func killed(at number: Int, _ retraining: Retraining) throws -> Outcome {
    let scratch = retraining.scratch
    try replace(
      "nn-registry", in: retraining,
      by: """
        #!/bin/sh
        run() { '\(Tool.folder.appending(path: "nn-registry").path)' "$@"; }
        case $1 in data | holdout | lock | settings) run "$@"; exit $?; esac
        printf x >> '\(scratch.path("shims/count"))'
        count=$(($(wc -c < '\(scratch.path("shims/count"))') * 2))
        if [ "$count" -eq \(number + 1) ]; then kill -KILL "$SCRIPT"; exit 1; fi
        run "$@" || exit $?
        if [ "$count" -eq \(number) ]; then kill -KILL "$SCRIPT"; fi

        """)
    return try retraining.run(environment: ["NN_BIN": scratch.path("shims")])
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

  @Test func aRunKilledBeforeOrAfterAnyVerbIsFinishedByTheNext() throws {
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
      let killed = try killed(at: number, retraining)
      let whole = try Tool.sh(
        "nn-forward -m retrain/models/current first.safetensors.gz -o /dev/null",
        in: retraining.scratch)
      #expect(whole.status == 0, "verb \(number): \(whole.message)")
      if killed.status == 0 { break }
      #expect(killed.status == 137, "verb \(number): \(killed.message)")
      try retraining.succeed()
      #expect(try outcome(of: retraining) == expected, "verb \(number)")
    }
    // recover, claim, judge, promote, prune: before and after each.
    #expect(number == 11)
  }

  /// Neither the file that was checked nor those beside it are to blame for a full disk.
  @Test func aCheckThatFailsRefusesNothing() throws {
    for options in ["--learned", "-m"] {
      let retraining = try Retraining()
      try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
      try replace(
        "nn-check", in: retraining,
        by: """
          #!/bin/sh
          case "$*" in *\(options)*) echo 'nn-check: <stdout>: no space left on device' >&2; exit 74;; esac
          exec '\(Tool.folder.appending(path: "nn-check").path)' "$@"

          """)
      let outcome = try retraining.run(environment: ["NN_BIN": retraining.scratch.path("shims")])
      #expect(outcome.status == 74)
      #expect(
        outcome.message.hasPrefix("retrain.sh: nn-check: <stdout>: no space left on device (logs/"))
      #expect(try retraining.names(in: "work/claimed") == ["a.safetensors.gz"])
      #expect(try retraining.names(in: "rejected") == [])
      try retraining.succeed()
    }
  }

  @Test func readersOfTheCurrentModelAlwaysGetAWholeOne() throws {
    let outcome = try Tool.sh(
      "exec '\(Tool.project.path)/Tests/Faults/retrain-readers.sh' 25", in: Scratch(),
      environment: ["NN_BIN": Tool.folder.path])
    #expect(outcome.status == 0, "\(outcome.message)")
    #expect(outcome.text.contains("promotions\t25\n") && outcome.text.contains("\nlost\t0\n"))
  }
}
