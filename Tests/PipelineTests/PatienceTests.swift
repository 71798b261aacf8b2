import Foundation
import Scratch
import Testing

/// `pipelines/scripts/patience.sh`, by whose exit status `make train PATIENCE=` goes on or stops.
@Suite struct PatienceTests {
  /// A table for each validation loss, as measure.sh writes them for epochs 1, 2, ….
  private func folder(_ losses: [String], split: String = "validation") throws -> Scratch {
    let folder = try Scratch()
    for (index, loss) in losses.enumerated() {
      func row(_ split: String, _ loss: String) -> String {
        "\(index + 1)\t\(split)\t\(loss)\t0.5\t10\t0.1\n"
      }
      try folder.write(
        "\(index + 1).tsv",
        "epoch\tsplit\tloss\taccuracy\texamples\tseconds\n" + row("train", "0.01")
          + row(split, loss) + row("test", "0.02"))
    }
    return folder
  }

  private func run(_ folder: Scratch, _ patience: String, _ tables: String = "*.tsv") throws
    -> Outcome
  {
    try Tool.sh(
      "'\(Tool.project.path)/pipelines/scripts/patience.sh' --patience \(patience) \(tables)",
      in: folder)
  }

  @Test(arguments: [
    (["0.5"], 1, 0, "1"), (["0.5", "0.6"], 1, 1, "1"), (["0.5", "0.6"], 2, 0, "1"),
    (["0.5", "0.4", "0.6", "0.39"], 2, 0, "4"), (["0.5", "0.4", "0.6", "0.4"], 2, 1, "2"),
    (["10", "9", "9e-05", "0.001"], 1, 1, "3"), (["-1", "-2", "-1.5"], 3, 0, "2"),
  ])
  func stopsWhenTheBestIsLongAgo(
    _ losses: [String], _ patience: Int, _ status: Int32, _ best: String
  ) throws {
    let outcome = try run(folder(losses), "\(patience)")
    #expect(outcome.status == status)
    #expect(outcome.text == best + "\n")
    #expect(outcome.message == "")
  }

  @Test(arguments: [
    ("PATIENCE=x VALIDATION=0.1", "PATIENCE=x: expected a whole number of at least 1"),
    ("PATIENCE=0 VALIDATION=0.1", "PATIENCE=0: expected a whole number of at least 1"),
    ("VALIDATION=0", "VALIDATION=0: expected a fraction between 0 and 1, such as 0.1"),
    ("VALIDATION=1.5", "VALIDATION=1.5: expected a fraction between 0 and 1, such as 0.1"),
    ("VALIDATION='a b'", "VALIDATION=a b: expected a fraction between 0 and 1, such as 0.1"),
  ])
  func makeRefusesBadKnobsBeforeItBegins(_ knobs: String, _ message: String) throws {
    let outcome = try Tool.sh(
      "make -C '\(Tool.project.path)' --dry-run help \(knobs)", in: Scratch())
    #expect(outcome.status == 2)
    #expect(outcome.message.hasSuffix("*** \(message).  Stop.\n"), "\(outcome.message)")
  }

  @Test func troubleIsNeitherYesNorNo() throws {
    func refusal(_ folder: Scratch, _ patience: String = "1", _ tables: String = "1.tsv") throws
      -> String
    {
      let outcome = try run(folder, patience, tables)
      #expect(outcome.text == "")
      return "\(outcome.status) \(outcome.message)"
    }
    let script = "patience.sh:"
    let good = try folder(["0.5"])
    #expect(
      try refusal(good, "0")
        == "64 \(script) --patience: found '0', expected a whole number above 0\n"
    )
    #expect(try refusal(good, "1", "") == "64 \(script) no table (see patience.sh --help)\n")
    #expect(
      try refusal(good, "1", "9.tsv") == "66 \(script) 9.tsv: no such file that can be read\n")
    #expect(
      try refusal(folder(["nan"]))
        == "65 \(script) 1.tsv: line 3: found loss 'nan', expected a number\n")
    #expect(
      try refusal(folder(["0.5"], split: "other"))
        == "65 \(script) 1.tsv: no rows with split=validation\n")
    try good.write("1.tsv", "epoch\tloss\n1\t0.5\n")
    #expect(
      try refusal(good) == "65 \(script) 1.tsv: line 1: expected the columns epoch, split, loss\n")
  }
}
