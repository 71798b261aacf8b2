import Safetensors
import Scratch
import Tensors
import Testing

/// nn-augment in a pipe, and its options in nn-train.
@Suite struct AugmentTests {
  private let folder: Scratch

  /// 150 pictures of 8 × 8 bytes in two classes.
  init() throws {
    folder = try Scratch()
    let values = (0..<150 * 64).map { UInt8($0 * 7919 % 1009 % 256) }
    let classes = (0..<150).map { Int64($0 * 31 % 7 % 2) }
    try folder.write(
      "train.safetensors",
      .dataset(["input": Tensor(values, shape: [150, 8, 8]), "target": Tensor(classes)]))
    try folder.write(
      "net", "input 8x8\nscale 1/255\ndense 20 tanh\ndense 2 softmax\nloss cross-entropy\n")
    _ = try run("nn-init net -o start.safetensors")
  }

  @discardableResult
  private func run(_ script: String) throws -> [UInt8] {
    let outcome = try Tool.sh("set -e\n" + script, in: folder)
    try #require(outcome.status == 0, "\(outcome.message)")
    #expect(outcome.message == "")
    return outcome.output
  }

  private static let all =
    "--shift 2 --rotate 10 --scale 1.2 --stretch 0.8..1.25 --shear 5 --flip 0.5 "
    + "--flip-vertical 0.25 --elastic 3..8:2 --noise 10 --erase 0.02..0.4:0.5 --fill 7 --shape 8x8"
  private static let text =
    "shift=-2..2 rotate=-10..10 scale=0.8333333333333334..1.2 stretch=0.8..1.25 shear=-5..5 "
    + "flip=0.5 flip-vertical=0.25 elastic=3..8:2 noise=10..10 erase=0.02..0.4:0.5 fill=7 shape=8x8"

  @Test func aDocumentIsAnsweredByADocumentAndAStreamByAStream() throws {
    let stream = try documents(
      in: run("nn-batch train.safetensors | nn-augment \(Self.all)"))
    #expect(stream.map { $0.metadata["nn.frame"] } == ["0", "1", "2", nil])
    #expect(stream.dropLast().allSatisfy { $0.metadata["nn.augmentation"] == Self.text })
    #expect(stream[3] == Document(metadata: ["nn.format": "1", "nn.end": "3"]))
    let alone = try documents(
      in: run("nn-batch train.safetensors --limit 1 | nn-augment \(Self.all)"))
    #expect(alone.count == 1 && alone[0].metadata["nn.frame"] == nil)
    #expect(alone[0].tensors == stream[0].tensors)
    let none = try documents(in: run("nn-batch train.safetensors --limit 0 | nn-augment --flip 1"))
    #expect(none == [Document(metadata: ["nn.format": "1", "nn.end": "0"])])
  }

  @Test func aRowIsDistortedAlikeInEveryBatch() throws {
    func pictures(_ batch: String, _ augment: String = "") throws -> [Int64: Tensor] {
      let batches = try documents(
        in: run("nn-batch train.safetensors --seed 4 \(batch) | nn-augment \(Self.all) \(augment)"))
      var pictures = [Int64: Tensor]()
      for batch in batches {
        guard let input = batch.tensors["input"], let index = batch.tensors["index"] else {
          continue
        }
        for (place, row) in index.values(of: Int64.self).enumerated() {
          pictures[row] = input.rows(place..<place + 1)
        }
      }
      return pictures
    }
    let expected = try pictures("--size all --no-shuffle --epoch 3")
    #expect(expected.count == 150)
    #expect(try pictures("--size 7 --epoch 3", "-j 3") == expected)
    #expect(try pictures("--size 64 --epoch 3", "-j 1") == expected)
    #expect(try pictures("--size 64 --epoch 4") != expected)
  }

