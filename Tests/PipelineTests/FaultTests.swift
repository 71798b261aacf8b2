import Foundation
import Scratch
import Testing

/// A script of Tests/Faults, with so few tries that it takes seconds; `make faults` runs them whole.
private struct Campaign {
  let folder: Scratch

  init() throws { folder = try Scratch() }

  /// Runs it, on other tools where some are changed.
  func run(
    _ name: String, tries: Int, _ options: [String] = [], changing scripts: [String: String] = [:]
  ) throws -> Outcome {
    let path = Tool.project.appending(path: "Tests/Faults/\(name).py").path
    return try Tool.run(
      "/usr/bin/env", ["python3", path, "--tries", "\(tries)"] + options, in: folder,
      environment: [
        "NN_BIN": scripts.isEmpty ? Tool.folder.path : folder.tools(changing: scripts),
        "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": folder.url.path,
      ])
  }

  /// Expects that so many rows or more were tried and nothing was lost.
  func expectNothingLost(
    _ name: String, tries: Int, rows: Int, _ options: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try run(name, tries: tries, options)
    #expect(outcome.status == 0, "\(outcome.message)", sourceLocation: sourceLocation)
    let lines = outcome.text.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(lines.count >= rows, "\(outcome.text)", sourceLocation: sourceLocation)
    for line in lines {
      try #require(line.count == 3, "\(line)", sourceLocation: sourceLocation)
      #expect(
        (Int(line[1]) ?? 0) > 0 && line[2] == "0", "\(line)", sourceLocation: sourceLocation)
    }
  }

  /// Expects that a tool which breaks its promise is noticed, and that the message says how to see it again.
  ///
  /// - Parameter inEveryTry: false where a kill may meet the script that changes the tool, before it breaks anything.
  func expectNoticed(
    _ name: String, _ row: String, changing scripts: [String: String], as how: String,
    inEveryTry: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try run(name, tries: 2, ["--only", row, "--seed", "7"], changing: scripts)
    #expect(outcome.status == 1, "\(outcome.message)", sourceLocation: sourceLocation)
    let tries = inEveryTry ? [0] : [0, 1]
    #expect(
      outcome.message.contains(how)
        && tries.contains {
          outcome.message.contains("\(name).py: \(row)/\($0): LOST: ")
            && outcome.message.contains("replay: \(name).py --seed 7 --only \(row)/\($0)\n")
        }, "\(outcome.message)", sourceLocation: sourceLocation)
    let endings = inEveryTry ? ["\t2\t2\n"] : ["\t2\t2\n", "\t2\t1\n"]
    #expect(
      endings.contains(where: outcome.text.hasSuffix), "\(outcome.text)",
      sourceLocation: sourceLocation)
  }
}

