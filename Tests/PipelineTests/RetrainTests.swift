import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// `pipelines/scripts/retrain.sh`, with the real programs. docs/RETRAIN.md says what it promises.
@Suite struct RetrainTests {
  @Test func whatComesInIsLearnedAndThePromotionIsWrittenDown() throws {
    let retraining = try Retraining()
    let first = try retraining.model("current")
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a b.safetensors.gz")
    try retraining.succeed()
    let second = try retraining.model("current")
    #expect(second != first)
    #expect(try retraining.model("previous") == first)
    #expect(try retraining.names(in: "incoming") == [])
    #expect(try retraining.names(in: "rejected") == [])
    #expect(try retraining.names(in: "work") == ["claimed"])
    // A model is called by its content.
    let sum = try Tool.sh("sha256sum < retrain/models/current", in: retraining.scratch)
    #expect(second == sum.text.prefix(32) + ".safetensors.gz")
    let promotions = try retraining.table("models/promotions.tsv")
    #expect(promotions.map { $0.count } == [14, 14])
    #expect(promotions[0][1...2] == ["-", first] && promotions[0][13] == "start")
    #expect(promotions[1][1...3] == [first, second, "60"])
    #expect(promotions[1][13].hasPrefix("the loss falls by 0."))
    let old = try #require(Double(promotions[1][4]))
    let new = try #require(Double(promotions[1][5]))
    #expect(new < old / 2)
    let learned = try retraining.table("archive/learned.tsv")
    #expect(learned.map { $0[4] } == ["accepted", "start", "accepted", "promoted"])
    #expect(learned[3][2] == "60" && learned[3][3] == "a\\ b.safetensors.gz")
    #expect(try retraining.names(in: "archive").contains(learned[3][1] + ".safetensors.gz"))
    // A fifth of the old examples is learned again.
    let log = try #require(try retraining.names(in: "logs").last)
    let text = String(decoding: try retraining.scratch.read("retrain/logs/\(log)"), as: UTF8.self)
    #expect(text.contains("replaying 12 of 60 old examples\n"))
    #expect(text.hasSuffix("retrain.sh: done\n"))
  }

