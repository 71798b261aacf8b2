import Foundation
import Scratch
import Testing

/// `nn-registry` as a program; what its verbs do is tested with their library.
@Suite struct RegistryToolTests {
  private func registry(_ arguments: String, _ retraining: Retraining) throws -> Outcome {
    try Tool.sh("exec nn-registry \(arguments)", in: retraining.scratch)
  }

  /// Runs it, which must fail with one line and change nothing.
  private func expectRefusal(
    _ arguments: String, _ status: Int32, _ message: String, _ retraining: Retraining,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try retraining.state()
    let outcome = try registry(arguments, retraining)
    #expect(outcome.status == status, sourceLocation: sourceLocation)
    #expect(outcome.message == "nn-registry: \(message)\n", sourceLocation: sourceLocation)
    #expect(outcome.text == "", sourceLocation: sourceLocation)
    #expect(try retraining.state() == before, sourceLocation: sourceLocation)
  }

  /// The commands of docs/RETRAIN.md's section on the verbs.
  @Test func theVerbsAreANightByHand() throws {
    let retraining = try Retraining()
    let first = try retraining.model("current")
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    let night = try Tool.sh(
      """
      set -e
      exec 8>>retrain/lock
      nn-registry lock retrain --lock 8 >settings
      nn-registry claim retrain --lock 8
      nn-check -m retrain/models/current retrain/work/claimed/a.safetensors.gz >found 2>said
      nn-registry judge retrain --lock 8 a.safetensors.gz --findings found --message said
      new=$(nn-registry data retrain --lock 8 fresh | cut -f 1)
      nn-init net --weights retrain/models/current --dtype f32 -o start.gz
      nn-train "retrain/$new" -m start.gz --rate 0.5 --size 8 --epochs 20 -o next.gz
      nn-registry promote retrain --lock 8 next.gz "$new" --reason 'by hand'
      nn-registry prune retrain --lock 8 --keep 1
      nn-registry rollback retrain --lock 8
      """, in: retraining.scratch)
    #expect(night.status == 0, "\(night.message)")
    let lines = night.text.split(separator: "\n").map { $0.components(separatedBy: "\t") }
    #expect(lines.map { $0[0] } == ["claimed", "accepted", "promoted", "promoted"])
    #expect(try retraining.model("current") == first)
    #expect(try retraining.model("previous") == lines[2][1])
    #expect(lines[3][1...] == [first, "rollback"])
    let settings = String(decoding: try retraining.scratch.read("settings"), as: UTF8.self)
    #expect(settings.hasPrefix("train=(--rate 0.5 --size 8)\nepochs=20\nreplay=0.2\n"))
    let status = try registry("status retrain", retraining)
    #expect(status.text.contains("\nreason\trollback\n") && status.text.contains("\nlearned\t2\n"))
    // A verb that is called again has nothing to do.
    let before = try retraining.state()
    let again = try registry("rollback retrain --from \(lines[2][1])", retraining)
    #expect(again.status == 0 && again.text == "")
    #expect(try retraining.state() == before)
  }

  @Test func badCommandLinesAreRefused() throws {
    let retraining = try Retraining()
    let help = " (see nn-registry --help)"
    try expectRefusal(
      "", 64,
      "found no verb, expected one of init, lock, recover, holdout, claim, judge, data, promote, "
        + "keep, rollback, prune, status, settings" + help, retraining)
    try expectRefusal("claim", 64, "missing expected argument '<folder>'" + help, retraining)
    try expectRefusal(
      "prune retrain --keep 0", 64, "--keep: found '0', expected a whole number above 0" + help,
      retraining)
    try expectRefusal(
      "data retrain old", 64,
      "<state>: found 'old', expected fresh or waiting or learned or beside" + help, retraining)
    try expectRefusal(
      "lock retrain", 64, "--lock is missing, expected a descriptor that stays open", retraining)
    try expectRefusal(
      "claim retrain --lock 0", 64,
      "--lock: found descriptor 0, expected one that is open on retrain/lock", retraining)
    try expectRefusal(
      "claim nowhere", 66, "nowhere: no such folder (retrain.sh --init makes it)", retraining)
    try expectRefusal(
      "settings retrain keep=x", 64, "keep: found 'x', expected a whole number above 0", retraining)
    try expectRefusal(
      "judge retrain ../x --findings net", 64,
      "found '../x', expected the name of a file in work/claimed/", retraining)
    try expectRefusal(
      "promote retrain model.safetensors.gz --verdict net --reason x", 64,
      "--verdict and --reason exclude each other", retraining)
    try expectRefusal(
      "init other -m model.safetensors.gz --holdout holdout.safetensors.gz --learned net", 64,
      "--findings: found 0, expected one for each of 1 --learned", retraining)
  }

