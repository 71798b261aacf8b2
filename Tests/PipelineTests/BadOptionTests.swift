import Foundation
import Scratch
import Testing

/// A command line that cannot be meant, and what is said about it.
private struct BadCommand: CustomTestStringConvertible, Sendable {
  let command: [String]
  let message: String
  let showsHelp: Bool

  init(_ command: String, _ message: String, showsHelp: Bool = true) {
    self.command = command.split(separator: " ").map(String.init)
    self.message = message
    self.showsHelp = showsHelp
  }

  var testDescription: String { command.joined(separator: " ") }
}

private let update = "nn-update -m model.safetensors.gz gradient.safetensors.gz -o out.gz"
private let number = "expected a whole number above 0"
private let seed = "expected a whole number from 0 to 18446744073709551615"

private let badCommands = [
  BadCommand("\(update) --rate 0", "--rate: found '0', expected a finite number above 0"),
  BadCommand("\(update) --rate -1", "--rate: found '-1', expected a finite number above 0"),
  BadCommand("\(update) --rate fast", "--rate: found 'fast', expected a finite number above 0"),
  BadCommand("\(update) --rate nan", "--rate: found 'nan', expected a finite number above 0"),
  BadCommand("\(update) --rate 1e999", "--rate: found '1e999', expected a finite number above 0"),
  BadCommand("\(update) --rate 0,1", "--rate: found '0,1', expected a finite number above 0"),
  BadCommand("\(update) --rate=", "missing value for '--rate <number>'"),
  BadCommand(
    "\(update) --rate 1 --optimizer adm",
    "--optimizer: found 'adm', expected sgd or momentum or nesterov or adagrad or rmsprop "
      + "or adam or adamw or lion"
  ),
  BadCommand("\(update) --rate 1 --reduce max", "--reduce: found 'max', expected mean or sum"),
  BadCommand(update, "missing expected argument '--rate <number>'"),
  BadCommand(
    "nn-update --rate 1 gradient.safetensors.gz", "missing expected argument '--model <file>'"),
  BadCommand("\(update) --rate 1 -m", "missing value for '-m <file>'"),
  BadCommand("\(update) --rate 1 --rat 2", "unknown option '--rat', did you mean '--rate'?"),
  BadCommand("\(update) --rate 1 --xyzzy", "unknown option '--xyzzy'"),
  BadCommand("\(update) --rate 1 -x", "unknown option '-x'"),
  BadCommand("\(update) --rate 1 more", "unexpected argument 'more'"),
  BadCommand("nn-init", "missing expected argument '<topology>'"),
  BadCommand("nn-init net --dtype f16 -o out.gz", "--dtype: found 'f16', expected f32 or f64"),
  BadCommand("nn-init net --seed -1 -o out.gz", "--seed: found '-1', \(seed)"),
  BadCommand("nn-init net -s x -o out.gz", "-s: found 'x', \(seed)"),
  BadCommand(
    "nn-init net --initializer he -o out.gz",
    "--initializer: found 'he', expected auto or uniform or glorot-uniform or glorot-normal or he-uniform "
      + "or he-normal or orthogonal or zeros"),
  BadCommand(
    "nn-init net --initializer auto --weights model.safetensors.gz -o out.gz",
    "--initializer and --weights exclude each other"),
  BadCommand(
    "nn-batch data.safetensors --size 0 -o out.gz", "--size: found '0', \(number), or all"),
  BadCommand(
    "nn-batch data.safetensors --size some -o out.gz", "--size: found 'some', \(number), or all"),
  BadCommand("nn-batch data.safetensors --epoch 0 -o out.gz", "--epoch: found '0', \(number)"),
  BadCommand("nn-batch data.safetensors --epochs -2 -o out.gz", "--epochs: found '-2', \(number)"),
  BadCommand(
    "nn-batch data.safetensors --limit -1",
    "--limit: found '-1', expected a whole number, 0 or above"
  ),
  BadCommand(
    "nn-batch data.safetensors --epoch 9223372036854775807 -o out.gz",
    "--epochs: 1 from 9223372036854775807 on are too many to count"),
  BadCommand(
    "nn-batch data.safetensors --limit 1 --skip 2 -o out.gz",
    "--skip: nothing is left after 2 batches", showsHelp: false),
  BadCommand(
    "nn-batch data.safetensors --level 10 -o out.gz",
    "--level: found '10', expected a whole number from 0 to 9"),
  BadCommand(
    "nn-split data.safetensors --fraction 1 -o out.gz --rest b",
    "--fraction: found '1', expected a number between 0 and 1"),
  BadCommand(
    "nn-split data.safetensors --fraction 0.5 -o out.gz",
    "missing expected argument '--rest <file>'"),
  BadCommand(
    "nn-split data.safetensors --fraction 0.5 --rest -",
    "two outputs to standard output: --output and --rest"),
  BadCommand(
    "nn-split data.safetensors --fraction 0.5 -o out.gz --rest ./out.gz",
    "two outputs to './out.gz'", showsHelp: false),
  BadCommand(
    "nn-forward -m model.safetensors.gz batch.safetensors.gz -j 0 -o out.gz",
    "-j: found '0', expected a whole number from 1 to 1024"),
  BadCommand(
    "nn-forward -m model.safetensors.gz batch.safetensors.gz -j0 -o out.gz",
    "-j: found '0', expected a whole number from 1 to 1024"),
  BadCommand(
    "nn-forward -m model.safetensors.gz batch.safetensors.gz --sums -o out.gz",
    "--sums goes with --trace"),
  BadCommand(
    "nn-forward -m model.safetensors.gz batch.safetensors.gz --trace --ring -o out.gz",
    "--ring goes with --trace and --follow"),
  BadCommand(
    "nn-forward -m model.safetensors.gz batch.safetensors.gz --trace --ring --sums --follow f -o out.gz",
    "--ring goes neither with --inference nor with --sums"),
  BadCommand(
    "nn-forward -m model.safetensors.gz batch.safetensors.gz --ring --follow f -o out.gz",
    "--ring goes with --trace and --follow"),
  BadCommand(
    "nn-update -m model.safetensors.gz gradient.safetensors.gz --rate 1 --ring -o out.gz",
    "--ring goes with --feedback"),
  BadCommand(
    "nn-forward -m model.safetensors.gz batch.safetensors.gz --trace=yes -o out.gz",
    "the option '--trace' does not take any value, but 'yes' was specified"),
  BadCommand(
    "nn-forward -m model.safetensors.gz batch.safetensors.gz --follow net -o out.gz",
    "--follow: 'net' is no FIFO (mkfifo makes one)", showsHelp: false),
  BadCommand(
    "\(update) --rate 1 --feedback net", "--feedback: 'net' is no FIFO (mkfifo makes one)",
    showsHelp: false),
  BadCommand(
    "nn-train data.safetensors -m model.safetensors.gz --rate 1 -o out.gz",
    "missing expected argument '--epochs <n>'"),
  BadCommand(
    "nn-eval prediction.safetensors.gz --set epoch",
    "--set: found 'epoch', expected COLUMN=VALUE, without control characters"),
  BadCommand("nn-eval prediction.safetensors.gz --set loss=1", "--set: a column is given twice"),
  BadCommand(
    "nn-eval prediction.safetensors.gz --append t.tsv -o out.tsv",
    "--append and --output exclude each other"),
  BadCommand("nn-gate", "missing expected argument '<champion>'"),
  BadCommand(
    "nn-gate prediction.safetensors.gz prediction.safetensors.gz --margin inf",
    "--margin: found 'inf', expected a finite number"),
  BadCommand(
    "nn-gate prediction.safetensors.gz prediction.safetensors.gz --class-limit 5",
    "--class-limit: found '5', expected a number from 0 to 1"),
  BadCommand(
    "nn-gate prediction.safetensors.gz prediction.safetensors.gz --samples 0",
    "--samples: found '0', \(number)"),
  BadCommand("nn-check data.safetensors", "missing expected argument '--model <file>'"),
  BadCommand(
    "nn-check -m model.safetensors.gz data.safetensors --range 1..0",
    "--range: found '1..0', expected two finite numbers as in 0..255, the smaller one first"),
  BadCommand(
    "nn-check -m model.safetensors.gz data.safetensors --spread 0",
    "--spread: found '0', expected a finite number above 0"),
  BadCommand("nn-inspect batch.safetensors.gz -o out.gz", "--output goes with --frame"),
  BadCommand(
    "nn-inspect --topology --values model.safetensors.gz",
    "--topology goes with no other option but --frame"),
]