  @Test func theSameDataAgainChangesNothing() throws {
    let retraining = try Retraining()
    let dataset = Retraining.dataset(seed: 3, rows: 60)
    try retraining.deliver(dataset, as: "a.safetensors.gz")
    try retraining.succeed()
    let before = try retraining.state()
    try retraining.succeed()
    #expect(try retraining.state() == before)
    // Under another name, not compressed, and with a remark: the same content.
    try retraining.deliver(dataset, as: "b.safetensors.gz")
    try retraining.deliver(
      Retraining.dataset(seed: 3, rows: 60) { $0.metadata["camera"] = "left" }, as: "c.safetensors")
    try retraining.deliver(Retraining.dataset(seed: 1, rows: 60), as: "d.safetensors")
    try retraining.succeed()
    #expect(try retraining.state() == before)
    #expect(
      try retraining.names(in: "rejected") == [
        "b.safetensors.gz", "b.safetensors.gz.reason", "c.safetensors", "c.safetensors.reason",
        "d.safetensors", "d.safetensors.reason",
      ])
    let reason = try retraining.scratch.read("retrain/rejected/c.safetensors.reason")
    #expect(
      String(decoding: reason, as: UTF8.self).hasPrefix("known: its content is that of archive/"))
  }

  @Test func whatIsNotCompleteIsLeftAlone() throws {
    let retraining = try Retraining()
    let dataset = Retraining.dataset(seed: 3, rows: 60)
    for name in [".a.safetensors.gz", "b.safetensors.gz.partial", "c.csv"] {
      try retraining.deliver(dataset, as: name)
    }
    try FileManager.default.createSymbolicLink(
      atPath: retraining.scratch.path("retrain/incoming/d.safetensors.gz"),
      withDestinationPath: retraining.scratch.path("first.safetensors.gz"))
    let before = try retraining.state()
    try retraining.succeed()
    #expect(try retraining.state() == before)
  }

  @Test func badFilesAreRefusedWithTheirReasonAndGoodOnesLearned() throws {
    let retraining = try Retraining()
    func data(_ change: (inout Document) -> Void) -> Retraining.Dataset {
      Retraining.dataset(seed: 9, rows: 60, change)
    }
    let holdout = try retraining.scratch.document("holdout.safetensors.gz").tensors["input"]
    let inputs = Retraining.dataset(seed: 9, rows: 60).document.tensors["input"]
    let cases: [(name: String, dataset: Retraining.Dataset, reason: String)] = [
      (
        "wide", data { $0.tensors["input"] = Tensor(zeros: [60, 3], .f64) },
        "type: found input F64 [3], target I64 []"
      ),
      (
        "bytes", data { $0.tensors["input"] = inputs?.converted(to: .f32) },
        "type: found input F32 [2], target I64 [], expected input F64 [2], target I64 []"
      ),
      (
        "nan",
        data {
          $0.tensors["input"] = Tensor([Double](repeating: .nan, count: 120), shape: [60, 2])
        }, "shape: found tensor 'input': found nan in example 0 at [0]"
      ),
      ("blind", data { $0.tensors["target"] = nil }, "type: found input F64 [2], target none"),
      (
        "third", data { $0.tensors["target"] = Tensor([Int64](repeating: 2, count: 60)) },
        "target: found tensor 'target': class id 2 in row 0"
      ),
      ("leaked", data { $0.tensors["input"] = holdout }, "leakage: found 60 of 60 rows"),
      (
        "lopsided", data { $0.tensors["target"] = Tensor([Int64](repeating: 1, count: 60)) },
        ""
      ),
      (
        "scaled",
        data {
          $0.tensors["input"] = Tensor((inputs?.doubles() ?? []).map { $0 * 255 }, shape: [60, 2])
        }, "novelty: found "
      ),
      (
        "again",
        data {
          $0.tensors["input"] = Tensor.concatenated(
            [inputs, inputs].compactMap { $0?.rows(0..<30) })
        }, "duplicates: found 30 of 60 rows"
      ),
    ]
    for (name, dataset, _) in cases {
      try retraining.deliver(dataset, as: "\(name).safetensors.gz")
    }
    let cut = try retraining.scratch.read("first.safetensors.gz").dropLast(100)
    try retraining.scratch.write("retrain/incoming/cut.safetensors.gz", Array(cut))
    try retraining.scratch.write("retrain/incoming/empty.safetensors.gz", [])
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "good.safetensors.gz")
    let first = try retraining.model("current")
    let outcome = try retraining.run("--check '--balance 0.3'")
    #expect(outcome.status == 65)
    #expect(outcome.message.split(separator: "\n").count == 1)
    #expect(outcome.message.hasPrefix("retrain.sh: 11 of 12 new files refused, see rejected/"))
    for (name, _, reason) in cases
      + [
        ("cut", data { _ in }, "byte \(cut.count): found end of input inside a gzip member"),
        ("empty", data { _ in }, "empty input, expected a document"),
      ]
    {
      let file = "retrain/rejected/\(name).safetensors.gz"
      #expect(retraining.scratch.exists(file), "\(name)")
      let found = String(
        decoding: try retraining.scratch.read("\(file).reason"), as: UTF8.self)
      #expect(
        found.hasPrefix("nn-check: \(name).safetensors.gz: \(reason)"), "\(name): \(found)")
    }
    #expect(try retraining.names(in: "rejected").count == 22)
    #expect(try retraining.model("current") != first)
    // What was refused is not tried again.
    try retraining.succeed()
  }

  @Test func oddNamesAreTakenAsTheyAre() throws {
    let retraining = try Retraining()
    let names = [
      "-m.safetensors", "a\nb\u{1B}[31m.safetensors", "* $(touch x).safetensors", "'\".safetensors",
      String(repeating: "x", count: 243) + ".safetensors",
    ]
    for (index, name) in names.enumerated() {
      try retraining.deliver(
        Retraining.dataset(seed: UInt64(20 + index), rows: 20), as: name)
    }
    try retraining.succeed()
    #expect(try retraining.names(in: "archive").count == 7)
    for name in names {
      try retraining.scratch.write("retrain/incoming/\(name)", "no dataset")
    }
    let outcome = try retraining.run()
    #expect(outcome.status == 65)
    #expect(
      outcome.message.split(separator: "\n").count == 1 && !outcome.message.contains("\u{1B}"))
    #expect(try retraining.names(in: "rejected").count == 10)
    #expect(!retraining.scratch.exists("x") && !retraining.scratch.exists("retrain/x"))
  }

  @Test func aBusyFolderIsLeftAloneSilently() throws {
    let retraining = try Retraining()
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    let before = try retraining.state()
    let busy = try Tool.sh(
      "exec flock retrain/lock '\(Retraining.script)' retrain", in: retraining.scratch,
      environment: ["NN_BIN": Tool.folder.path])
    #expect(busy.status == 75 && busy.message == "" && busy.text == "")
    #expect(try retraining.state() == before)
    #expect(try retraining.names(in: "logs").count == 1)
    // A lock whose holder was killed is free.
    let freed = try Tool.sh(
      "flock retrain/lock -c 'kill -KILL $$' ; exec '\(Retraining.script)' retrain",
      in: retraining.scratch, environment: ["NN_BIN": Tool.folder.path])
    #expect(freed.status == 0)
    #expect(try retraining.state() != before)
  }

  @Test func rollbackLetsTwoModelsChangePlaces() throws {
    let retraining = try Retraining()
    let none = try retraining.run("--rollback")
    #expect(none.status == 66)
    #expect(
      none.message.hasPrefix("retrain.sh: models/previous: there is no model to go back to (logs/"))
    let first = try retraining.model("current")
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    try retraining.succeed()
    let second = try retraining.model("current")
    let made = try Tool.sh(
      "make -C '\(Tool.project.path)' -o build rollback RETRAIN=\"$PWD/retrain\"",
      in: retraining.scratch, environment: ["NN_BIN": Tool.folder.path, "MAKEFLAGS": ""])
    #expect(made.status == 0, "\(made.message)")
    #expect(try retraining.model("current") == first && retraining.model("previous") == second)
    try retraining.succeed("--rollback")
    #expect(try retraining.model("current") == second && retraining.model("previous") == first)
    let promotions = try retraining.table("models/promotions.tsv")
    #expect(promotions.map { $0[13] }.suffix(2) == ["rollback", "rollback"])
    #expect(promotions.map { $0[2] }.suffix(3) == [second, first, second])
  }

  @Test func theLastModelsAreKeptAndNeverLessThanTwo() throws {
    let settings =
      "train --rate 0.1 --size 8\nepochs 1\nkeep 2\ngate --margin -100 --class-limit 1\n"
    let retraining = try Retraining(settings: settings)
    func models() throws -> [String] {
      try retraining.names(in: "models").filter { $0.hasSuffix(".safetensors.gz") }
    }
    var order = [try retraining.model("current")]
    for night in 0..<3 {
      try retraining.deliver(
        Retraining.dataset(seed: UInt64(30 + night), rows: 10), as: "a.safetensors.gz")
      try retraining.succeed()
      order.append(try retraining.model("current"))
    }
    #expect(Set(order).count == 4)
    #expect(try models() == order.suffix(2).sorted())
    // The one before is previous, however few are kept.
    try retraining.succeed("--rollback")
    try retraining.deliver(Retraining.dataset(seed: 40, rows: 10), as: "a.safetensors.gz")
    try retraining.succeed("--keep 1")
    #expect(try models() == [order[2], retraining.model("current")].sorted())
    #expect(try retraining.model("previous") == order[2])
  }

  @Test func dataLearnedInVainIsLearnedAgainWithNewDataButNotForever() throws {
    let settings = "train --rate 0.5 --size 8\nepochs 2\ntries 2\ngate --margin 100\n"
    let retraining = try Retraining(settings: settings)
    let first = try retraining.model("current")
    for night in 0..<3 {
      try retraining.deliver(
        Retraining.dataset(seed: UInt64(30 + night), rows: 10), as: "\(night).safetensors.gz")
      try retraining.succeed()
      // Nothing new, nothing done.
      let before = try retraining.state()
      try retraining.succeed()
      #expect(try retraining.state() == before)
    }
    let kept = try retraining.table("archive/learned.tsv").filter { $0[4] == "kept" }
    #expect(
      kept.map { String($0[3].prefix(1)) }.sorted() == ["0", "0", "1", "1", "2"])
    #expect(kept.allSatisfy { $0[5] == first })
    #expect(try retraining.model("current") == first)
  }

  @Test func aTrainingThatDivergesKeepsTheModel() throws {
    let retraining = try Retraining()
    let first = try retraining.model("current")
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    let outcome = try retraining.run("--train '--rate 1e308 --size 8'")
    #expect(outcome.status == 80)
    #expect(outcome.message.hasPrefix("retrain.sh: diverged: nn-train: "))
    #expect(outcome.message.split(separator: "\n").count == 1)
    #expect(try retraining.model("current") == first)
    #expect(try retraining.table("archive/learned.tsv").last?[4] == "kept")
    try retraining.succeed()
  }

  @Test func aHoldoutThatChangedIsNoticed() throws {
    let retraining = try Retraining()
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    try Retraining.dataset(seed: 5, rows: 60).write(
      to: "retrain/holdout/holdout.safetensors.gz", in: retraining.scratch)
    let outcome = try retraining.run()
    #expect(outcome.status == 65)
    #expect(outcome.message.hasPrefix("retrain.sh: holdout: it is not what it was"))
    #expect(try retraining.names(in: "incoming") == ["a.safetensors.gz"])
  }

  @Test(
    arguments: [
      ("", "retrain.sh: no folder (see retrain.sh --help)", 64),
      ("nowhere", "retrain.sh: nowhere: no such folder", 66),
      ("--keep 0 retrain", "retrain.sh: --keep: found '0', expected a whole number above 0", 64),
      (
        "--replay 1.5 retrain", "retrain.sh: --replay: found '1.5', expected a number from 0 to 1",
        64
      ),
      ("--wat 1 retrain", "retrain.sh: --wat: unknown option", 64),
      ("--keep", "retrain.sh: --keep: a value is missing", 64),
      ("--init retrain", "retrain.sh: --init needs --model and --holdout", 64),
      (
        "--init --model model.safetensors.gz --holdout holdout.safetensors.gz retrain",
        "retrain.sh: ", 64
      ),
    ] as [(String, String, Int32)])
  func badCommandLinesAreRefused(_ arguments: String, _ message: String, _ status: Int32) throws {
    let retraining = try Retraining()
    let before = try retraining.state()
    let outcome = try Tool.sh(
      "exec '\(Retraining.script)' \(arguments)", in: retraining.scratch,
      environment: ["NN_BIN": Tool.folder.path])
    #expect(outcome.status == status)
    #expect(outcome.message.hasPrefix(message), "\(outcome.message)")
    #expect(outcome.message.split(separator: "\n").count == 1)
    #expect(try retraining.state() == before)
  }
}

