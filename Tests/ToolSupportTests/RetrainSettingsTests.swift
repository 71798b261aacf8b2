import Testing

@testable import ToolSupport

@Suite struct RetrainSettingsTests {
  private func read(_ text: String) throws -> RetrainSettings {
    var settings = RetrainSettings()
    try settings.read(text)
    return settings
  }

  @Test func withoutAFileTheDefaultsHold() throws {
    #expect(
      RetrainSettings().assignments == [
        "train=(--rate 0.05)", "epochs=5", "replay=0.2", "time_limit=3600", "check=()", "gate=()",
        "tries=3", "keep=5",
      ])
    #expect(try read(RetrainSettings.template).assignments == RetrainSettings().assignments)
    #expect(RetrainSettings().tries == 3 && RetrainSettings().keep == 5)
    // Each default is a value that could be said.
    for setting in RetrainSettings.all {
      #expect(throws: Never.self) { _ = try setting.value(setting.standard) }
    }
  }

  @Test func aLineIsANameAndItsValue() throws {
    let settings = try read(
      """
      # a remark
      train \t --rate 0.1  --size 16 --optimizer adam   # another
        epochs 7
      replay .50
      check --outside 0.5 --range 0..255
      gate --margin -1 --seed 3

      tries 2\nkeep +1\ntime-limit 60
      train --rate 1 --target-loss 0.5 --layer-rate a=1,b=0.5
      """)
    #expect(
      settings.assignments == [
        "train=(--rate 1 --target-loss 0.5 --layer-rate a=1,b=0.5)", "epochs=7", "replay=0.5",
        "time_limit=60", "check=(--outside 0.5 --range 0..255)", "gate=(--margin -1 --seed 3)",
        "tries=2", "keep=1",
      ])
  }

  @Test(arguments: [
    ("# x\n\nkeep 0", "settings: line 3: keep: found '0', expected a whole number above 0"),
    ("keep", "settings: line 1: keep: found '', expected a whole number above 0"),
    ("keep 1 2", "settings: line 1: keep: found '1 2', expected a whole number above 0"),
    ("replay 1.5", "settings: line 1: replay: found '1.5', expected a number from 0 to 1"),
    ("replay nan", "settings: line 1: replay: found 'nan', expected a number from 0 to 1"),
    (
      "--keep 1",
      "settings: line 1: --keep: unknown option, expected one of train, epochs, replay, "
        + "time-limit, check, gate, tries, keep"
    ),
    (
      "check --version",
      "settings: line 1: check: found '--version', expected options of nn-check: unknown option "
        + "'--version'"
    ),
    (
      "check --help",
      "settings: line 1: check: found '--help', expected options of nn-check: "
        + "found a call for help, expected options"
    ),
    (
      "check --outside five",
      "settings: line 1: check: found '--outside five', expected options of nn-check: "
        + "--outside: found 'five', expected a number from 0 to 1"
    ),
    (
      "check -o x",
      "settings: line 1: check: found '-o x', expected options of nn-check: unknown option '-o'"
    ),
    (
      "gate other.gz",
      "settings: line 1: gate: found 'other.gz', expected options of nn-gate: unexpected argument "
        + "'other.gz'"
    ),
    (
      "train --size 3",
      "settings: line 1: train: found '--size 3', expected options of nn-train: missing expected "
        + "argument '--rate <number>'"
    ),
    (
      "train --rate 1 --epochs 3",
      "settings: line 1: train: found '--rate 1 --epochs 3', expected options of nn-train: unknown "
        + "option '--epochs'"
    ),
  ])
  func whatIsNoOptionIsRefused(_ text: String, _ message: String) {
    let error = #expect(throws: StageError.self) { try read(text) }
    #expect(error?.description == message)
  }
}
