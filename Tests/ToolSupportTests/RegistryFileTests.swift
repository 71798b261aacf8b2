import Foundation
import Scratch
import Testing

@testable import ToolSupport

private typealias Fixture = RegistryFixture

/// The files of a registry: what today's and yesterday's programs write, and what is refused.
@Suite struct RegistryFileTests {
  private let header = RegistryTable.learnedColumns.tabbed + "\n"

  private func expectRefused(
    _ name: String, _ text: String, _ message: String, during verb: (Registry) throws -> Void
  ) throws {
    let fixture = try Fixture.made()
    try fixture.accept("b.safetensors.gz", "b")
    try fixture.scratch.write("registry/\(name)", text)
    let before = try fixture.state()
    let error = #expect(throws: (any Error).self) { try verb(fixture.open()) }
    let found = verdict(on: try #require(error))
    #expect(found.status == .badData && found.message == message)
    #expect(try fixture.state() == before)
  }

  /// The shell's table, which a full disk emptied, was taken for one without rows.
  @Test func anEmptyTableIsNoTable() throws {
    try expectRefused(
      "archive/learned.tsv", "",
      "archive/learned.tsv: found an empty file, expected a table of the columns time, data, rows, "
        + "file, outcome, model, reason"
    ) { try $0.keep("worse", [Fixture.archived("b")]) }
    try expectRefused(
      "models/promotions.tsv", "",
      "models/promotions.tsv: found an empty file, expected a table of the columns "
        + RegistryTable.promotionColumns.joined(separator: ", ")
    ) { try $0.prune(keeping: 1) }
  }

  @Test func otherTablesAreRefused() throws {
    try expectRefused(
      "archive/learned.tsv", "a\tb\n",
      "archive/learned.tsv: found columns a, b, "
        + "expected time, data, rows, file, outcome, model, reason"
    ) { _ = try $0.data(.fresh, tries: 1) }
    try expectRefused(
      "archive/learned.tsv", header + "\nx\ty\n",
      "archive/learned.tsv: line 3: found 2 columns, expected 7"
    ) { _ = try $0.data(.fresh, tries: 1) }
  }

  /// `models/intent`, as the shell script before this program wrote it.
  @Test func anIntentOfTheScriptIsCarriedOut() throws {
    let fixture = try Fixture.made()
    let (first, second) = (Fixture.name(of: "first"), Fixture.name(of: "second"))
    try fixture.scratch.write("registry/models/\(second)", "model second")
    let row =
      "2026-03-01T03:17:00Z\t\(Fixture.content("b"))\t9\ta\\ b.gz\tpromoted\t\(second)\tfalls"
    let figures = (1...10).map { "0.\($0)" }.tabbed
    try fixture.scratch.write(
      "registry/models/intent",
      "switch\t\(first)\t\(second)\n"
        + "promotion\t2026-03-01T03:17:00Z\t\(first)\t\(second)\t\(figures)\tfalls\n"
        + "learned\t\(row)\n")
    _ = try fixture.open()
    let state = try fixture.state()
    #expect(state["models/current"] == "-> \(second)" && state["models/previous"] == "-> \(first)")
    #expect(state["models/intent"] == nil)
    #expect(try fixture.table("archive/learned.tsv").last == row.fields)
    #expect(try fixture.table("models/promotions.tsv").last?[3] == "0.1")
    // The first one has nothing in the place of the old model.
    let intent = try RegistryIntent(
      "switch\t\t\(first)\npromotion\tt\t-\t\(first)\t\(figures)\tstart\n")
    #expect(intent.old == nil && intent.learned == [])
    #expect(try RegistryIntent(intent.text) == intent)
  }

  @Test func aBadIntentChangesNothing() throws {
    let model = Fixture.name(of: "first")
    let promotion = "promotion\t" + [String](repeating: "-", count: 14).tabbed + "\n"
    for (text, message) in [
      ("", "line 1: found ''"), ("switch\t\t../x\n" + promotion, "line 1: found 'switch\\t"),
      ("switch\t\t\(model)\n", "line 1: found 'switch\\t"),
      ("switch\t\t\(model)\npromotion\tx\n", "line 2: found 1 columns, expected 14"),
      ("switch\t\t\(model)\n\(promotion)learned\tx\ty\n", "line 3: found 2 columns, expected 7"),
      ("switch\t\t\(model)\n\(promotion)\(promotion)", "line 3: found 'promotion\\t"),
      ("switch\t\t\(model)\n\(promotion)wat\n", "line 3: found 'wat'"),
    ] {
      let fixture = try Fixture.made()
      try fixture.scratch.write("registry/models/intent", text)
      let before = try fixture.state()
      let error = #expect(throws: (any Error).self) { _ = try fixture.open() }
      let found = verdict(on: try #require(error)).message ?? ""
      #expect(found.hasPrefix("models/intent: \(message)"), "\(found)")
      #expect(try fixture.state() == before)
    }
    let fixture = try Fixture.made()
    try fixture.scratch.write(
      "registry/models/intent", "switch\t\t\(Fixture.name(of: "third"))\n\(promotion)")
    #expect(throws: StageError.self) { _ = try fixture.open() }
    #expect(try fixture.state()["models/current"] == "-> \(model)")
  }

  @Test func aHoldoutThatChangedIsNoticed() throws {
    let fixture = try Fixture.made()
    try fixture.scratch.write("registry/holdout/holdout.safetensors.gz", "other data")
    let error = #expect(throws: (any Error).self) { try fixture.open().holdout() }
    #expect(
      verdict(on: try #require(error)).message
        == "holdout: it is not what it was, so models do not compare")
    for sums in [
      "", "abc  holdout.safetensors.gz\n", String(repeating: "a", count: 64) + "  ../x\n",
    ] {
      try fixture.scratch.write("registry/holdout/SHA256SUMS", sums)
      let error = #expect(throws: (any Error).self) { try fixture.open().holdout() }
      let message = verdict(on: try #require(error)).message ?? ""
      #expect(message.hasPrefix("holdout/SHA256SUMS: line 1: found '"))
    }
  }

  @Test func oneVerbAtATime() throws {
    let fixture = try Fixture.made()
    let holder = try fixture.open()
    #expect(throws: StageError.locked(fixture.path)) { try fixture.open() }
    #expect(verdict(on: StageError.locked("x")).status == .tryLater)
    withExtendedLifetime(holder) {}
  }

  @Test func aDescriptorOfTheCallerHoldsTheLock() throws {
    let fixture = try Fixture.made()
    let number = open(fixture.scratch.path("registry/lock"), O_RDWR)
    try #require(number >= 0)
    try Registry.hold(fixture.path, lock: number)
    #expect(throws: StageError.locked(fixture.path)) { try fixture.open() }
    _ = try Registry(fixture.path, lock: number)
    // It has not been given back by the verb.
    #expect(throws: StageError.locked(fixture.path)) { try fixture.open() }
    close(number)
    _ = try fixture.open()
    let other = open(fixture.model("first"), O_RDONLY)
    defer { close(other) }
    #expect(throws: StageError.self) { try Registry.hold(fixture.path, lock: other) }
    #expect(throws: StageError.self) { try Registry.hold(fixture.path, lock: 9999) }
  }

  @Test func aFolderThatIsNotWholeIsRefused() throws {
    let fixture = try Fixture.made()
    try fixture.scratch.remove("registry/incoming")
    #expect(
      throws: StageError.inputMissing(
        "\(fixture.path)/incoming", reason: "no such folder (retrain.sh --init makes it)")
    ) { try fixture.open() }
  }

  @Test func aVerdictIsALineOfTheGate() throws {
    let line = (["promote"] + (1...10).map(String.init) + ["falls"]).tabbed + "\n"
    let verdict = try Verdict(line: line, requiring: "promote")
    #expect(verdict.figures == (1...10).map(String.init) && verdict.reason == "falls")
    #expect(throws: RegistryFault.wrongVerdict(found: "promote", expected: "keep")) {
      try Verdict(line: line, requiring: "keep")
    }
    #expect(throws: RegistryFault.wrongColumns(line: 1, found: 1, expected: 12)) {
      try Verdict(line: "0.1.0\n", requiring: nil)
    }
    #expect(Verdict(reason: "a\tb\nc").reason == "a\\tb\\nc")
  }

  @Test(arguments: [
    ("a b.gz", "a\\ b.gz"), ("x.safetensors", "x.safetensors"), ("-m", "-m"), ("it's", "it\\'s"),
    ("$(x);", "\\$\\(x\\)\\;"), ("a\nb", "$'a\\x0ab'"), ("Ü", "'Ü'"),
  ])
  func namesAreWordsOfAShell(_ name: String, _ word: String) { #expect(bashWord(name) == word) }
}
