import Safetensors
import Scratch
import Tensors
import Testing

/// `nn-gate` and `nn-check` as programs; what they compute is tested with their libraries.
@Suite struct GateToolTests {
  /// The step's prediction, and one whose losses are all half as large.
  private func folder() throws -> Scratch {
    let folder = try Step.folder()
    try folder.write("better.gz", from: "prediction.safetensors.gz") { document in
      let losses = document.tensors["loss"]?.values(of: Double.self) ?? []
      document.tensors["loss"] = Tensor(losses.map { $0 / 2 })
    }
    return folder
  }

  @Test func promotesWithZeroAndKeepsWithOne() throws {
    let folder = try folder()
    let promoted = try Tool.run(
      "nn-gate", ["prediction.safetensors.gz", "better.gz"], in: folder)
    #expect(promoted.status == 0 && promoted.message == "")
    let fields = promoted.text.dropLast().split(
      separator: "\t", omittingEmptySubsequences: false)
    #expect(promoted.text.hasSuffix("\n") && fields.count == 12)
    #expect(fields[0] == "promote" && fields[1] == "4")
    let figures = fields[2...6].compactMap { Double($0) }
    try #require(figures.count == 5)
    #expect(figures[1] == figures[0] / 2 && abs(figures[2] - figures[1]) < 1e-15)
    #expect(0 < figures[3] && figures[3] <= figures[2] && figures[2] <= figures[4])
    #expect(fields[10] == "0" && fields[11].hasPrefix("the loss falls by 0."))

    let kept = try Tool.run("nn-gate", ["better.gz", "prediction.safetensors.gz"], in: folder)
    #expect(kept.status == 1)
    #expect(kept.text.hasPrefix("keep\t4\t"))
    let reason = kept.text.dropLast().split(separator: "\t").last ?? ""
    #expect(reason.hasSuffix("with confidence 0.95, expected more than 0"))
    #expect(kept.message == "nn-gate: \(reason)\n")
    let again = try Tool.run(
      "nn-gate", ["prediction.safetensors.gz", "better.gz"], in: folder)
    #expect(again.output == promoted.output)
    let other = try Tool.run(
      "nn-gate", ["prediction.safetensors.gz", "better.gz", "--seed", "2", "--samples", "10"],
      in: folder)
    #expect(other.output != promoted.output)
  }

  @Test func otherTroubleIsNeitherYesNorNo() throws {
    let folder = try folder()
    func change(_ body: (inout Document) -> Void) throws {
      try folder.write("bad.gz", from: "prediction.safetensors.gz", body)
    }
    let pair = ["prediction.safetensors.gz", "bad.gz"]
    try change { $0.tensors["loss"] = nil }
    try expectRefusal(
      "nn-gate", pair, 65, "bad.gz: tensor 'loss' is missing from the prediction", in: folder)
    try change { $0.tensors["loss"] = Tensor([0.5, .nan, 1, 1]) }
    try expectRefusal(
      "nn-gate", pair, 80, "bad.gz: tensor 'loss': found nan at [1], expected finite numbers",
      in: folder)
    try change { $0.tensors["target"] = Tensor([0.0, 1, 0, 0], shape: [4, 1]) }
    let outcome = try Tool.run("nn-gate", pair, in: folder)
    #expect(outcome.status == 65)
    #expect(
      outcome.message.hasPrefix("nn-gate: bad.gz: tensor 'target': prediction ")
        && outcome.message.hasSuffix(" is of another example than the champion's\n"))
    try change { $0.tensors["index"] = Tensor([Int64(0), 1, 2, 9]) }
    #expect(try Tool.run("nn-gate", pair, in: folder).status == 65)
    try expectRefusal(
      "nn-gate", ["prediction.safetensors.gz", "none.gz"], 66,
      "none.gz: no such file or directory", in: folder)
  }

  @Test func aGoodDatasetIsGood() throws {
    let folder = try folder()
    let good = try Tool.run(
      "nn-check", ["-m", "model.safetensors.gz", "data.safetensors"], in: folder)
    #expect(good.status == 0 && good.message == "")
    let rows = good.text.split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false)
    }
    #expect(rows[0] == ["check", "verdict", "found", "expected"])
    #expect(rows.allSatisfy { $0.count == 4 })
    #expect(rows.dropFirst().allSatisfy { $0[1] == "good" })
    #expect(rows[1][0] == "content" && rows[1][2].count == 32)
    // However it is compressed, it is the same content.
    let packed = try Tool.sh(
      "gzip -9 < data.safetensors | nn-check -m model.safetensors.gz", in: folder)
    #expect(packed.output == good.output)
  }

  @Test func aBadDatasetIsRefusedWithAllItsFindings() throws {
    let folder = try folder()
    let leaked = try Tool.run(
      "nn-check",
      [
        "-m", "model.safetensors.gz", "data.safetensors", "--holdout", "data.safetensors",
        "--range", "0..0.5",
      ], in: folder)
    #expect(leaked.status == 1)
    #expect(
      leaked.text.contains(
        "\nleakage\trefused\t4 of 4 rows are in the holdout, first row 0\tat most a share of 0\n"))
    #expect(leaked.text.contains("\nrange\trefused\t1 in row 0\t0 to 0.5\n"))
    #expect(
      leaked.message
        == "nn-check: data.safetensors: range: found 1 in row 0, expected 0 to 0.5 (and 1 more)\n")
    try expectRefusal(
      "nn-check", ["-m", "model.safetensors.gz", "data.safetensors", "--holdout", "none"], 66,
      "none: no such file or directory", in: folder)
  }
}