/// What cron and systemd start, with what they give a program.
@Suite struct RetrainScheduleTests {
  /// An installation elsewhere: copies of the scripts, the programs where a build leaves them.
  private func install(in scratch: Scratch) throws {
    let made = try Tool.sh(
      """
      mkdir -p nn-tools/.build
      cp -R '\(Tool.project.path)/pipelines' nn-tools/
      ln -s '\(Tool.folder.path)' nn-tools/.build/release
      """, in: scratch)
    try #require(made.status == 0, "\(made.message)")
  }

  private func lines(of name: String, in scratch: Scratch) throws -> [Substring] {
    let file = Tool.project.appending(path: "pipelines/ops/\(name)")
    return try String(contentsOf: file, encoding: .utf8)
      .replacing("/opt/nn-tools", with: scratch.path("nn-tools"))
      .replacing("/srv/retrain", with: scratch.path("retrain"))
      .split(separator: "\n").filter { !$0.hasPrefix("#") }
  }

  /// Runs a command with these variables and no others, from `/`.
  private func run(_ command: String, _ variables: [Substring], in scratch: Scratch) throws
    -> Outcome
  {
    try Tool.run(
      "/usr/bin/env",
      ["-i", "-C", "/"] + variables.map(String.init) + ["/bin/sh", "-c", command], in: scratch)
  }

