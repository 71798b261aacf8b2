import Scratch
import Testing

@Suite struct GradCheckTests {
  /// A network of many kinds of layers, with a batch of three examples, and its model.
  private func folder() throws -> Scratch {
    let folder = try Scratch()
    try folder.write(
      "net",
      """
      input 1x6x5
      conv 3 3x3 pad=1 bias=no
      batchnorm relu name=a
      conv 3 3x2 pad=1
      maxpool 2x2 relu
      dropout 0.2
      dense 4 gelu
      dense 3 softmax
      loss cross-entropy smoothing=0.1

      """)
    var table = ""
    for row in 0..<3 {
      table +=
        (0..<30).map { String(($0 * 7 + row * 11) % 13) }.joined(separator: ",") + ",\(row)\n"
    }
    try folder.write("table.csv", table)
    let made = try Tool.sh(
      """
      set -e
      nn-import table.csv --class-column 31 -o data.safetensors.gz
      nn-init net --seed 4 -o model.safetensors.gz
      """, in: folder)
    try #require(made.status == 0, "\(made.message)")
    return folder
  }

  @Test func rightGradientsAreFoundRight() throws {
    let folder = try folder()
    let found = try Tool.sh(
      "nn-batch data.safetensors.gz --limit 1 | nn-gradcheck -m model.safetensors.gz --samples 6",
      in: folder)
    #expect(found.status == 0, "\(found.message)")
    #expect(found.message == "")
    let rows = found.text.split(separator: "\n").map { $0.split(separator: "\t") }
    #expect(
      rows[0] == [
        "parameter", "checked", "kinks", "error", "position", "analytic", "numerical",
      ])
    #expect(
      rows.dropFirst().map { $0[0] } == [
        "conv1.weight", "a.weight", "a.bias", "conv2.weight", "conv2.bias", "dense1.weight",
        "dense1.bias", "dense2.weight", "dense2.bias",
      ])
    #expect(rows.dropFirst().map { $0[1] } == ["6", "3", "3", "6", "3", "6", "4", "6", "3"])
    #expect(rows.dropFirst().contains { (Double($0[5]) ?? 0).magnitude > 1e-3 })
  }

  @Test(arguments: 1...3) func kinksOfManyActivationsAreNoErrors(seed: Int) throws {
    // Over the digits' empty margins the sums are exactly 0, where relu has its kink, and so are many windows' elements.
    let folder = try Scratch()
    try folder.write(
      "net",
      """
      input 1x8x8
      conv 4 3x3 pad=1 relu
      maxpool 2x2
      conv 4 3x3 pad=1 relu
      dense 10 softmax
      loss cross-entropy

      """)
    let digits = Tool.project.appending(path: "data/digits/digits.csv.gz").path
    let found = try Tool.sh(
      """
      set -e
      nn-import '\(digits)' --class-column 65 -o digits.safetensors.gz
      nn-init net --seed \(seed) -o model.safetensors.gz
      nn-batch digits.safetensors.gz --size 100 --limit 1 \
      | nn-gradcheck -m model.safetensors.gz --samples 8
      """, in: folder)
    #expect(found.status == 0, "\(found.message)")
  }

  @Test func aDifferenceIsANo() throws {
    // So steep a network that a step of differences jumps over all of its slope.
    let folder = try Scratch()
    try folder.write("net", "input 1\nscale 1e12\ndense 1 sigmoid bias=no\nloss squared\n")
    try folder.write("table.csv", "1,0\n")
    try folder.write("zero.csv", "0\n")
    let found = try Tool.sh(
      """
      set -e
      nn-import table.csv --target-columns 2 -o data.safetensors
      nn-import zero.csv --tensor dense1.weight -o zero.safetensors
      nn-init net --dtype f64 --weights zero.safetensors -o model.safetensors
      nn-gradcheck -m model.safetensors data.safetensors
      """, in: folder)
    #expect(found.status == 1)
    #expect(
      found.message.hasPrefix(
        "nn-gradcheck: parameter 'dense1.weight' at [0, 0]: found 125000000000 by backpropagation, "
      ))
    #expect(found.message.hasSuffix("expected at most 1e-05\n"))
  }

  @Test func useIsCheckedToo() throws {
    let found = try Tool.run(
      "nn-gradcheck",
      ["-m", "model.safetensors.gz", "data.safetensors.gz", "--inference", "--samples", "all"],
      in: folder())
    #expect(found.status == 0, "\(found.message)")
  }

  @Test func refusesWhatItCannotCheck() throws {
    let folder = try folder()
    try expectRefusal(
      "nn-gradcheck", ["-m", "model.safetensors.gz", "data.safetensors.gz"], 65,
      "data.safetensors.gz: metadata: 'nn.seed' is missing: by seed, epoch, step and row layer 'dropout1' draws in "
        + "training, and batches of nn-batch carry them", in: folder)
    try expectRefusal(
      "nn-gradcheck", ["-m", "model.safetensors.gz", "data.safetensors.gz", "--samples", "0"], 64,
      "--samples: found '0', expected a whole number above 0, or all (see nn-gradcheck --help)",
      in: folder)
    try expectRefusal(
      "nn-gradcheck", ["-m", "none.safetensors.gz", "data.safetensors.gz"], 66,
      "none.safetensors.gz: no such file or directory", in: folder)
  }

  @Test func aLastBatchOfOneRowIsForeseen() throws {
    let folder = try folder()
    try folder.write(
      "net", "input 30\ndense 4\nbatchnorm\ndense 3 softmax\nloss cross-entropy\n")
    let reason =
      "layer 'batchnorm1': the epoch's last batch has 1 example of shape [4], 1 value per channel, "
      + "whose variance is always 0: expected at least 2 (another --size leaves another last batch)"
    let made = try Tool.sh(
      "nn-init net -o model.safetensors.gz && mkfifo weights", in: folder)
    try #require(made.status == 0)
    try expectRefusal(
      "nn-train",
      [
        "data.safetensors.gz", "-m", "model.safetensors.gz", "--size", "2", "--rate", "0.1",
        "--epochs", "1", "-o", "next.safetensors.gz",
      ], 65, "data.safetensors.gz: " + reason, in: folder)
    let ring = try Tool.sh(
      """
      nn-batch data.safetensors.gz --size 2 \
      | nn-forward -m model.safetensors.gz --trace --follow weights \
      | nn-backprop 2> /dev/null \
      | nn-update -m model.safetensors.gz --rate 0.1 --feedback weights -o next.safetensors.gz 2> /dev/null
      """, in: folder)
    #expect(ring.message == "nn-forward: <stdin>: frame 0: \(reason)\n")
    let short = try Tool.sh(
      """
      nn-train data.safetensors.gz -m model.safetensors.gz --size 2 --rate 0.1 --epochs 1 --limit 1 \
        -o next.safetensors.gz
      """, in: folder)
    #expect(short.status == 0, "\(short.message)")
  }
}
