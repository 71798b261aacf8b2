import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

extension RingTestsUnderFaults {
  /// `nn-train` under SIGINT and SIGTERM.
  @Suite struct Signals {
    private let options = "train.safetensors --size 2 --seed 1 --rate 0.1"

    /// Starts `nn-train` again and again until a signal comes when it has begun its steps, and not while it still reads.
    private func interrupted(
      _ command: String, by signal: Int32, leaving partial: String, in ring: Ring
    ) throws -> RingOutcome {
      var delay = 0.05
      while delay < 20 {
        let session = try RingSession("exec \(command)", in: ring.folder)
        usleep(UInt32(delay * 1e6))
        delay *= 1.4
        try session.signal(signal)
        let outcome = try session.outcome()
        outcome.expectEndedByItself()
        #expect(outcome.status == 128 + signal)
        if ring.folder.exists(partial) { return outcome }
        #expect(outcome.message == "")
      }
      Issue.record("no signal came inside the training")
      throw CancellationError()
    }

    @Test(arguments: [SIGINT, SIGTERM], ["ring", "every"])
    func itStopsBetweenTwoStepsAndTheRestIsTheSame(_ signal: Int32, _ network: String) throws {
      let ring =
        try network == "ring"
        ? Ring()
        : Ring(
          rows: 80, columns: 3, layers: "dense 8\nbatchnorm relu\ndropout 0.2\ndense 2 softmax")
      let rule =
        network == "ring"
        ? "" : "--rule adam --warmup-epochs 3 --schedule exponential --schedule-factor 0.99999"
      let train = "nn-train \(options) \(rule)"
      try ring.folder.write("next.safetensors", "old")
      let outcome = try interrupted(
        "\(train) -m start.safetensors --epochs 1000000 -o next.safetensors", by: signal,
        leaving: "partial.next.safetensors", in: ring)
      #expect(try ring.folder.read("next.safetensors") == Array("old".utf8))
      let partial = try ring.folder.document("partial.next.safetensors").metadata
      let epoch = try #require(partial["nn.epoch"].flatMap { Int($0) })
      let place = partial["nn.position"].map { "after step \($0) of epoch \(epoch + 1)" }
      #expect(
        outcome.message
          == "nn-train: interrupted \(place ?? "after epoch \(epoch)"): the model is in "
          + "partial.next.safetensors, and --model goes on from there\n")
      let both = try Tool.sh(
        """
        set -e
        \(train) --epochs \(epoch + 2) -m partial.next.safetensors -o resumed.safetensors
        \(train) --epochs \(epoch + 2) -m start.safetensors -o whole.safetensors
        """, in: ring.folder)
      #expect(both.status == 0 && both.message == "")
      #expect(
        try ring.folder.read("resumed.safetensors") == ring.folder.read("whole.safetensors"))
      #expect(try !ring.folder.names().contains { $0.hasSuffix(".tmp") })
    }

    @Test func whatIsPartialItselfStaysSo() throws {
      let ring = try Ring()
      let outcome = try interrupted(
        "nn-train \(options) -m start.safetensors --epochs 1000000 -o ./partial.x.safetensors",
        by: SIGINT, leaving: "partial.x.safetensors", in: ring)
      #expect(outcome.message.contains(": the model is in ./partial.x.safetensors, "))
      #expect(
        try !ring.folder.names().contains {
          $0.hasPrefix("partial.partial") || $0.hasSuffix(".tmp")
        })
    }

    /// A training of one step that takes a second or more, and a signal into it, at whatever delay it begins; again, when `body`
    /// says that it came too late.
    private func interruptedInside(
      _ epochs: Int, _ body: (RingSession) throws -> RingOutcome?
    ) throws -> (Ring, RingOutcome) {
      let ring = try Ring(
        rows: 4, columns: 100, layers: "dense 400 identity\ndense 400 identity\ndense 2 softmax")
      try ring.folder.write(
        "train.safetensors",
        .dataset([
          "input": Tensor(zeros: [20_000, 100], .u8), "target": Tensor(zeros: [20_000], .u8),
        ]))
      var delay = 0.1
      while delay < 20 {
        try ring.folder.write("next.safetensors", "old")
        // A step that ended soon after the signal has left its model.
        try? FileManager.default.removeItem(atPath: ring.folder.path("partial.next.safetensors"))
        let session = try RingSession(
          "exec nn-train train.safetensors --size all --rate 0.1 -j 1 -m start.safetensors "
            + "--epochs \(epochs) -o next.safetensors", in: ring.folder)
        usleep(UInt32(delay * 1e6))
        kill(session.leader, SIGINT)
        usleep(100_000)
        // One that ends by the signal at once had not begun, or its step was at its end.
        if try hasEnded(session.leader) {
          _ = try session.outcome()
        } else if let outcome = try body(session) {
          return (ring, outcome)
        }
        delay *= 1.3
      }
      Issue.record("no signal came inside the training")
      throw CancellationError()
    }

    private func hasEnded(_ process: pid_t) throws -> Bool {
      let outcome = try Tool.sh("ps -o stat= -p \(process)", in: Scratch())
      return outcome.text.isEmpty || outcome.text.hasPrefix("Z")
    }

    @Test func theSecondSignalEndsItAtOnce() throws {
      let (ring, outcome) = try interruptedInside(1000) { session in
        try session.signal(SIGTERM)
        let outcome = try session.outcome()
        // Unless the step came to its end just before.
        return outcome.status == 130 ? nil : outcome
      }
      outcome.expectEndedByItself()
      #expect(outcome.status == 143)
      #expect(outcome.message == "")
      #expect(try ring.folder.read("next.safetensors") == Array("old".utf8))
      let left = try ring.folder.names().filter { $0.hasPrefix("partial") || $0.hasSuffix(".tmp") }
      #expect(left == [])
    }

    /// Behind the last step there is nothing to interrupt; the signal is obeyed all the same, and the model is whole.
    @Test func aSignalIntoTheLastStepLeavesAWholeModel() throws {
      let (ring, outcome) = try interruptedInside(1) { try $0.outcome() }
      #expect(outcome.status == 130)
      #expect(outcome.message == "")
      #expect(try ring.folder.document("next.safetensors").metadata["nn.epoch"] == "1")
      #expect(!ring.folder.exists("partial.next.safetensors"))
    }

    /// There is no place beside a pipe, and half a training handed on would be taken for a whole one.
    @Test(arguments: ["| cat > out", "> out", "-o fifo"])
    func whereTheOutputIsNoFileNothingIsHandedOn(_ output: String) throws {
      let ring = try Ring()
      let session = try RingSession(
        """
        mkfifo fifo; cat fifo > /dev/null &
        sh -c 'echo $$ > pid; exec nn-train \(options) -m start.safetensors --epochs 1000000 \(output)'
        """, in: ring.folder)
      _ = try session.process("pid")
      usleep(400_000)
      try session.signal(SIGTERM)
      let outcome = try session.outcome()
      outcome.expectEndedByItself()
      #expect(outcome.status == 143)
      #expect(outcome.messages(of: "nn-train") == [])
      #expect(try !ring.folder.names().contains { $0.contains("partial") })
      if ring.folder.exists("out") { #expect(try ring.folder.read("out") == []) }
    }

    @Test func aSignalThatIsIgnoredIsIgnored() throws {
      let ring = try Ring()
      let session = try RingSession(
        "trap '' INT; exec nn-train \(options) -m start.safetensors --epochs 1000000 --time-limit 1 "
          + "-o next.safetensors", in: ring.folder)
      try session.wait { ring.folder.exists(".next.safetensors.tmp") }
      usleep(200_000)
      kill(session.leader, SIGINT)
      usleep(100_000)
      kill(session.leader, SIGINT)
      let outcome = try session.outcome()
      #expect(outcome.status == 0 && outcome.message == "")
      #expect(ring.folder.exists("next.safetensors"))
    }
  }
}
