import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

@Suite struct EvalTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  @Test func columnsStandInTheirOrder() throws {
    let loss = "0.20545869872403383"
    let plain = try Tool.run("nn-eval", ["prediction.safetensors.gz"], in: folder)
    #expect(plain.text == "loss\taccuracy\texamples\n\(loss)\t0.5\t4\n")
    let set = ["--set", "seconds=1.5", "--set", "split=test", "--set", "epoch=3"]
    let more = try Tool.run(
      "nn-eval", ["prediction.safetensors.gz", "-o", "t.tsv"] + set, in: folder)
    #expect(more.status == 0 && more.output == [] && more.message == "")
    #expect(
      try String(decoding: folder.read("t.tsv"), as: UTF8.self)
        == "epoch\tsplit\tloss\taccuracy\texamples\tseconds\n3\ttest\t\(loss)\t0.5\t4\t1.5\n")
  }

  @Test func theCutIntoBatchesDoesNotMatter() throws {
    let script = "| nn-forward -m model.safetensors.gz | nn-eval"
    let whole = try Tool.sh("cat data.safetensors \(script)", in: folder)
    let cut = try Tool.sh("nn-batch --no-shuffle --size 1 data.safetensors \(script)", in: folder)
    #expect(whole.text.contains("\t4\n") && whole.message == "")
    #expect(cut.text == whole.text && cut.message == "")
  }

  @Test func rowsAreAppendedUnderOneHeader() throws {
    let row = "0.20545869872403383\t0.5\t4\n"
    for epoch in 1...2 {
      let outcome = try Tool.run(
        "nn-eval",
        ["prediction.safetensors.gz", "--append", "m.tsv", "--set", "epoch=\(epoch)"], in: folder)
      #expect(outcome.status == 0 && outcome.output == [] && outcome.message == "")
    }
    let table = "epoch\tloss\taccuracy\texamples\n1\t\(row)2\t\(row)"
    #expect(try folder.read("m.tsv") == Array(table.utf8))
    try expectRefusal(
      "nn-eval", ["prediction.safetensors.gz", "--append", "m.tsv", "--set", "split=test"], 65,
      "m.tsv: found columns epoch, loss, accuracy, examples, "
        + "expected split, loss, accuracy, examples", in: folder)
    try expectRefusal(
      "nn-eval", ["prediction.safetensors.gz", "--append", "nowhere/m.tsv"], 73,
      "nowhere/m.tsv: no such file or directory", in: folder)
  }

  /// Behind a part of a row no other could be added.
  @Test func aRowThatDoesNotFitLeavesTheTableAsItWas() throws {
    let header = "loss\taccuracy\texamples\n"
    let rows = String(repeating: "0.5\t0.5\t4\n", count: 48)
    try folder.write("m.tsv", header + rows)
    // A limit of 512 bytes: nine of the row's.
    #expect(try folder.read("m.tsv").count == 503)
    try expectRefusal(
      sh: "ulimit -f 1; nn-eval prediction.safetensors.gz --append m.tsv", 74,
      "nn-eval: m.tsv: file too large", in: folder)
    let outcome = try Tool.sh("nn-eval prediction.safetensors.gz --append m.tsv", in: folder)
    #expect(outcome.status == 0, "\(outcome.message)")
    let table = header + rows + "0.20545869872403383\t0.5\t4\n"
    #expect(try folder.read("m.tsv") == Array(table.utf8))
  }

  @Test func aLossThatIsNotFiniteIsANumericalFault() throws {
    try folder.write("bad.gz", from: "prediction.safetensors.gz") {
      $0.tensors["loss"] = Tensor([0, 1, .nan, 2] as [Double])
    }
    try expectRefusal(
      "nn-eval", ["bad.gz", "-o", "out.tsv"], 80,
      "bad.gz: tensor 'loss': found nan at [2], expected finite numbers", in: folder)
    try expectRefusal(
      "nn-eval", ["bad.gz", "--append", "out.tsv"], 80,
      "bad.gz: tensor 'loss': found nan at [2], expected finite numbers", in: folder)
  }
}