@Suite struct BadOptionTests {
  @Test(arguments: badCommands) private func isRefused(_ bad: BadCommand) throws {
    let folder = try Step.folder()
    let tool = bad.command[0]
    try expectRefusal(
      tool, Array(bad.command.dropFirst()), 64,
      bad.message + (bad.showsHelp ? " (see \(tool) --help)" : ""), in: folder)
  }

  @Test func twoInputsFromStandardInputAreRefused() throws {
    let folder = try Step.folder()
    let cases: [(String, [String], String, String)] = [
      ("nn-forward", ["-m", "-"], "model.safetensors.gz", "--model and the batches"),
      ("nn-forward", ["-m", "-", "-"], "model.safetensors.gz", "--model and the batches"),
      (
        "nn-update", ["-m", "-", "--rate", "1"], "model.safetensors.gz", "--model and the gradient"
      ),
      (
        "nn-train", ["-m", "-", "--rate", "1", "--epochs", "1"], "model.safetensors.gz",
        "--model and the dataset"
      ),
      ("nn-init", ["-", "--weights", "-"], "net", "the topology and --weights"),
      ("nn-sum", ["-", "-"], "gradient.safetensors.gz", "the gradients twice"),
      ("nn-batch", ["-", "-"], "data.safetensors", "the dataset twice"),
      ("nn-check", ["-m", "-"], "model.safetensors.gz", "--model and the dataset"),
      (
        "nn-gate", ["-", "-"], "prediction.safetensors.gz",
        "the champion's predictions and the challenger's predictions"
      ),
    ]
    for (tool, arguments, input, both) in cases {
      try expectRefusal(
        tool, arguments + ["-o", "out.gz"], 64, "two inputs from standard input: \(both)",
        input: folder.read(input), in: folder)
    }
  }

