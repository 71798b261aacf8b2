import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// `--shuffle-buffer`: datasets in many files that are never in memory as a whole.
@Suite struct ShardTests {
  /// Forms that a shard can have; all hold the same.
  enum Form: String, CaseIterable, Sendable {
    case plain, compressed, gzip, targetFirst, targetLast, others
  }

  /// Files 0 to 3 of 7, 1, 100 and 42 rows of three numbers: (row, −row, 1), the row's number over all files; the class
  /// is that mod 3.
  static let counts = [7, 1, 100, 42]
  static let names = "s0 s1 s2 s3"

  private func folder(_ form: Form = .compressed) throws -> Scratch {
    let folder = try Scratch()
    var row = 0
    for (number, count) in Self.counts.enumerated() {
      let document = Self.shard(row..<row + count, form)
      let bytes = document.encoded()
      switch form {
      case .plain, .targetFirst, .targetLast, .others: try folder.write("s\(number)", bytes)
      case .compressed: try folder.write("s\(number)", compressed(bytes))
      case .gzip: try folder.write("s\(number)", Self.gzip(bytes, in: folder))
      }
      row += count
    }
    try folder.write(
      "net", "input 3\ndense 5 tanh\ndropout 0.3\ndense 3 softmax\nloss cross-entropy\n")
    let start = try Tool.run("nn-init", ["net", "-o", "start"], in: folder)
    try #require(start.status == 0, "\(start.message)")
    return folder
  }

  /// As the `gzip` program compresses: one member that says no size.
  private static func gzip(_ bytes: [UInt8], in folder: Scratch) throws -> [UInt8] {
    try Tool.sh("gzip -c", input: bytes, in: folder).output
  }

  private static func shard(_ rows: Range<Int>, _ form: Form) -> Document {
    let numbers = rows.flatMap { [$0, -$0, 1] }
    let classes = rows.map { $0 % 3 }
    var tensors: [String: Tensor]
    switch form {
    case .targetLast, .gzip, .compressed:
      tensors = [
        "input": Tensor(numbers.map { Double($0) }, shape: [rows.count, 3]),
        "target": Tensor(classes.map { UInt8($0) }),
      ]
    case .targetFirst, .plain, .others:
      tensors = [
        "input": Tensor(numbers.map { Double($0) }, shape: [rows.count, 3]),
        "target": Tensor(classes.map { UInt64($0) }),
      ]
    }
    if form == .others {
      tensors["aside"] = Tensor(Array(repeating: UInt64(9), count: 11))
      tensors["zebra"] = Tensor(Array(repeating: Float(9), count: 5))
    }
    return .dataset(tensors)
  }

