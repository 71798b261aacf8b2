import Foundation
import Testing

extension RingTestsUnderFaults {
  /// Stages that are killed by signal 9, which no program can answer.
  @Suite struct KilledStages {
    private func laid(_ filter: String) throws -> Ring {
      var ring = try Ring()
      if !filter.isEmpty {
        ring.filters = [.batch: filter, .forward: filter, .backprop: filter]
      }
      return ring
    }

    @Test(arguments: RingStage.allCases, ["", "cat"])
    func aStageKilledBeforeItsFirstStepEndsTheRing(_ stage: RingStage, _ filter: String) throws {
      var ring = try laid(filter)
      ring[stage] = "sh -c 'kill -9 $$'"
      try ring.expectFailure(of: stage, status: 137)
    }

    /// While `sleep` runs, the stages before have done what they could. With a filter in front nobody watches for the
    /// dead stage; that of Python does not even hand on what stages write to find out, so there the last stage must be
    /// the program itself.
    @Test(
      arguments: [
        (RingStage.forward, ""), (.backprop, ""), (.update, ""), (.forward, "cat"),
        (.backprop, "cat"), (.update, "cat"), (.forward, Ring.python()),
        (.backprop, Ring.python()),
      ])
    func aStageKilledOverItsFirstDocumentEndsTheRing(_ stage: RingStage, _ filter: String) throws {
      var ring = try laid(filter)
      ring[stage] = "sh -c 'sleep 0.1; kill -9 $$'"
      try ring.expectFailure(of: stage, status: 137)
    }

    /// A filter in front of the stage, behind it for the first, kills it when it has handed on so much.
    @Test(
      arguments: [RingStage.forward, .backprop, .update], [(0, 0), (0, 100), (3, 0), (3, 100)])
    func aStageKilledAnywhereEndsTheRing(_ stage: RingStage, _ place: (Int, Int)) throws {
      var ring = try Ring()
      ring[stage] = "stage " + ring[stage]
      let before = try #require(RingStage(rawValue: stage.rawValue - 1))
      ring.filters = [
        before: Ring.python("--after \(place.0) \(place.1) 'kill -9 $(cat \(stage.tool).pid)'")
      ]
      for outcome in try ring.expectFailure(of: stage, status: 137) {
        for later in stage.after {
          let frames = place.0 == 0 ? "no document" : "\(place.0) frames, no end"
          #expect(
            outcome.messages(of: later.tool) == ["<stdin>: upstream ended early: \(frames)"])
        }
      }
    }

    /// The batches are larger than a pipe, so nn-batch is in the middle of writing one.
    @Test(arguments: [0, 1]) func nnBatchKilledInsideADocumentEndsTheRing(_ frames: Int) throws {
      var ring = try Ring(rows: 1500, columns: 1000, layers: "dense 2 softmax")
      ring.batch = "stage \(ring.batch.replacing("--size 2", with: "--size 500"))"
      ring.filters = [
        .batch: Ring.python("--after \(frames) 100 'kill -9 $(cat nn-batch.pid)'")
      ]
      for outcome in try ring.expectFailure(of: .batch, status: 137) {
        #expect(
          outcome.messages(of: "nn-forward").first?.contains("upstream ended early: inside ")
            == true)
      }
    }

    /// On the way back a filter stops inside a model: nn-forward is reading it, or nn-update has just written it.
    @Test(arguments: [RingStage.forward, .update], [(0, 0), (0, 100), (3, 0), (3, 100)])
    func aStageKilledOverTheWeightsEndsTheRing(_ stage: RingStage, _ place: (Int, Int)) throws {
      var ring = try Ring()
      ring[stage] = "stage " + ring[stage]
      let filter = Ring.python("--after \(place.0) \(place.1) 'kill -9 $(cat \(stage.tool).pid)'")
      ring.forward = ring.forward.replacing("$tmp/weights", with: "$tmp/filtered")
      ring.preparation =
        "mkfifo \"$tmp/filtered\"; \(filter) <\"$tmp/weights\" >\"$tmp/filtered\" &"
      try ring.expectFailure(of: stage, status: 137)
    }

    /// At no chosen moment: while the programs start, and while they work.
    @Test(arguments: RingStage.allCases, [0, 1, 2, 4, 8, 16, 32, 64, 128])
    func aStageKilledAtAnyTimeEndsTheRing(_ stage: RingStage, _ milliseconds: UInt32) throws {
      var ring = try Ring()
      ring.batch += " --epochs 100000"
      ring[stage] = "stage " + ring[stage]
      let session = try RingSession(ring.script, in: ring.folder)
      let process = try session.process("\(stage.tool).pid")
      usleep(milliseconds * 1000)
      kill(process, SIGKILL)
      let outcome = try session.outcome()
      outcome.expectEndedByItself()
      #expect(outcome.status == (stage == .update ? 137 : 65))
      // Behind the last stage nobody is left to say why; the shell does.
      #expect(outcome.message.contains(stage == .update ? "Killed" : "upstream ended early"))
      #expect(!ring.folder.exists("next.safetensors"))
    }
  }
}