  @Test func anEmptyNameIsRefused() throws {
    let folder = try Step.folder()
    try expectRefusal(
      "nn-inspect", [""], 64, "the document: found an empty file name", in: folder)
    try expectRefusal(
      "nn-sum", ["gradient.safetensors.gz", "-o", ""], 64,
      "found an empty name for an output, expected a file or -", in: folder)
  }

  @Test func topologiesAreRefusedWithLineAndColumn() throws {
    let folder = try Scratch()
    let cases: [(String, String)] = [
      (
        "input 3\ndense 2 tanj\nloss squared\n",
        "line 2, column 9: unknown word 'tanj', did you mean 'tanh'?"
      ),
      (
        "input 3\ndens 2\nloss squared\n",
        "line 2, column 1: unknown word 'dens', did you mean 'dense'?"
      ),
      (
        "input 3\ndense 2 bais=no\nloss squared\n",
        "line 2, column 9: unknown word 'bais=', did you mean 'bias='?"
      ),
      (
        "input 3\ndense 0\nloss squared\n",
        "line 2, column 7: found '0' for the number of outputs, expected a whole number from 1 to 2147483647"
      ),
      (
        "input 3\ndense 2\nloss squard\n",
        "line 3, column 6: unknown word 'squard', did you mean 'squared'?"
      ),
      ("input 3\ndense 2\n", "line 3, column 1: expected 'loss', found nothing"),
      ("dense 2\nloss squared\n", "line 1, column 1: found 'dense', but 'input' stands first"),
      ("", "line 1, column 1: expected 'input', found nothing"),
    ]
    for (text, message) in cases {
      try folder.write("bad.net", text)
      try expectRefusal(
        "nn-init", ["bad.net", "-o", "out.gz"], 65, "bad.net: \(message)", in: folder)
    }
    try folder.write("bad.net", [0x69, 0xff])
    try expectRefusal(
      "nn-init", ["bad.net", "-o", "out.gz"], 65,
      "bad.net: found bytes that are no UTF-8, expected text", in: folder)
  }

  @Test(arguments: [["-j1", "-s7"], ["-j", "1", "-s", "7"], ["-j=1", "-s=7"]])
  func aNumberMayFollowItsLetterAtOnce(_ options: [String]) throws {
    let folder = try Step.folder()
    let outcome = try Tool.run(
      "nn-train",
      options + ["data.safetensors", "-m", "model.safetensors.gz", "--rate", "1", "--epochs", "1"],
      in: folder)
    #expect(outcome.status == 0 && outcome.message == "")
    let lineage = try documents(in: outcome.output).first?.metadata["nn.lineage"]
    #expect(lineage?.contains("seed=7") == true)
  }

  @Test func moreThreadsThanAnyMachineHasAreRefused() throws {
    let folder = try Step.folder()
    try expectRefusal(
      "nn-backprop", ["-j", "200000", "trace.safetensors.gz", "-o", "out.gz"], 64,
      "-j: found '200000', expected a whole number from 1 to 1024 (see nn-backprop --help)",
      in: folder)
  }
}