  /// The rows of a stream of batches in their order, after a check that all their tensors belong to them.
  private func rows(_ script: String, in folder: Scratch) throws -> [Int64] {
    let outcome = try Tool.sh(script, in: folder)
    #expect(outcome.status == 0 && outcome.message == "", "\(script): \(outcome.message)")
    var rows: [Int64] = []
    for batch in try documents(in: outcome.output) where batch.metadata["nn.end"] == nil {
      let index = try #require(batch.tensors["index"]?.values(of: Int64.self))
      #expect(
        batch.tensors["input"]?.values(of: Double.self)
          == index.flatMap { [Double($0), -Double($0), 1] })
      #expect(batch.tensors["target"]?.doubles() == index.map { Double($0 % 3) })
      rows += index
    }
    return rows
  }

  @Test(arguments: Form.allCases, [1, 13, 150, 1000])
  func everyRowComesOnceWhateverTheFilesAreLike(_ form: Form, buffer: Int) throws {
    let folder = try folder(form)
    let batches = "nn-batch \(Self.names) --size 16 --shuffle-buffer \(buffer)"
    let found = try rows(batches, in: folder)
    #expect(found.sorted() == Array(0..<150))
    #expect(found != Array(0..<150))
    #expect(try rows(batches, in: self.folder(.plain)) == found)
    #expect(try rows("\(batches) --epoch 2", in: folder) != found)
    #expect(try rows("\(batches) --seed 2", in: folder) != found)
    #expect(
      try rows("\(batches) --epochs 2", in: folder)
        == found + rows("\(batches) --epoch 2", in: folder))
    for skipped in [1, 4, 9] {
      #expect(
        try rows("\(batches) --skip \(skipped)", in: folder) == Array(found[(16 * skipped)...]))
    }
  }

  @Test(arguments: Form.allCases) func withoutShufflingAllStaysAsItLies(_ form: Form) throws {
    #expect(
      try rows(
        "nn-batch \(Self.names) --size 16 --shuffle-buffer 4 --no-shuffle", in: folder(form))
        == Array(0..<150))
  }

  /// Of a pipe, a byte is there once.
  @Test(arguments: Form.allCases) func aPipeIsAsGoodForOneEpoch(_ form: Form) throws {
    let folder = try folder(form)
    let options = "--size 16 --shuffle-buffer 20 --seed 3"
    let expected = try Tool.sh("nn-batch \(Self.names) \(options)", in: folder)
    let pipes = try Tool.sh(
      "cat s2 | nn-batch s0 s1 - <(cat s3) \(options)", in: folder, shell: "/bin/bash")
    #expect(pipes.status == 0 && pipes.message == "", "\(pipes.message)")
    #expect(pipes.output == expected.output)
    let standardInput = try Tool.sh("nn-batch s0 s1 - s3 \(options) <s2", in: folder)
    #expect(standardInput.output == expected.output)
  }

  // MARK: Routes

  private static let tools = """
    set -e
    batching='s0 s1 s2 s3 --size 16 --seed 5 --shuffle-buffer 30'
    batches() { nn-batch $batching "$@"; }
    update() { nn-update --rate 0.25 "$@"; }
    fused() { nn-train $batching --rate 0.25 --epochs 2 "$@"; }

    """ + routeFunctions

  private static let routes = [
    "ring, both epochs": "batches --epochs 2 | ring start end.safetensors",
    "ring, one an epoch": """
    batches | ring start half.safetensors
    batches --epoch 2 | ring half.safetensors end.safetensors
    """,
    "epoch.sh": """
    epoch=\(Tool.project.appending(path: "pipelines/scripts/epoch.sh").path)
    NN_BIN=\(Tool.folder.path) $epoch -m start -o end.safetensors --epoch 1 --epochs 2 --rate 0.25 $batching
    """,
    "epoch.sh, fused": """
    epoch=\(Tool.project.appending(path: "pipelines/scripts/epoch.sh").path)
    NN_BIN=\(Tool.folder.path) $epoch -m start -o end.safetensors --epoch 1 --epochs 2 --rate 0.25 $batching \\
      --engine fused
    """,
    "by hand": "by_hand start end.safetensors 0 19",
    "nn-train -j 1": "fused -m start -j 1 -o end.safetensors",
    "nn-train -j 3": "fused -m start -j 3 -o end.safetensors",
    "nn-train, stopped twice": """
    fused -m start --limit 3 -o half.safetensors
    fused -m half.safetensors --limit 13 -o half.safetensors
    fused -m half.safetensors -o end.safetensors
    """,
    "nn-train, then the ring": """
    fused -m start --limit 8 -o half.safetensors
    batches --epochs 2 --skip 8 | ring half.safetensors end.safetensors
    """,
    "pipes": """
    cat s0 | nn-batch - s1 s2 s3 --size 16 --seed 5 --shuffle-buffer 30 | ring start half.safetensors
    fused -m half.safetensors -o end.safetensors
    """,
  ]

  @Test func allRoutesEndInTheSameDocument() throws {
    let folder = try folder()
    func end(_ route: String) throws -> [UInt8] {
      let outcome = try Tool.sh(Self.tools + route, in: folder)
      try #require(outcome.status == 0, "\(route): \(outcome.message)")
      #expect(outcome.message == "")
      return try folder.read("end.safetensors")
    }
    let expected = try end("fused -m start -o end.safetensors")
    for (name, route) in Self.routes { #expect(try end(route) == expected, "\(name)") }
    let model = try folder.document("end.safetensors")
    let lineage = try #require(model.metadata["nn.lineage"])
    #expect(
      lineage.contains(
        /\nstep=0 data=beginnings:[0-9a-f]{32} size=16 shuffle=yes buffer=30 seed=5 sgd rate=0.25 reduce=mean$/
      ), "\(lineage)")
    #expect(try end("fused -m start -o end.safetensors --shuffle-buffer 31") != expected)
  }

  /// FORMAT.md says what is hashed.
  @Test func theDataAreNamedByTheirBeginnings() throws {
    let folder = try Scratch()
    var beginnings: [UInt8] = []
    for (name, rows) in [("a", 30_000), ("b", 50)] {
      let values = (0..<rows).map { Int32($0 * 31 % 1009) }
      let document = Document.dataset(["input": Tensor(values, shape: [rows, 1])])
      let bytes = document.encoded()
      let data = bytes.count - 4 * rows
      beginnings += bytes.prefix(data + 65_536)
      try folder.write(name, compressed(bytes))
    }
    let outcome = try Tool.sh(
      "nn-batch a b --shuffle-buffer 9 --limit 1 | nn-inspect && xxh128sum", input: beginnings,
      in: folder)
    let data = try #require(outcome.text.firstMatch(of: /beginnings:([0-9a-f]{32})/))
    #expect(outcome.text.contains("\n\(data.1)  "), "\(outcome.text)")
  }
}
