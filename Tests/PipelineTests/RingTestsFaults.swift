import Foundation
import Testing

/// Tests of what time it takes to end must not wait for each other's processes.
@Suite(.serialized) enum RingTestsUnderFaults {}

extension RingTestsUnderFaults {
  /// Stages that fail by themselves.
  @Suite struct FailingStages {
    @Test(arguments: RingStage.allCases, ["", "cat", Ring.python()])
    func aWrongOptionEndsTheRing(_ stage: RingStage, _ filter: String) throws {
      var ring = try Ring()
      ring[stage] += " --nonsense"
      if !filter.isEmpty {
        ring.filters = [.batch: filter, .forward: filter, .backprop: filter]
      }
      for outcome in try ring.expectFailure(of: stage, status: 64) {
        #expect(
          outcome.messages(of: stage.tool)
            == ["unknown option '--nonsense' (see \(stage.tool) --help)"])
      }
    }

    @Test(arguments: [RingStage.forward, .update], ["", "cat"])
    func aMissingModelEndsTheRing(_ stage: RingStage, _ filter: String) throws {
      var ring = try Ring()
      ring[stage] = ring[stage].replacing("start.safetensors", with: "missing.safetensors")
      if !filter.isEmpty {
        ring.filters = [.batch: filter, .forward: filter, .backprop: filter]
      }
      for outcome in try ring.expectFailure(of: stage, status: 66) {
        #expect(
          outcome.messages(of: stage.tool) == ["missing.safetensors: no such file or directory"])
      }
    }

    @Test func anotherModelEndsTheRing() throws {
      var ring = try Ring()
      let other = try Ring(rows: 2, columns: 3, layers: "dense 2 softmax")
      try ring.folder.write("other.safetensors", other.folder.read("start.safetensors"))
      ring.update = ring.update.replacing("start.safetensors", with: "other.safetensors")
      for outcome in try ring.expectFailure(of: .update, status: 65) {
        #expect(outcome.messages(of: "nn-update").first?.hasPrefix("<stdin>: frame 0: ") == true)
      }
    }

    /// The first correction leaves weights that the second step cannot compute with.
    @Test func aStepThatLeavesTheNumbersEndsTheRing() throws {
      var ring = try Ring(
        rows: 80, columns: 3, layers: "dense 4 relu\ndense 2 identity", loss: "squared")
      ring.update = ring.update.replacing("0.1", with: "1e30")
      let (outcome, statuses) = try ring.runForStatuses()
      outcome.expectEndedByItself()
      let causes = RingStage.allCases.filter { statuses[$0] == 80 }
      try #require(causes.count == 1, "\(outcome.message)")
      #expect(outcome.messages(of: causes[0].tool).first?.contains("found ") == true)
      for stage in causes[0].after {
        #expect(statuses[stage] == 65)
        #expect(outcome.messages(of: stage.tool).first?.contains("upstream ended early") == true)
      }
      #expect(!ring.folder.exists("next.safetensors"))
    }

    @Test func aFIFOThatIsNoneEndsTheRing() throws {
      for (stage, option) in [(RingStage.forward, "--follow"), (.update, "--feedback")] {
        var ring = try Ring()
        ring[stage] = ring[stage].replacing("\"$tmp/weights\"", with: "net")
        let network = try ring.folder.read("net")
        for outcome in try ring.expectFailure(of: stage, status: 64) {
          #expect(
            outcome.messages(of: stage.tool)
              == ["\(option): 'net' is no FIFO (mkfifo makes one)"])
        }
        #expect(try ring.folder.read("net") == network)
      }
    }
  }

  /// Filters that fail.
  @Suite struct FailingFilters {
    @Test(arguments: [RingStage.batch, .forward, .backprop], [(0, 0), (0, 100), (3, 0), (3, 100)])
    func aFilterThatIsKilledEndsTheRing(_ stage: RingStage, _ place: (Int, Int)) throws {
      var ring = try Ring()
      ring.filters = [
        stage: Ring.python("--after \(place.0) \(place.1) 'kill -9 $PPID'")
      ]
      for outcome in try ring.expectFailure(of: nil, status: 137, orOfFilterBehind: stage) {
        let next = try #require(RingStage(rawValue: stage.rawValue + 1))
        let lost = outcome.messages(of: next.tool).first ?? ""
        switch place {
        case (0, 0): #expect(lost == "<stdin>: upstream ended early: no document")
        case (0, _): #expect(lost == "<stdin>: upstream ended early: inside a document")
        case (_, 0): #expect(lost == "<stdin>: upstream ended early: 3 frames, no end")
        default: #expect(lost == "<stdin>: upstream ended early: inside frame 3")
        }
      }
    }

    @Test(arguments: [RingStage.batch, .forward, .backprop])
    func aFilterThatDoesNotStartEndsTheRing(_ stage: RingStage) throws {
      var ring = try Ring()
      ring.filters = [stage: "no-such-filter"]
      for outcome in try ring.expectFailure(of: nil, status: 127, orOfFilterBehind: stage) {
        #expect(outcome.message.contains("no-such-filter"))
      }
    }
  }

  /// Ctrl-C.
  @Suite struct Interrupts {
    @Test(arguments: [SIGINT, SIGTERM]) func aSignalToTheGroupEndsTheRing(_ signal: Int32) throws {
      var ring = try Ring()
      ring.batch += " --epochs 100000"
      try ring.folder.write("next.safetensors", "old")
      ring.filters = [.backprop: Ring.python("--after 3 0 'touch running'")]
      let session = try RingSession(ring.script, in: ring.folder)
      try session.wait { ring.folder.exists("running") }
      try session.signal(signal)
      let outcome = try session.outcome()
      outcome.expectEndedByItself()
      #expect(outcome.status == 128 + signal)
      #expect(try ring.folder.read("next.safetensors") == Array("old".utf8))
      let names = try ring.folder.names()
      #expect(!names.contains { $0.hasSuffix(".tmp") })
    }
  }
}