#if os(Linux)
  extension RingTestsUnderFaults {
    /// Here, as it watches how soon a ring ends.
    @Suite struct KillCampaign {
      @Test func nothingIsLostToKills() throws {
        try Campaign().expectNothingLost("kills", tries: 3, rows: 6)
      }

      @Test func aModelThatIsNeitherOldNorNewIsNoticed() throws {
        try Campaign().expectNoticed(
          "kills", "nn-train",
          changing: [
            "nn-train":
              "\"$tool\" \"$@\" || { status=$?; echo >next.safetensors.gz; exit $status; }"
          ],
          as: "next.safetensors.gz is neither the old model nor the new one", inEveryTry: false)
      }

      @Test func aProcessThatStaysIsNoticed() throws {
        try Campaign().expectNoticed(
          "kills", "nn-update",
          changing: [
            "nn-batch": """
            case $FAULTS in *kill*|*seed*) sleep 60 <&- >&- 2>&- 3>&- & esac; exec "$tool" "$@"
            """
          ],
          as: "nn-update was killed and its ring runs on")
      }
    }
  }

  @Suite(.serialized) struct FaultTests {
    @Test(arguments: [
      ("disk", 4, 14), ("flips", 40, 5), ("shorts", 4, 6), ("clock_jumps", 2, 3),
      ("slow_pipes", 2, 3), ("lock", 1, 1),
    ])
    func nothingIsLost(_ campaign: String, tries: Int, rows: Int) throws {
      try Campaign().expectNothingLost(campaign, tries: tries, rows: rows)
    }

    // MARK: Each must notice what it is there to notice

    @Test func anOldFileThatIsTouchedIsNoticed() throws {
      try Campaign().expectNoticed(
        "disk", "nn-init",
        changing: [
          "nn-init":
            "\"$tool\" \"$@\" || { status=$?; [ $status = 74 ] && echo >OUT; exit $status; }"
        ], as: "OUT: found 1 bytes, expected the 500 old ones")
      try Campaign().expectNoticed(
        "disk", "nn-init",
        changing: ["nn-init": "\"$tool\" \"$@\" || { status=$?; echo >.OUT.1.tmp; exit $status; }"],
        as: "left behind: .OUT.1.tmp")
    }

    @Test func aToolWithoutATestIsNoticed() throws {
      let campaign = try Campaign()
      let tools = try campaign.folder.tools(changing: ["nn-batch": "exec \"$tool\" \"$@\""])
      try FileManager.default.createSymbolicLink(
        atPath: tools + "/nn-other", withDestinationPath: tools + "/nn-sum")
      let outcome = try Tool.run(
        "/usr/bin/env", ["python3", Tool.project.appending(path: "Tests/Faults/disk.py").path],
        in: campaign.folder, environment: ["NN_BIN": tools, "PYTHONDONTWRITEBYTECODE": "1"])
      #expect(outcome.status == 70)
      #expect(outcome.message.hasPrefix("disk.py: no command for nn-other: "))
    }

    @Test func anotherModelIsNoticed() throws {
      try Campaign().expectNoticed(
        "flips", "large",
        changing: [
          "nn-inspect": "\"$tool\" \"$@\" 2>messages || { echo >out.safetensors; exit 0; }"
        ], as: "it was read as another model")
      try Campaign().expectNoticed(
        "flips", "cut",
        changing: ["nn-inspect": "\"$tool\" \"$@\" || kill -SEGV $$"],
        as: "found status 139, expected 65")
    }

    @Test func otherBytesAreNoticed() throws {
      let tools = [
        "nn-forward": "[ -z \"$FAULTS\" ] || set -- --level 1 \"$@\"; exec \"$tool\" \"$@\"",
        "nn-update": "[ -z \"$FAULTS\" ] || set -- --reduce sum \"$@\"; exec \"$tool\" \"$@\"",
        "nn-train": "[ -z \"$FAULTS\" ] || set -- --reduce sum \"$@\"; exec \"$tool\" \"$@\"",
      ]
      try Campaign().expectNoticed("shorts", "ring", changing: tools, as: "next differs")
      try Campaign().expectNoticed("clock_jumps", "epoch", changing: tools, as: "other bytes")
      try Campaign().expectNoticed("slow_pipes", "pauses", changing: tools, as: "other bytes")
    }

    @Test func theTableIsWrittenAsAPageTakesIt() throws {
      let campaign = try Campaign()
      let outcome = try Tool.run(
        "/usr/bin/env",
        [
          "python3", Tool.project.appending(path: "Tests/Faults/faults.py").path, "--folder", "out",
          "flips",
        ], in: campaign.folder,
        environment: [
          "FAULT_TRIES": "2", "FAULT_SEED": "3", "NN_BIN": Tool.folder.path,
          "PYTHONDONTWRITEBYTECODE": "1",
        ])
      #expect(outcome.status == 0, "\(outcome.message)")
      func lines(_ name: String) throws -> [Substring] {
        String(decoding: try campaign.folder.read(name), as: UTF8.self).split(separator: "\n")
      }
      let table = try lines("out/table.md")
      #expect(table.first == "| promise | test | tried | lost |" && table.count == 7)
      #expect(table.dropFirst(2).allSatisfy { $0.hasSuffix(" | `flips.py` | 2 | 0 |") })
      let run = try #require(try lines("out/runs.md").last)
      #expect(run.hasPrefix("| `flips.py` | 20") && run.contains(" | 3 | "), "\(run)")
      #expect(try lines("out/notes.md") == ["- nothing"])
    }

    @Test func refusesKnobsThatItDoesNotKnow() throws {
      let campaign = try Campaign()
      let path = Tool.project.appending(path: "Tests/Faults/faults.py").path
      let number = try Tool.run(
        "/usr/bin/env", ["python3", path], in: campaign.folder, environment: ["FAULT_TRIES": "0"])
      #expect(number.status == 64)
      #expect(
        number.message == "faults.py: FAULT_TRIES=0: expected a whole number of at least 1\n")
      let word = try Tool.run("/usr/bin/env", ["python3", path, "floods"], in: campaign.folder)
      #expect(word.status == 64)
      #expect(word.message.hasPrefix("faults.py: found 'floods', expected some of kills "))
    }
  }
#endif
