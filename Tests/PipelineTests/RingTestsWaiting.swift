import Foundation
import Testing

extension RingTestsUnderFaults {
  /// Documents larger than any pipe, slow neighbours, and neighbours that are not there.
  @Suite struct Waiting {
    /// The dataset and the model, made once: batches and models of 1.2 MB, traces of 1.9 MB.
    private static let files = Result {
      let folder = try Ring(rows: 1152, columns: 784, layers: "dense 400 tanh\ndense 2 softmax")
        .folder
      return try ["train.safetensors", "start.safetensors"].map { ($0, try folder.read($0)) }
    }

    private func large() throws -> Ring {
      var ring = try Ring()
      for (name, bytes) in try Self.files.get() { try ring.folder.write(name, bytes) }
      ring.batch = "nn-batch train.safetensors --size 384 --seed 1"
      return ring
    }

    @Test(arguments: ["", "cat", "sh -c 'sleep 0.4; exec cat'", Ring.python("--write flush")])
    func documentsLargerThanAPipePass(_ filter: String) throws {
      var ring = try large()
      if !filter.isEmpty { ring.filters = [.batch: filter, .forward: filter, .backprop: filter] }
      let outcome = try ring.run()
      outcome.expectEndedByItself(within: 10)
      #expect(outcome.message == "")
      #expect(outcome.status == 0)
      let fused = try Tool.sh(
        "nn-train train.safetensors -m start.safetensors --size 384 --seed 1 --rate 0.1 --epochs 1 "
          + "-o fused.safetensors", in: ring.folder)
      try #require(fused.status == 0, "\(fused.message)")
      #expect(
        try ring.folder.read("next.safetensors")
          == ring.folder.read("fused.safetensors"))
    }

    /// What each stage is in the middle of writing or reading when another is killed.
    @Test(arguments: [
      (RingStage.forward, RingStage.batch), (.forward, .forward), (.backprop, .forward),
      (.backprop, .backprop), (.update, .backprop),
    ])
    func aStageKilledInsideALargeDocumentEndsTheRing(_ stage: RingStage, _ place: RingStage) throws
    {
      var ring = try large()
      ring[stage] = "stage " + ring[stage]
      ring.filters = [place: Ring.python("--after 1 300000 'kill -9 $(cat \(stage.tool).pid)'")]
      try ring.expectFailure(of: stage, status: 137)
    }

    /// nn-update is in the middle of writing a model, nn-forward of reading it.
    @Test(arguments: [RingStage.forward, .update])
    func aStageKilledOverLargeWeightsEndsTheRing(_ stage: RingStage) throws {
      var ring = try large()
      ring[stage] = "stage " + ring[stage]
      ring.forward = ring.forward.replacing("$tmp/weights", with: "$tmp/filtered")
      let filter = Ring.python("--after 0 300000 'kill -9 $(cat \(stage.tool).pid)'")
      ring.preparation =
        "mkfifo \"$tmp/filtered\"; \(filter) <\"$tmp/weights\" >\"$tmp/filtered\" &"
      try ring.expectFailure(of: stage, status: 137)
    }

    /// Every stage waits for what never comes (`silence` has a writer that does not write) while its reader leaves.
    @Test(arguments: [
      "nn-batch silence", "nn-forward -m start.safetensors silence",
      "nn-forward -m silence train.safetensors", "nn-forward -m start.safetensors --trace <silence",
      "nn-backprop silence", "nn-sum silence", "nn-update -m start.safetensors --rate 1 silence",
      "nn-update -m silence --rate 1 gradient",
      "nn-train silence -m start.safetensors --rate 1 --epochs 1",
      "nn-batch train.safetensors | nn-forward -m start.safetensors --follow silence --trace",
      "nn-batch train.safetensors | nn-forward -m start.safetensors --follow nobody --trace",
    ])
    func aStageWithoutReaderDoesNotWait(_ stage: String) throws {
      let ring = try Ring()
      let script =
        "mkfifo silence nobody; exec 3<>silence; { \(stage); echo $? >status; } | sleep 0.2"
      let outcome = try RingSession(script, in: ring.folder).outcome()
      outcome.expectEndedByItself()
      #expect(outcome.message == "")
      #expect(try ring.folder.read("status") == Array("141\n".utf8))
    }

    @Test func withoutReaderTheWeightsStayAway() throws {
      let ring = try Ring()
      let outcome = try RingSession(
        """
        mkfifo weights
        nn-batch train.safetensors --size 40 | nn-forward -m start.safetensors --trace \\
        | nn-backprop >gradients
        update() { nn-update -m start.safetensors --rate 0.1 --feedback weights -o "$@"; }
        update a.safetensors <gradients && cat gradients | update b.safetensors \\
        && update c.safetensors gradients && : | update d.safetensors
        """, in: ring.folder
      ).outcome()
      outcome.expectEndedByItself()
      #expect(outcome.status == 65)
      #expect(outcome.message == "nn-update: <stdin>: upstream ended early: no document\n")
      let expected = try ring.folder.read("a.safetensors")
      #expect(try ring.folder.read("b.safetensors") == expected)
      #expect(try ring.folder.read("c.safetensors") == expected)
    }

    /// A stage that waits inside a stream writes empty gzip members; who reads them sees the same
    /// documents. The rest comes when the stage has written several times.
    @Test func waitingChangesNoDocument() throws {
      let ring = try Ring()
      let outcome = try Tool.sh(
        """
        set -e
        nn-batch train.safetensors --size 40 | cat >batches
        nn-forward -m start.safetensors <batches | cat >predictions
        : >slow
        { head -c $(($(wc -c <batches) / 2 + 100)) batches
          writes=0 before=0
          while [ $writes -lt 6 ]; do
            now=$(wc -c <slow)
            if [ $now -gt $before ]; then writes=$((writes + 1)) before=$now; fi
            sleep 0.02
          done
          tail -c +$(($(wc -c <batches) / 2 + 101)) batches; } \\
        | nn-forward -m start.safetensors | cat >slow
        nn-eval predictions -o a
        nn-eval slow -o b
        cmp a b
        gzip -dc <predictions >a
        gzip -dc <slow >b
        cmp a b
        """, in: ring.folder)
      #expect(outcome.message == "")
      #expect(outcome.status == 0)
      #expect(try ring.folder.read("slow").count > ring.folder.read("predictions").count)
      #expect(
        try documents(in: ring.folder.read("slow"))
          == documents(in: ring.folder.read("predictions")))
    }
  }
}
