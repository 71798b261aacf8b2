import Foundation
import Safetensors
import Scratch
import Testing

extension RingTestsUnderFaults {
  /// `nn-train` under SIGINT and SIGTERM, which come while it is held inside its epoch.
  @Suite struct Signals {
    /// What `nn-train` said on its terminal, without the line of the last step.
    private func said(_ outcome: RingOutcome) -> [String] {
      outcome.messages(of: "nn-train").filter { !$0.hasPrefix("epoch ") }
    }

    @Test(arguments: [SIGINT, SIGTERM], ["ring", "every"])
    func itStopsBetweenTwoStepsAndTheRestIsTheSame(_ signal: Int32, _ network: String) throws {
      let ring =
        try network == "ring"
        ? HeldTraining.ring()
        : HeldTraining.ring(
          layers: "dense 8\nbatchnorm relu\ndropout 0.2\ndense 2 softmax")
      let rule =
        network == "ring"
        ? "" : "--optimizer adam --warmup-epochs 3 --schedule exponential --schedule-factor 0.99999"
      try ring.folder.write("next.safetensors", "old")
      let training = try HeldTraining(
        "\(rule) -m start.safetensors --epochs 1 -o next.safetensors", in: ring)
      try training.signal(signal)
      training.release()
      let outcome = try training.session.outcome()
      outcome.expectEndedByItself()
      #expect(outcome.status == 128 + signal)
      #expect(try ring.folder.read("next.safetensors") == Array("old".utf8))
      let partial = try ring.folder.document("partial.next.safetensors").metadata
      #expect(partial["nn.epoch"] == "0")
      let position = try #require(partial["nn.position"].flatMap { Int($0) })
      #expect(1...HeldTraining.stepsBeforeTheHold + 1 ~= position)
      #expect(
        outcome.message
          == "nn-train: interrupted after step \(position) of epoch 1: the model is in "
          + "partial.next.safetensors, and --model goes on from there\n")
      let train = "nn-train \(HeldTraining.datasets) \(HeldTraining.options) \(rule) --epochs 2"
      let both = try Tool.sh(
        """
        set -e
        \(train) -m partial.next.safetensors -o resumed.safetensors
        \(train) -m start.safetensors -o whole.safetensors
        """, in: ring.folder)
      #expect(both.status == 0 && both.message == "")
      #expect(
        try ring.folder.read("resumed.safetensors") == ring.folder.read("whole.safetensors"))
      #expect(try !ring.folder.names().contains { $0.hasSuffix(".tmp") })
    }

    @Test func whatIsPartialItselfStaysSo() throws {
      let ring = try HeldTraining.ring()
      let training = try HeldTraining(
        "-m start.safetensors --epochs 1 -o ./partial.x.safetensors", in: ring)
      try training.signal(SIGINT)
      training.release()
      let outcome = try training.session.outcome()
      #expect(outcome.message.contains(": the model is in ./partial.x.safetensors, "))
      #expect(
        try !ring.folder.names().contains {
          $0.hasPrefix("partial.partial") || $0.hasSuffix(".tmp")
        })
    }

    @Test func theSecondSignalEndsItAtOnce() throws {
      let ring = try HeldTraining.ring()
      try ring.folder.write("next.safetensors", "old")
      let training = try HeldTraining(
        "\(HeldTraining.twoSteps) -m start.safetensors --epochs 1 -o next.safetensors", in: ring)
      try training.waitForTheLastStep()
      try training.signal(SIGINT)
      try training.signal(SIGTERM)
      // The step is still held.
      let outcome = try training.session.outcome()
      training.release()
      outcome.expectEndedByItself()
      #expect(outcome.status == 143)
      #expect(said(outcome) == [])
      #expect(try ring.folder.read("next.safetensors") == Array("old".utf8))
      let left = try ring.folder.names().filter { $0.hasPrefix("partial") || $0.hasSuffix(".tmp") }
      #expect(left == [])
    }

    /// Behind the last step there is nothing to interrupt; the signal is obeyed all the same, and the model is whole.
    @Test func aSignalIntoTheLastStepLeavesAWholeModel() throws {
      let ring = try HeldTraining.ring()
      let training = try HeldTraining(
        "\(HeldTraining.twoSteps) -m start.safetensors --epochs 1 -o next.safetensors", in: ring)
      try training.waitForTheLastStep()
      try training.signal(SIGINT)
      training.release()
      let outcome = try training.session.outcome()
      #expect(outcome.status == 130)
      #expect(said(outcome) == [])
      #expect(try ring.folder.document("next.safetensors").metadata["nn.position"] == "2")
      #expect(!ring.folder.exists("partial.next.safetensors"))
    }

    /// There is no place beside a pipe, and half a training handed on would be taken for a whole one.
    @Test(arguments: ["| cat > out", "> out", "-o back"])
    func whereTheOutputIsNoFileNothingIsHandedOn(_ output: String) throws {
      let ring = try HeldTraining.ring()
      let training = try HeldTraining(
        "-m start.safetensors --epochs 1 \(output)", after: "mkfifo back; cat back > /dev/null & ",
        in: ring)
      try training.session.signal(SIGTERM)
      let outcome = try training.session.outcome()
      training.release()
      outcome.expectEndedByItself()
      #expect(outcome.status == 143)
      #expect(said(outcome) == [])
      #expect(try !ring.folder.names().contains { $0.contains("partial") })
      if ring.folder.exists("out") { #expect(try ring.folder.read("out") == []) }
    }

    @Test func aSignalThatIsIgnoredIsIgnored() throws {
      let ring = try HeldTraining.ring()
      let training = try HeldTraining(
        "-m start.safetensors --epochs 1 -o next.safetensors", after: "trap '' INT; exec", in: ring)
      try training.signal(SIGINT)
      try training.signal(SIGINT)
      training.release()
      let outcome = try training.session.outcome()
      #expect(outcome.status == 0 && said(outcome) == [])
      #expect(try ring.folder.document("next.safetensors").metadata["nn.epoch"] == "1")
    }
  }
}