  @Test func whatIsNoModelIsNotPromoted() throws {
    let retraining = try Retraining()
    try expectRefusal(
      "promote retrain first.safetensors.gz", 65,
      "first.safetensors.gz: found a dataset, expected a model (nn-init writes one)", retraining)
    let model = try retraining.scratch.read("model.safetensors.gz")
    try retraining.scratch.write("cut.gz", Array(model.dropLast(9)))
    try expectRefusal(
      "promote retrain cut.gz", 65,
      "cut.gz: byte \(model.count - 9): found end of input inside a gzip member, "
        + "expected the rest of it",
      retraining)
    try expectRefusal(
      "promote retrain none.gz", 66, "none.gz: no such file or directory", retraining)
    try retraining.scratch.write(
      "verdict", "keep\t" + String(repeating: "-\t", count: 10) + "worse\n")
    try expectRefusal(
      "promote retrain model.safetensors.gz --verdict verdict", 65,
      "verdict: found 'keep', expected promote", retraining)
  }

  /// What `nn-check --version` prints is no table, and names no content to call a file by.
  @Test func whatIsNoTableOfChecksAcceptsNothing() throws {
    let retraining = try Retraining()
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    #expect(try registry("claim retrain", retraining).text == "claimed\ta.safetensors.gz\n")
    try retraining.scratch.write("version", "0.1.0\n")
    try expectRefusal(
      "judge retrain a.safetensors.gz --findings version", 65,
      "version: line 1: found 1 columns, expected 4", retraining)
  }

  @Test func anotherProcessAtWorkIsWaitedFor() throws {
    let retraining = try Retraining()
    let before = try retraining.state()
    let busy = try Tool.sh(
      "exec flock retrain/lock nn-registry claim retrain", in: retraining.scratch)
    #expect(busy.status == 75)
    #expect(busy.message == "nn-registry: retrain: another process is at work there, try later\n")
    #expect(try retraining.state() == before)
    let status = try Tool.sh(
      "exec flock retrain/lock nn-registry status retrain", in: retraining.scratch)
    #expect(status.status == 0)
    let rollback = try Tool.sh(
      "exec flock retrain/lock '\(Retraining.script)' --rollback retrain", in: retraining.scratch,
      environment: ["NN_BIN": Tool.folder.path])
    #expect(rollback.status == 75)
    #expect(rollback.message.hasSuffix("retrain: another process is at work there, try later\n"))
  }

  /// A full disk left the shell's table empty, and the run went on with status 0.
  @Test func aFullDiskLeavesTheTablesAsTheyWere() throws {
    let retraining = try Retraining()
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    let made = try Tool.sh(
      """
      nn-registry claim retrain >claimed &&
      nn-check -m retrain/models/current retrain/work/claimed/a.safetensors.gz >found
      """, in: retraining.scratch)
    try #require(made.status == 0, "\(made.message)")
    let before = try retraining.state()
    // No file may grow at all; what is printed goes into a pipe.
    let full = try Tool.sh(
      "ulimit -f 0; exec nn-registry judge retrain a.safetensors.gz --findings found",
      in: retraining.scratch)
    #expect(full.status == 74)
    #expect(full.message == "nn-registry: retrain/archive/learned.tsv: file too large\n")
    #expect(try retraining.state() == before)
    let promoted = try Tool.sh(
      "ulimit -f 0; exec nn-registry promote retrain model.safetensors.gz", in: retraining.scratch)
    #expect(promoted.status == 0 && promoted.text == "", "it is in use, and nothing is written")
    let free = try registry("judge retrain a.safetensors.gz --findings found", retraining)
    #expect(free.status == 0 && free.text.hasPrefix("accepted\ta.safetensors.gz\tarchive/"))
  }

  @Test(arguments: [
    (
      "check --version",
      "check: found '--version', expected options of nn-check: unknown option '--version'"
    ),
    ("gate -o /tmp/x", "gate: found '-o /tmp/x', expected options of nn-gate: unknown option '-o'"),
    ("keep none", "keep: found 'none', expected a whole number above 0"),
    (
      "kept 3",
      "kept: unknown option, expected one of train, epochs, replay, time-limit, check, gate, "
        + "tries, keep"
    ),
  ])
  func aSettingThatIsNoneEndsTheRunBeforeItBegins(_ line: String, _ message: String) throws {
    let retraining = try Retraining(settings: "train --rate 0.5\n\n\(line)\n")
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    let before = try retraining.state()
    let outcome = try retraining.run()
    #expect(outcome.status == 64)
    #expect(outcome.message == "retrain.sh: settings: line 3: \(message)\n")
    #expect(try retraining.state() == before)
  }
}
