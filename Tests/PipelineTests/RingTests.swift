import Scratch
import Testing

/// The ring while all goes well: however its pipes are laid, it ends where `nn-train` ends.
@Suite struct RingTests {
  /// Where `steps` steps lead in one process.
  private func expected(_ ring: Ring, steps: Int) throws -> [UInt8] {
    let outcome = try Tool.run(
      "nn-train",
      [
        "train.safetensors", "-m", "start.safetensors", "--size", "2", "--seed", "1", "--rate",
        "0.1",
        "--epochs", "1", "--limit", "\(steps)", "-o", "fused.safetensors",
      ], in: ring.folder)
    try #require(outcome.status == 0, "\(outcome.message)")
    return try ring.folder.read("fused.safetensors")
  }

  private func expectEndsRight(_ ring: Ring, steps: Int = 40) throws {
    let outcome = try ring.run()
    outcome.expectEndedByItself(within: 60)
    #expect(outcome.message == "")
    #expect(outcome.status == 0)
    #expect(try ring.folder.read("next.safetensors") == expected(ring, steps: steps))
  }

  @Test(arguments: [1, 2, 39, 40]) func endsAfterItsLastStep(_ steps: Int) throws {
    var ring = try Ring()
    ring.batch += " --limit \(steps)"
    try expectEndsRight(ring, steps: steps)
  }

  @Test func withoutStepsThereIsNothingToUpdate() throws {
    var ring = try Ring()
    ring.batch += " --limit 0"
    let (outcome, statuses) = try ring.runForStatuses()
    outcome.expectEndedByItself(within: 60)
    #expect(outcome.message == "nn-update: <stdin>: no gradients: the stream has 0 frames\n")
    #expect(statuses == [.batch: 0, .forward: 0, .backprop: 0, .update: 65])
    #expect(!ring.folder.exists("next.safetensors"))
  }

  @Test(
    arguments: ["cat", "dd bs=7 status=none"]
      + ["pass", "members", "flush", "plain"].map { Ring.python("--write \($0)") })
  func filtersBetweenTheStagesChangeNothing(_ filter: String) throws {
    var ring = try Ring()
    ring.filters = [.batch: filter, .forward: filter, .backprop: filter]
    ring.batch += " --limit 10"
    try expectEndsRight(ring, steps: 10)
  }

  @Test func aFilterOnTheWayBackChangesNothing() throws {
    var ring = try Ring()
    ring.forward = ring.forward.replacing("$tmp/weights", with: "$tmp/filtered")
    ring.preparation = "mkfifo \"$tmp/filtered\"; cat <\"$tmp/weights\" >\"$tmp/filtered\" &"
    try expectEndsRight(ring)
  }

  @Test func twoRingsInOneFolderDoNotMeet() throws {
    let first = try Ring()
    let second = first.script.replacing("next.safetensors", with: "second.safetensors")
    let both = "(\(first.script)) & other=$!\n(\(second))\nstatus=$?; wait $other && exit $status"
    let outcome = try RingSession(both, in: first.folder).outcome()
    outcome.expectEndedByItself(within: 60)
    #expect(outcome.message == "")
    #expect(outcome.status == 0)
    let expected = try expected(first, steps: 40)
    #expect(try first.folder.read("next.safetensors") == expected)
    #expect(try first.folder.read("second.safetensors") == expected)
  }

  /// Whoever comes second is refused, unless the first one has ended already.
  @Test func twoRingsIntoOneFileLeaveItWhole() throws {
    let ring = try Ring()
    let both =
      "(\(ring.script)) & other=$!\n(\(ring.script))\nstatus=$?; wait $other && exit $status"
    let outcome = try RingSession(both, in: ring.folder).outcome()
    outcome.expectEndedByItself(within: 60)
    #expect([0, 75].contains(outcome.status), "\(outcome.message)")
    #expect(try ring.folder.read("next.safetensors") == expected(ring, steps: 40))
  }
}

/// The harness must notice what it is there to notice.
@Suite struct RingSessionTests {
  @Test func whatEndsIsNoIssue() throws {
    let outcome = try RingSession("echo out; echo no >&2; exit 7", in: Scratch()).outcome()
    #expect(outcome.status == 7)
    #expect(outcome.output == "out\n")
    #expect(outcome.message == "no\n")
    outcome.expectEndedByItself(within: 60)
  }

  @Test func aSignalIsAStatus() throws {
    #expect(try RingSession("kill -9 $$", in: Scratch()).outcome().status == 137)
  }

  @Test(arguments: [
    ("sleep 60", true, 1), ("sleep 60 & exit 0", false, 1), ("set -m; sleep 60 & exit 0", false, 1),
  ])
  func whatDoesNotEndIsNoticedAndKilled(_ script: String, _ hasHung: Bool, _ left: Int) throws {
    let session = try RingSession(script + "; :", in: Scratch())
    let outcome = try session.outcome(watchdog: 0.5)
    #expect(outcome.hasHung == hasHung)
    #expect(outcome.left >= left)
    #expect(outcome.remains() != [])
  }

  @Test func whatStaysInTheTemporaryFolderIsNoticed() throws {
    let outcome = try RingSession("mktemp -d", in: Scratch()).outcome()
    #expect(outcome.temporaries.count == 1)
    #expect(outcome.remains() != [])
  }
}
