import Foundation
import Scratch
import Testing

extension RingTestsUnderFaults {
  /// `pipelines/scripts/epoch.sh`, which lays the ring for `make train`.
  @Suite struct EpochScript {
    private let script = "'\(Tool.project.path)/pipelines/scripts/epoch.sh'"
    private let options =
      "-m start.safetensors -o next.safetensors --epoch 1 --rate 0.1 --size 2 --seed 1 train.safetensors"
    /// Tools that write their process number, so that they can be found.
    private static let findable = [
      "nn-batch", "nn-forward", "nn-backprop", "nn-update", "nn-train",
    ].reduce(into: [String: String]()) {
      $0[$1] = "echo $$ >\"$PIDS/$1.pid\"; exec \"$tool\" \"$@\"".replacing("$1", with: $1)
    }

    private func session(_ ring: Ring, _ options: String) throws -> RingSession {
      try RingSession(
        "exec \(script) \(self.options) \(options)", in: ring.folder,
        environment: [
          "NN_BIN": ring.folder.tools(changing: Self.findable), "PIDS": ring.folder.url.path,
        ])
    }

    private func expectNothingNew(_ ring: Ring, _ outcome: RingOutcome) throws {
      outcome.expectEndedByItself()
      #expect(try ring.folder.read("next.safetensors") == Array("old".utf8))
    }

    @Test(arguments: ["ring", "fused"]) func endsWhereNNTrainEnds(_ engine: String) throws {
      let ring = try Ring()
      let outcome = try session(ring, "--engine \(engine) --epochs 2").outcome()
      outcome.expectEndedByItself()
      #expect(outcome.message == "")
      #expect(outcome.status == 0)
      let fused = try Tool.sh(
        "nn-train train.safetensors -m start.safetensors --size 2 --seed 1 --rate 0.1 --epochs 2 "
          + "-o fused.safetensors", in: ring.folder)
      try #require(fused.status == 0, "\(fused.message)")
      #expect(try ring.folder.read("next.safetensors") == ring.folder.read("fused.safetensors"))
    }

    @Test(arguments: RingStage.allCases.map(\.tool) + ["nn-train"])
    func aKilledStageLeavesTheOldModel(_ tool: String) throws {
      let ring = try Ring()
      try ring.folder.write("next.safetensors", "old")
      let engine = tool == "nn-train" ? "fused" : "ring"
      let session = try session(ring, "--epochs 100000 --engine \(engine)")
      let process = try session.process("\(tool).pid")
      usleep(50_000)
      kill(process, SIGKILL)
      let outcome = try session.outcome()
      try expectNothingNew(ring, outcome)
      #expect(outcome.status == 137)
      #expect(
        outcome.message.contains(
          engine == "ring" ? "epoch.sh: \(tool) was ended by signal 9\n" : "Killed"))
    }

    @Test(arguments: ["ring", "fused"], [SIGINT, SIGTERM, SIGHUP])
    func aSignalEndsTheScriptAndItsStages(_ engine: String, _ signal: Int32) throws {
      let ring = try Ring()
      try ring.folder.write("next.safetensors", "old")
      let session = try session(ring, "--epochs 100000 --engine \(engine)")
      _ = try session.process(engine == "ring" ? "nn-update.pid" : "nn-train.pid")
      usleep(50_000)
      try session.signal(signal)
      let outcome = try session.outcome()
      try expectNothingNew(ring, outcome)
      #expect(outcome.status == 128 + signal)
      let names = try ring.folder.names()
      #expect(!names.contains { $0.hasSuffix(".tmp") })
    }

    /// Of a ring of 80 examples, of one with so many that the file is not small, and of one that was told how many threads.
    @Test(
      .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/taskset")),
      arguments: [(80, ""), (8000, ""), (80, "-j 2")])
    func smallDocumentsStayOnOneCore(_ rows: Int, _ more: String) throws {
      let ring = try Ring(rows: rows, columns: 3, layers: "dense 4 tanh\ndense 2 softmax")
      let tools = RingStage.allCases.map(\.tool)
      let count = "env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc"
      let counting = Dictionary(
        uniqueKeysWithValues: tools.map {
          ($0, "\(count) >\"$CORES/\($0).cores\"; exec \"$tool\" \"$@\"")
        })
      let outcome = try RingSession(
        "\(count) >cores; exec \(script) \(options) --limit 1 \(more)", in: ring.folder,
        environment: [
          "NN_BIN": ring.folder.tools(changing: counting), "CORES": ring.folder.url.path,
        ]
      ).outcome()
      outcome.expectEndedByItself()
      #expect(outcome.status == 0, "\(outcome.message)")
      let isAlone = rows == 80 && more == ""
      let expected = isAlone ? Array("1\n".utf8) : try ring.folder.read("cores")
      for tool in tools { #expect(try ring.folder.read("\(tool).cores") == expected, "\(tool)") }
    }

    /// How large the documents are is no business of files that cannot be read.
    @Test func aMissingDatasetIsNamedByTheStage() throws {
      let ring = try Ring()
      let outcome = try session(ring, "missing.safetensors").outcome()
      outcome.expectEndedByItself()
      #expect(outcome.status == 66)
      #expect(outcome.messages(of: "nn-batch").first?.contains("missing.safetensors") == true)
    }

    @Test func aStageThatFailsSaysWhy() throws {
      let ring = try Ring()
      try ring.folder.write("next.safetensors", "old")
      let outcome = try session(ring, "--reduce neither").outcome()
      try expectNothingNew(ring, outcome)
      #expect(outcome.status == 64)
      #expect(
        outcome.messages(of: "nn-update")
          == ["--reduce: found 'neither', expected mean or sum (see nn-update --help)"])
    }