  /// The routes as `RingTestsRoutes` has them, with the distortion between the batches and the network.
  @Test func allRoutesEndInTheSameDocument() throws {
    let tools = """
      batches() { nn-batch train.safetensors --size 64 --seed 5 --epochs 2 "$@"; }
      augment() { nn-augment \(Self.all) "$@"; }
      fused() { nn-train train.safetensors --size 64 --seed 5 --rate 0.25 --epochs 2 \(Self.all) "$@"; }

      """
    let routes = [
      "fused -j 1 -m start.safetensors -o end.safetensors",
      "fused -j 3 -m start.safetensors -o end.safetensors",
      "fused -m start.safetensors --limit 4 -o half.safetensors; "
        + "fused -m half.safetensors -o end.safetensors",
      """
      mkfifo weights
      batches | augment | nn-forward -m start.safetensors --follow weights --trace | nn-backprop \\
      | nn-update -m start.safetensors --rate 0.25 --feedback weights -o end.safetensors
      """,
      """
      cp start.safetensors end.safetensors
      for step in 0 1 2 3 4 5; do
        batches --skip $step --limit 1 | augment -o batch.safetensors
        nn-forward -m end.safetensors --trace batch.safetensors -o trace.safetensors
        nn-backprop trace.safetensors \\
        | nn-update -m end.safetensors --rate 0.25 -o end.safetensors
      done
      """,
    ]
    let ends = try routes.map { route in
      try run(tools + route)
      return try folder.read("end.safetensors")
    }
    for (end, route) in zip(ends, routes) { #expect(end == ends[0], "\(route)") }
    let lineage = try folder.document("end.safetensors").metadata["nn.lineage"]
    #expect(lineage?.contains("size=64 shuffle=yes \(Self.text) seed=5 sgd") == true)
    try run(
      "nn-train train.safetensors --size 64 --seed 5 --rate 0.25 --epochs 2 "
        + "-m start.safetensors -o plain.safetensors")
    let plain = try folder.document("plain.safetensors")
    #expect(try plain.tensors != folder.document("end.safetensors").tensors)
  }

  @Test func insideAnEpochTheDistortionsMayNotChange() throws {
    try run(
      "nn-train train.safetensors -m start.safetensors --rate 1 --epochs 1 --limit 1 "
        + "--flip 0.5 -o half.safetensors")
    let rest =
      "nn-train train.safetensors -m half.safetensors --rate 1 --epochs 1 -o out.safetensors"
    let data = try #require(
      folder.document("half.safetensors").metadata["nn.lineage"]?.firstMatch(of: /data=(\w+)/)?.1)
    func settings(_ augmentation: String) -> String {
      "'data=\(data) size=64 shuffle=yes \(augmentation)seed=1 sgd rate=1 reduce=mean'"
    }
    for (options, text) in [("", ""), ("--flip 0.4", "flip=0.4 ")] {
      try expectRefusal(
        "nn-train",
        rest.split(separator: " ").dropFirst().map(String.init)
          + options.split(separator: " ").map(String.init), 65,
        "half.safetensors: the model stopped inside an epoch trained with "
          + "\(settings("flip=0.5 ")), found \(settings(text))", in: folder)
    }
    try run(rest + " --flip 0.5")
  }

  private static let factors = ["0.9", "0", "-1", "0..2", "nan", "1e9"]
  private static let factor = "a factor X from 1 to 100 for 1/X..X, or A..B within 0.01..100"

  /// What is refused of `option`: its arguments, and what was expected instead of them.
  private static func refusals(
    _ option: String, _ arguments: [String], _ expected: String
  ) -> [(String, String)] {
    arguments.map { ("\(option) \($0)", "\(option): found '\($0)', expected \(expected)") }
  }

  private static let others: [(String, String)] = [
    ("", "no distortion: name at least one, such as --shift 2"),
    ("--fill 1", "--fill goes with a distortion"),
    ("--shape 8x8", "--shape goes with a distortion"),
    (
      "--flip 1 --shape 8",
      "--shape: found '8', expected whole numbers above 0, such as 28x28 or 3x32x32"
    ),
    (
      "--flip 1 --shape 8x0",
      "--shape: found '8x0', expected whole numbers above 0, such as 28x28 or 3x32x32"
    ),
    ("--flip 1 --fill nan", "--fill: found 'nan', expected a finite number"),
    ("--flip 1.5", "--flip: found '1.5', expected a number from 0 to 1"),
    ("--flip -1", "--flip: found '-1', expected a number from 0 to 1"),
    ("--flip-vertical nan", "--flip-vertical: found 'nan', expected a number from 0 to 1"),
  ]

  private static let usage = [
    others,
    refusals(
      "--shift",
      ["-2", "1.5", "2..1", "1..2..3", "..2", "2..", "x", "nan", "99999999999999999999"],
      "a whole number X from 0 for -X..X, or whole numbers A..B"),
    refusals(
      "--rotate", ["-2", "181", "-190..0", "nan", "0..inf"],
      "degrees X from 0 to 180 for -X..X, or A..B within -180..180"),
    refusals(
      "--shear", ["81", "-90..0"], "degrees X from 0 to 80 for -X..X, or A..B within -80..80"),
    refusals("--scale", factors, factor),
    refusals("--stretch", factors, factor),
    refusals(
      "--noise", ["-1", "nan", "inf", "-1..1"], "a finite number X, 0 or above, or A..B of such"),
    refusals(
      "--elastic", ["-1", "1:0", "1:2:3", "1:", ":1", "1:nan"],
      "a strength X from 0 to 100000, or A..B, with :SIGMA from 0.1 to 100 behind it or not"),
    refusals(
      "--erase", ["1.5", "-0.1", "0.5:2", "nan"],
      "a part X from 0 to 1, or A..B, with :PROBABILITY from 0 to 1 behind it or not"),
  ].flatMap { $0 }