  @Test func cronsLineWorksInCronsEnvironment() throws {
    let retraining = try Retraining()
    let scratch = retraining.scratch
    try install(in: scratch)
    let lines = try lines(of: "retrain.cron", in: scratch)
    let schedule = try #require(lines.last?.split(separator: " ", maxSplits: 5))
    #expect(schedule.prefix(5) == ["17", "3", "*", "*", "*"])
    let command = String(schedule[5])
    #expect(!command.contains("%"), "cron makes a line feed of it")
    let variables = Array(lines.dropLast())
    #expect(variables == ["SHELL=/bin/sh", "PATH=/usr/bin:/bin"])
    let first = try retraining.model("current")
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    let outcome = try run(command, variables, in: scratch)
    #expect(outcome.status == 0 && outcome.message == "" && outcome.text == "")
    #expect(try retraining.model("current") != first)
    try scratch.write("retrain/incoming/bad.safetensors", "bad")
    let refused = try run(command, variables, in: scratch)
    #expect(refused.status == 65 && refused.message.split(separator: "\n").count == 1)
  }

  @Test func systemdsUnitsStartTheSame() throws {
    let retraining = try Retraining()
    let scratch = retraining.scratch
    try install(in: scratch)
    let lines = try lines(of: "nn-retrain.service", in: scratch)
    let command = try #require(lines.first { $0.hasPrefix("ExecStart=") }?.dropFirst(10))
    #expect(lines.contains("SuccessExitStatus=75"))
    #expect(lines.contains("ReadWritePaths=\(scratch.path("retrain"))"))
    let first = try retraining.model("current")
    try retraining.deliver(Retraining.dataset(seed: 3, rows: 60), as: "a.safetensors.gz")
    let outcome = try run(String(command), ["PATH=/usr/bin:/bin"], in: scratch)
    #expect(outcome.status == 0 && outcome.message == "")
    #expect(try retraining.model("current") != first)
    #expect(try self.lines(of: "nn-retrain.timer", in: scratch).contains("OnCalendar=*-*-* 03:17"))
  }
}