    @Test func twoAtOnceDoNotMeet() throws {
      let ring = try Ring()
      let other = options.replacing("next.safetensors", with: "other.safetensors")
      let outcome = try RingSession(
        "\(script) \(options) & \(script) \(other) && wait $!", in: ring.folder
      ).outcome()
      outcome.expectEndedByItself()
      #expect(outcome.status == 0, "\(outcome.message)")
      #expect(try ring.folder.read("next.safetensors") == ring.folder.read("other.safetensors"))
    }
  }
}

/// The scripts that show what the tools compute must notice when they compute something else.
@Suite struct RingTestsOfShownResults {
  private func run(_ script: String, changing scripts: [String: String] = [:]) throws -> RingOutcome
  {
    let folder = try Scratch()
    let outcome = try RingSession(
      "exec '\(Tool.project.path)/pipelines/scripts/\(script)'", in: folder,
      environment: ["NN_BIN": folder.tools(changing: scripts)]
    ).outcome(watchdog: 120)
    outcome.expectEndedByItself(within: 120)
    return outcome
  }

  /// The lines of verify.sh about routes whose models differ.
  private func different(_ outcome: RingOutcome) -> Set<String> {
    Set(
      outcome.output.split(separator: "\n").filter { $0.hasSuffix("DIFFERS") }
        .map { $0.dropLast(7).trimmingCharacters(in: .whitespaces) })
  }

  @Test func allRoutesAreVerified() throws {
    let outcome = try run("verify.sh")
    #expect(outcome.status == 0)
    #expect(outcome.message == "")
    #expect(outcome.output.split(separator: "\n").count { $0.contains(" ok") } == 36)
  }

  @Test func verifyNamesTheRoutesOfNNTrain() throws {
    let outcome = try run(
      "verify.sh", changing: ["nn-train": "words=\"$*\"; exec \"$tool\" ${words/0.2/0.2001}"])
    #expect(outcome.status == 1)
    #expect(outcome.message == "verify.sh: not all routes end in the same document\n")
    let different = different(outcome)
    #expect(different.isSuperset(of: ["nn-train -j 1", "nn-train -j 2", "nn-train -j 4"]))
    #expect(!different.contains { $0.hasPrefix("ring") })
  }

  /// Only what is started for a single gradient, as by hand, is changed.
  @Test func verifyNamesTheRouteByHand() throws {
    let outcome = try run(
      "verify.sh",
      changing: [
        "nn-update":
          "[[ $* == *--feedback* ]] || set -- \"$@\" --reduce sum\nexec \"$tool\" \"$@\""
      ])
    #expect(outcome.status == 1)
    // The first route is what the others are compared with.
    #expect(different(outcome).count == 11, "\(outcome.output)")
  }

  @Test func theArticleEndsAtThePublishedNumbers() throws {
    let outcome = try run("article.sh")
    #expect(outcome.status == 0)
    #expect(outcome.message == "")
    let tail = """
        weights                      9.67299303 -0.20784350 -4.62963669
        published                    9.67299303 -0.20784350 -4.62963669

        answer to 1 0 0              0.99993704
        published                    0.99993704

      """
    #expect(outcome.output.hasSuffix(tail), "\(outcome.output)")
  }

  @Test func theArticleNoticesOtherNumbers() throws {
    let outcome = try run(
      "article.sh",
      changing: ["nn-batch": "words=\"$*\"; exec \"$tool\" ${words/--epochs 10000/--epochs 100}"])
    #expect(outcome.status == 1)
    #expect(outcome.messages(of: "article.sh").count == 2)
    #expect(outcome.message.hasSuffix(", published 0.99993704\n"))
  }
}