  @Test(arguments: usage) func whatCannotBeMeantIsRefused(_ options: String, _ message: String)
    throws
  {
    try run("[ -e batch.safetensors ] || nn-batch train.safetensors --limit 1 -o batch.safetensors")
    try expectRefusal(
      "nn-augment",
      ["batch.safetensors", "-o", "out.safetensors"]
        + options.split(separator: " ").map(String.init), 64,
      message + " (see nn-augment --help)", in: folder)
  }

  @Test func whatIsNoBatchOfPicturesIsRefused() throws {
    try run("nn-batch train.safetensors --limit 1 -o batch.safetensors")
    func expect(
      _ message: String, _ options: String = "--flip 1", _ change: (inout Document) -> Void
    )
      throws
    {
      try folder.write("bad.safetensors", from: "batch.safetensors", change)
      try expectRefusal(
        "nn-augment",
        ["bad.safetensors", "-o", "out.safetensors"]
          + options.split(separator: " ").map(String.init), 65,
        "bad.safetensors: \(message)", in: folder)
    }
    try expect("metadata: 'nn.epoch' is missing") { $0.metadata["nn.epoch"] = nil }
    try expect("tensor 'index' is missing from the batch") { $0.tensors["index"] = nil }
    try expect(
      "tensor 'input': found shape [64, 64], expected pictures [N, H, W] or [N, C, H, W]; "
        + "--shape says what flat ones are"
    ) { $0.tensors["input"] = $0.tensors["input"]?.reshaped([64, 64]) }
    try expect("a shift by 8 leaves nothing of a picture of 8x8", "--shift 8") { _ in }
    try expectRefusal(
      sh: "nn-augment --flip 1 batch.safetensors | nn-augment --noise 1", 65,
      "nn-augment: <stdin>: nn.augmentation: the batch is distorted already (flip=1); "
        + "give all distortions to one nn-augment", in: folder)
  }

  /// `pipelines/scripts/robustness.sh`, whose table `make robustness` shows.
  @Test func theTableHoldsWhatTheStagesMeasure() throws {
    let script =
      "NN_BIN='\(Tool.folder.path)' '\(Tool.project.path)/pipelines/scripts/robustness.sh'"
    let few = "export SHIFT=2 ROTATE= SCALE= STRETCH=1.5 SHEAR= ELASTIC= NOISE= ERASE='0 1'"
    let table = String(
      decoding: try run("\(few); \(script) train.safetensors a=start.safetensors"), as: UTF8.self)
    let lines = table.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    #expect(
      lines.map { $0.prefix(2).joined(separator: " ") } == [
        "distortion strength", "none 0", "shift 2", "stretch 1.5", "erase 0", "erase 1", "mean -",
      ])
    #expect(lines[0][2] == "a")
    func accuracy(_ options: String) throws -> Double {
      let metrics = try run(
        "nn-batch train.safetensors --size all --no-shuffle --limit 1 \(options) "
          + "| nn-forward -m start.safetensors | nn-eval")
      let rows = String(decoding: metrics, as: UTF8.self).split(separator: "\n")
        .map { $0.split(separator: "\t") }
      let column = try #require(rows[0].firstIndex(of: "accuracy"))
      return try #require(Double(rows[1][column]))
    }
    let shifts = try ["2..2", "-2..-2"].map { try accuracy("| nn-augment --shift \($0)") }
    let expected = try [
      accuracy(""), (shifts[0] + shifts[1]) / 2, nil, accuracy(""),
      accuracy("| nn-augment --erase 1"),
    ]
    for (line, accuracy) in zip(lines.dropFirst(), expected) {
      guard let accuracy else { continue }
      #expect(abs(try #require(Double(line[2])) - accuracy) < 0.0001, "\(line)")
    }
    let values = lines[2...5].compactMap { Double($0[2]) }
    let mean = try #require(Double(lines[6][2]))
    #expect(abs(mean - values.reduce(0, +) / 4) < 0.0001)
    try expectRefusal(
      sh: "\(script) train.safetensors a=nowhere", 66,
      "nn-inspect: nowhere: no such file or directory", in: folder)
  }
}
