import Foundation
import Scratch
import Testing

@testable import ToolSupport

private typealias Fixture = RegistryFixture

/// Every verb: what it does, that it does it once, and that it can be killed at any change.
@Suite struct RegistryVerbTests {
  @Test func makingTheFolderCanBeKilledAnywhere() throws {
    // Nine folders, model, holdout, sums, accepted, data, settings, intent, current, two tables,
    // done.
    try expectSameEnd(changes: 20, prepare: { try Fixture() }) { fixture, folder in
      do {
        _ = try fixture.create(folder)
      } catch StageError.usage(let message) {
        #expect(message.hasSuffix("registry has a model already"))
      }
    }
    let fixture = try Fixture.made()
    let name = Fixture.name(of: "first")
    let state = try fixture.state()
    #expect(state["models/current"] == "-> \(name)" && state["models/previous"] == nil)
    #expect(state["models/\(name)"] == "model first")
    #expect(state["settings"] == "# nothing\n")
    #expect(state[Fixture.archived("a")] == "what the first model has learned")
    let dashes = String(repeating: "-\t", count: 10)
    #expect(
      state["models/promotions.tsv"]?.hasSuffix("\nTIME\t-\t\(name)\t\(dashes)start\n") == true)
    #expect(
      state["archive/learned.tsv"] == """
        time\tdata\trows\tfile\toutcome\tmodel\treason
        TIME\t\(Fixture.content("a"))\t7\tstart.safetensors.gz\taccepted\t-\t-
        TIME\t\(Fixture.content("a"))\t7\tstart.safetensors.gz\tstart\t\(name)\tstart

        """)
    #expect(try fixture.open().holdout() == "holdout/holdout.safetensors.gz")
  }

  @Test func claimTakesWhatIsComplete() throws {
    func prepare() throws -> RegistryFixture {
      let fixture = try Fixture.made()
      for name in ["b.safetensors", "a b.safetensors.gz", ".c.safetensors", "d.csv"] {
        try fixture.deliver(name)
      }
      try fixture.scratch.makeFolder("registry/incoming/e.safetensors")
      return fixture
    }
    try expectSameEnd(changes: 2, prepare: prepare) { _, folder in try Registry(folder).claim() }
    let fixture = try prepare()
    let registry = try fixture.open()
    try registry.claim()
    #expect(
      registry.events == [
        "claimed\ta b.safetensors.gz", "claimed\tb.safetensors",
        "left\tincoming/d.csv\tit does not end in .safetensors or .safetensors.gz",
        "left\tincoming/e.safetensors\tit is no regular file",
      ])
    // A name that is claimed already waits.
    try fixture.deliver("b.safetensors")
    try registry.claim()
    #expect(fixture.scratch.exists("registry/incoming/b.safetensors"))
  }

  /// A claimed file `x.safetensors`, and what the archive holds besides.
  private func claimed() throws -> RegistryFixture {
    let fixture = try Fixture.made()
    try fixture.deliver("x.safetensors")
    try fixture.open().claim()
    return fixture
  }

  @Test func aGoodFileGoesToTheArchive() throws {
    try expectSameEnd(changes: 2, prepare: claimed) { _, folder in
      try Registry(folder).judge("x.safetensors", Fixture.findings("b"), message: nil)
    }
    let fixture = try claimed()
    let registry = try fixture.open()
    try registry.judge("x.safetensors", Fixture.findings("b"), message: "")
    let data = "archive/\(Fixture.content("b")).safetensors"
    #expect(registry.events == ["accepted\tx.safetensors\t\(data)"])
    #expect(try fixture.scratch.read("registry/\(data)") == Array("data of x.safetensors".utf8))
    let row = try #require(fixture.table("archive/learned.tsv").last)
    #expect(row[1...] == [Fixture.content("b"), "7", "x.safetensors", "accepted", "-", "-"])
  }

  @Test func aRefusedFileGoesAsideWithItsReason() throws {
    let findings = try Fixture.findings("b", refusing: "novelty")
    func judge(_ fixture: RegistryFixture, _ registry: Registry) throws {
      let message = "nn-check: \(fixture.path)/work/claimed/x.safetensors: novelty: found this\n"
      try registry.judge("x.safetensors", findings, message: message)
    }
    try expectSameEnd(changes: 2, prepare: claimed) { try judge($0, Registry($1)) }
    let fixture = try claimed()
    try fixture.scratch.write("registry/rejected/x.safetensors", "another one of that name")
    let registry = try fixture.open()
    try judge(fixture, registry)
    #expect(
      registry.events == [
        "refused\trejected/2.x.safetensors\tnn-check: x.safetensors: novelty: found this"
      ])
    #expect(try fixture.scratch.read("registry/rejected/2.x.safetensors").count == 21)
    #expect(
      String(
        decoding: try fixture.scratch.read("registry/rejected/2.x.safetensors.reason"),
        as: UTF8.self)
        == "nn-check: x.safetensors: novelty: found this\n\(findings.text)")
  }

  @Test func whatCameBeforeIsNoFault() throws {
    try expectSameEnd(changes: 2, prepare: claimed) { _, folder in
      try Registry(folder).judge("x.safetensors", Fixture.findings("a"), message: nil)
    }
    for refusing in [nil, "duplicates"] {
      let fixture = try claimed()
      let registry = try fixture.open()
      try registry.judge(
        "x.safetensors", Fixture.findings("a", refusing: refusing), message: "m")
      #expect(
        registry.events == [
          "known\trejected/x.safetensors\tknown: its content is that of archive/"
            + Fixture.content("a")
        ])
    }
    // Learned, and moved out of the archive since.
    let fixture = try claimed()
    try fixture.scratch.remove("registry/\(Fixture.archived("a"))")
    let registry = try fixture.open()
    try registry.judge("x.safetensors", Fixture.findings("a"), message: nil)
    #expect(registry.events[0].hasPrefix("known\t"))
  }

  @Test func aFileThatIsNoDatasetIsRefused() throws {
    let fixture = try claimed()
    let registry = try fixture.open()
    try registry.judge("x.safetensors", Findings(""), message: "nn-check: empty\ninput\n")
    #expect(registry.events == ["refused\trejected/x.safetensors\tnn-check: empty input"])
    #expect(throws: StageError.inputMissing("work/claimed/y.safetensors", reason: "no such file")) {
      try registry.judge("y.safetensors", Findings(""), message: nil)
    }
    #expect(throws: StageError.inputMissing("work/claimed/y.safetensors", reason: "no such file")) {
      try registry.judge("y.safetensors", Fixture.findings("d"), message: nil)
    }
  }

  @Test(arguments: [
    "0.1.0", "check\tverdict\n", "check\tverdict\tfound\texpected\ncontent\tgood\n",
  ])
  func whatIsNoTableOfChecksIsRefused(_ text: String) {
    #expect(throws: (any Error).self) { try Findings(text) }
  }

  @Test func aTableWithoutASoundContentAcceptsNothing() throws {
    let fixture = try claimed()
    let before = try fixture.state()
    let header = "check\tverdict\tfound\texpected\n"
    for (lines, fault) in [
      ("content\tgood\t\t-\nrows\tgood\t7\t-\n", RegistryFault.noContent(found: "")),
      ("content\tgood\t../x\t-\nrows\tgood\t7\t-\n", .noContent(found: "../x")),
      ("content\tgood\t\(Fixture.content("b"))\t-\n", .badRows(found: "")),
    ] {
      #expect(throws: fault) {
        try fixture.open().judge("x.safetensors", Findings(header + lines), message: nil)
      }
    }
    #expect(throws: RegistryFault.refusedCheck("spread")) {
      try fixture.open().accept("x.safetensors", Fixture.findings("b", refusing: "spread"))
    }
    #expect(try fixture.state() == before)
  }

  @Test func longAndOddNamesAreTaken() throws {
    let fixture = try Fixture.made()
    let long = String(repeating: "x", count: 243) + ".safetensors"
    let odd = "a\nb\u{1B}[31m'\".safetensors"
    for name in [long, odd] { try fixture.deliver(name) }
    // Not UTF-8, as a name on Linux may be.
    let bytes = Array("\(fixture.path)/incoming/".utf8) + [0xFF] + Array(".safetensors".utf8) + [0]
    let number = bytes.withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        $0.baseAddress.map { Foundation.open($0, O_WRONLY | O_CREAT, 0o600) } ?? -1
      }
    }
    let registry = try fixture.open()
    try registry.claim()
    if number >= 0 {
      close(number)
      #expect(registry.events.contains("left\tincoming/?\tits name is not UTF-8"))
    }
    try registry.judge(long, Findings(""), message: "m")
    try registry.judge(odd, Fixture.findings("b"), message: "m")
    #expect(fixture.scratch.exists("registry/\(Fixture.archived("b").dropLast(3))"))
    #expect(
      try fixture.table("archive/learned.tsv").last?[3] == "$'a\\x0ab\\x1b[31m\\'\".safetensors'")
    let names = try FileManager.default.contentsOfDirectory(
      atPath: fixture.scratch.path("registry/rejected"))
    #expect(names.count == 2 && names.allSatisfy { $0.utf8.count < 60 })
  }

  // MARK: - Models

  /// A folder with two datasets that nobody has learned.
  private func withData() throws -> RegistryFixture {
    let fixture = try Fixture.made()
    try fixture.accept("b.safetensors.gz", "b")
    try fixture.accept("c.safetensors.gz", "c")
    return fixture
  }

  private func promote(
    _ model: String, _ fixture: RegistryFixture, _ folder: RegistryFolder? = nil
  ) throws {
    try Registry(folder ?? RegistryFolder(path: fixture.path)).promote(
      fixture.model(model), Verdict(reason: "better"),
      learning: ["/elsewhere/\(Fixture.archived("b"))", Fixture.archived("c")])
  }

  @Test func aPromotionCanBeKilledAnywhere() throws {
    // The model, the intent, previous, current, two tables, done.
    try expectSameEnd(changes: 7, prepare: withData) { try promote("second", $0, $1) }
    let fixture = try withData()
    try promote("second", fixture)
    let (first, second) = (Fixture.name(of: "first"), Fixture.name(of: "second"))
    let state = try fixture.state()
    #expect(state["models/current"] == "-> \(second)" && state["models/previous"] == "-> \(first)")
    #expect(state["models/intent"] == nil)
    let promotion = try #require(fixture.table("models/promotions.tsv").last)
    #expect(promotion[1...2] == [first, second] && promotion[13] == "better")
    let learned = try fixture.table("archive/learned.tsv").suffix(2)
    #expect(learned.map { $0[1] } == [Fixture.content("b"), Fixture.content("c")])
    #expect(
      learned.allSatisfy { $0[2] == "7" && $0[4...] == ["promoted", second, "better"] })
  }

  @Test func theModelInUseIsNotPromotedAgain() throws {
    let fixture = try withData()
    try promote("first", fixture)
    let rows = try fixture.table("archive/learned.tsv").suffix(2)
    #expect(rows.map { $0[4] } == ["kept", "kept"])
    #expect(try fixture.table("models/promotions.tsv").count == 1)
    let state = try fixture.state()
    try promote("first", fixture)
    #expect(try fixture.state() == state)
  }

  @Test func aModelThatChangesMeanwhileIsNotPromoted() throws {
    let fixture = try withData()
    let before = try fixture.state()
    let folder = RegistryFolder(path: fixture.path) { change in
      if case .copy = change { try fixture.scratch.write("second.gz", "model of another") }
    }
    #expect(throws: StageError.changed(fixture.model("second"))) {
      try promote("second", fixture, folder)
    }
    #expect(try fixture.state() == before)
  }

  @Test func onlyDataOfTheArchiveIsLearned() throws {
    let fixture = try withData()
    let before = try fixture.state()
    for name in ["b.safetensors.gz", Fixture.archived("d")] {
      #expect(throws: StageError.inputMissing(name, reason: "no such dataset in archive/")) {
        try fixture.open().promote(
          fixture.model("second"), Verdict(reason: "better"), learning: [name])
      }
      #expect(throws: StageError.inputMissing(name, reason: "no such dataset in archive/")) {
        try fixture.open().keep("worse", [name])
      }
    }
    #expect(try fixture.state() == before)
  }

  @Test func dataLearnedInVainIsNotedOnce() throws {
    try expectSameEnd(changes: 1, prepare: withData) { _, folder in
      try Registry(folder).keep("worse", ["b", "c"].map { Fixture.archived($0) })
    }
    let fixture = try withData()
    try fixture.open().keep("worse", [Fixture.archived("b")])
    // With fresh data, which a night without it does not have, it is learned once more.
    try fixture.open().keep("worse again", ["b", "c"].map { Fixture.archived($0) })
    let kept = try fixture.table("archive/learned.tsv").filter { $0[4] == "kept" }
    #expect(kept.map { $0[1].prefix(1) } == ["b", "b", "c"])
    #expect(kept.allSatisfy { $0[5] == Fixture.name(of: "first") })
  }

  @Test func dataHasTheStateThatItsLinesSay() throws {
    let fixture = try withData()
    func digits(_ state: DataState, tries: Int = 2) throws -> String {
      try fixture.open().data(state, tries: tries).map { data in
        #expect(data.rows == "7")
        return data.name.dropFirst(8).prefix(1)
      }.joined()
    }
    #expect(try digits(.fresh) == "bc" && digits(.waiting) == "bc" && digits(.learned) == "a")
    try fixture.open().keep("worse", [Fixture.archived("b")])
    #expect(try digits(.fresh) == "c" && digits(.waiting) == "bc" && digits(.learned) == "a")
    try fixture.open().keep("worse again", ["b", "c"].map { Fixture.archived($0) })
    #expect(try digits(.fresh) == "" && digits(.waiting) == "c" && digits(.learned) == "ab")
    #expect(try digits(.waiting, tries: 3) == "bc" && digits(.learned, tries: 1) == "abc")
    try promote("second", fixture)
    #expect(try digits(.waiting) == "" && digits(.learned, tries: 9) == "abc")
    #expect(try digits(.beside) == "abc")
    // Nothing learned: what is waiting is all there is to compare with.
    try fixture.scratch.remove("registry/archive/learned.tsv")
    #expect(try fixture.open().data(.beside, tries: 1).map { $0.rows } == ["", "", ""])
  }

  /// Two promotions behind it.
  private func promoted() throws -> RegistryFixture {
    let fixture = try withData()
    try promote("second", fixture)
    return fixture
  }

  @Test func aRollbackCanBeKilledAnywhere() throws {
    let (first, second) = (Fixture.name(of: "first"), Fixture.name(of: "second"))
    try expectSameEnd(changes: 5, prepare: promoted) { _, folder in
      try Registry(folder).rollBack(from: second)
    }
    let fixture = try promoted()
    try fixture.open().rollBack()
    let state = try fixture.state()
    #expect(state["models/current"] == "-> \(first)" && state["models/previous"] == "-> \(second)")
    #expect(try fixture.table("models/promotions.tsv").last?[13] == "rollback")
    try fixture.open().rollBack()
    #expect(try fixture.state()["models/current"] == "-> \(second)")
  }

  @Test func aRollbackThatWasKilledIsNotUndoneByTheNext() throws {
    // From the second change on the first run has written down what it does.
    for number in 2...5 {
      let fixture = try promoted()
      #expect(throws: Killed.self) {
        try Registry(fixture.folder(killedAt: number)).rollBack()
      }
      try fixture.open().rollBack()
      let current = try fixture.state()["models/current"]
      #expect(current == "-> \(Fixture.name(of: "first"))", "change \(number)")
    }
  }

  @Test func withoutAPreviousModelThereIsNoWayBack() throws {
    let fixture = try Fixture.made()
    let before = try fixture.state()
    #expect(
      throws: StageError.inputMissing(
        "models/previous", reason: "there is no model to go back to")
    ) { try fixture.open().rollBack() }
    #expect(try fixture.state() == before)
  }

  @Test func theLastModelsAreKept() throws {
    func prepare() throws -> RegistryFixture {
      let fixture = try promoted()
      try promote("third", fixture)
      for number in 100...201 { try fixture.scratch.write("registry/logs/\(number).log", "") }
      return fixture
    }
    try expectSameEnd(changes: 3, prepare: prepare) { _, folder in
      try Registry(folder).prune(keeping: 1)
    }
    let fixture = try prepare()
    try fixture.open().prune(keeping: 1)
    func models() throws -> Set<String> {
      Set(try fixture.state().keys.filter { $0.hasSuffix(".gz") && $0.hasPrefix("models/") })
    }
    #expect(try models() == Set(["second", "third"].map { "models/\(Fixture.name(of: $0))" }))
    let logs = try fixture.state().keys.filter { $0.hasPrefix("logs/") }
    #expect(logs.count == 100 && !logs.contains("logs/101.log") && logs.contains("logs/201.log"))
    // Each counts once, however often it was promoted; the current and the previous always stay.
    try promote("first", fixture)
    try fixture.open().prune(keeping: 3)
    #expect(try models().count == 3)
  }

  @Test func leftoversAreRemoved() throws {
    func prepare() throws -> RegistryFixture {
      let fixture = try Fixture.made()
      // Of this program, and of the script that came before it.
      for name in [
        "models/.x.tmp", "models/current.partial", "archive/learned.tsv.all",
        "archive/learned.tsv.partial", "rejected/x.reason.partial", "holdout/.SHA256SUMS.tmp",
      ] { try fixture.scratch.write("registry/\(name)", "half") }
      return fixture
    }
    try expectSameEnd(changes: 6, prepare: prepare) { _, folder in try Registry(folder).recover() }
    let (fixture, clean) = (try prepare(), try Fixture.made())
    try fixture.open().recover()
    #expect(try fixture.state() == clean.state())
    try fixture.scratch.remove("registry/models/\(Fixture.name(of: "first"))")
    #expect(throws: StageError.self) { try fixture.open().recover() }
  }

  @Test func everyVerbFinishesWhatAnotherHasBegun() throws {
    let fixture = try withData()
    #expect(throws: Killed.self) {
      // Written down, and no link changed.
      try promote("second", fixture, fixture.folder(killedAt: 3))
    }
    #expect(try fixture.state()["models/current"] == "-> \(Fixture.name(of: "first"))")
    let registry = try fixture.open()
    #expect(registry.events == ["promoted\t\(Fixture.name(of: "second"))\tbetter"])
    #expect(try fixture.state()["models/current"] == "-> \(Fixture.name(of: "second"))")
    #expect(
      try fixture.table("archive/learned.tsv").suffix(2).map { $0[4] } == ["promoted", "promoted"])
  }

  @Test func theStatusTakesNoLock() throws {
    let fixture = try promoted()
    try fixture.deliver("d.safetensors")
    let before = try fixture.state()
    let registry = try fixture.open()
    let status = try Registry.status(fixture.path, tries: 3)
    #expect(status.first == "current\t\(Fixture.name(of: "second"))")
    for line in [
      "reason\tbetter", "models\t2", "incoming\t1", "fresh\t0", "learned\t3", "unfinished\t-",
    ] {
      #expect(status.contains(line))
    }
    #expect(try fixture.state() == before)
    #expect(registry.events == [])
  }
}
