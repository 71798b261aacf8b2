import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// What is said of shards that do not fit together, break off or change, and how much memory they take.
@Suite struct ShardErrorTests {
  private static let shard: [String: Tensor] = [
    "input": Tensor((0..<60).map { Float($0) }, shape: [20, 3]),
    "target": Tensor((0..<20).map { UInt8($0 % 2) }),
  ]

  /// A folder with the shards `a` and `b`; the second is changed, or whole.
  private func folder(
    _ change: (inout Document) -> Void = { _ in }
  ) throws -> Scratch {
    let folder = try Scratch()
    var document = Document.dataset(Self.shard, ["nn.classes": "no\nyes"])
    try folder.write("a", document)
    change(&document)
    try folder.write("b", document)
    return folder
  }

  private func expectRefusal(
    _ message: String, _ status: Int32 = 65, in folder: Scratch,
    options: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let arguments = ["a", "b", "--shuffle-buffer", "8", "--size", "4"] + options
    try PipelineTests.expectRefusal(
      "nn-batch", arguments + ["-o", "out.gz"], status, message, in: folder,
      sourceLocation: sourceLocation)
  }

  @Test func shardsOfSeveralKindsNameBothFiles() throws {
    try expectRefusal(
      "b: tensor 'input': found shape [12, 5], expected […] + [3] as in a",
      in: folder {
        $0.tensors["input"] = Tensor(zeros: [12, 5], .f32);
        $0.tensors["target"] = Tensor(zeros: [12], .u8)
      })
    try expectRefusal(
      "b: tensor 'input': found F64, expected F32 as in a",
      in: folder { $0.tensors["input"] = Tensor(zeros: [20, 3], .f64) })
    try expectRefusal(
      "b: tensor 'target': found I64, expected U8 as in a",
      in: folder { $0.tensors["target"] = Tensor(zeros: [20], .i64) })
    try expectRefusal(
      "b: tensor 'target': found none, expected one as in a",
      in: folder { $0.tensors["target"] = nil })
    try expectRefusal(
      "b: nn.classes: found 'yes no', expected 'no\\nyes' as a has it",
      in: folder { $0.metadata["nn.classes"] = "yes no";  })
  }

  @Test func aShardThatIsNoDatasetIsRefused() throws {
    try expectRefusal(
      "b: tensor 'target': found shape [19], expected 20 examples as in 'input'",
      in: folder { $0.tensors["target"] = Tensor(zeros: [19], .u8) })
    try expectRefusal(
      "b: tensor 'input': no examples",
      in: folder { $0.tensors["input"] = Tensor(zeros: [0, 3], .f32) })
    try expectRefusal(
      "b: tensor 'input' is missing from the dataset",
      in: folder { $0.tensors["input"] = nil })
    try expectRefusal(
      "b: found a model, expected a dataset (nn-import writes one)",
      in: folder { $0.metadata["nn.kind"] = "model" })
    try expectRefusal(
      "b: found a stream of frames, expected one stand-alone document",
      in: folder { $0.metadata["nn.frame"] = "0" })
    let folder = try folder()
    try folder.write("b", "")
    try expectRefusal("b: empty input, expected a document", in: folder)
    try FileManager.default.removeItem(atPath: folder.path("b"))
    try expectRefusal("b: no such file or directory", 66, in: folder)
  }

  @Test func aShardThatBreaksOffOrGoesOnIsRefused() throws {
    let folder = try folder()
    let bytes = try folder.read("b")
    try folder.write("b", Array(bytes.dropLast(1)))
    try expectRefusal(
      "b: input ended inside tensor 'target': found 259 of 260 bytes of data", in: folder)
    try folder.write("b", Array(bytes.dropLast(100)))
    try expectRefusal(
      "b: input ended inside tensor 'input': found 160 of 260 bytes of data", in: folder)
    try folder.write("b", bytes + bytes)
    try expectRefusal(
      "b: a second stand-alone document, expected one or a stream of frames", in: folder)
    try folder.write("b", bytes + [1, 2, 3])
    try expectRefusal("b: input ended inside the header length: found 3 of 8 bytes", in: folder)
    var packed = try compressed(bytes)
    packed[packed.count - 8] ^= 1
    try folder.write("b", packed)
    let outcome = try Tool.sh("nn-batch a b --shuffle-buffer 8 -o out.gz", in: folder)
    #expect(outcome.status == 65)
    #expect(outcome.message.contains("b: byte "), "\(outcome.message)")
  }

  @Test func badOptionsAreRefused() throws {
    let folder = try folder()
    try PipelineTests.expectRefusal(
      "nn-batch", ["a", "--shuffle-buffer", "0"], 64,
      "--shuffle-buffer: found '0', expected a whole number above 0 (see nn-batch --help)",
      in: folder)
    try PipelineTests.expectRefusal(
      "nn-batch", ["a", "--shuffle-buffer", "8", "--size", "all"], 64,
      "--size all: with --shuffle-buffer not all rows are in memory, expected a whole number above 0 "
        + "(see nn-batch --help)", in: folder)
  }

  @Test func aPipeIsReadForOneEpochOnly() throws {
    let folder = try folder()
    try folder.write("net", "input 3\ndense 2 softmax\nloss cross-entropy\n")
    _ = try Tool.sh("nn-init net -o start.gz", in: folder)
    let message = "<stdin>: found 2 epochs, expected one as a pipe can be read only once, or a file"
    try PipelineTests.expectRefusal(
      "nn-batch", ["a", "-", "--shuffle-buffer", "8", "--epochs", "2"], 64,
      "--shuffle-buffer: \(message)", input: [], in: folder)
    let train = "nn-train - -m start.gz --shuffle-buffer 8 --rate 0.1"
    try PipelineTests.expectRefusal(
      sh: "cat b | \(train) --epochs 2", 64, "nn-train: --shuffle-buffer: \(message)", in: folder)
    let once = try Tool.sh("cat b | \(train) --epochs 1 | nn-inspect", in: folder)
    #expect(once.status == 0 && once.message == "", "\(once.message)")
  }

  @Test func aPipeThatBreaksOffIsTheFaultOfWhoWritesIt() throws {
    try PipelineTests.expectRefusal(
      sh: "head -c 200 b | nn-batch a - --shuffle-buffer 8", 65,
      "nn-batch: <stdin>: upstream ended early: inside a document",
      in: folder())
  }

  /// The tensor that comes first in a pipe is held until the other one comes, up to 64 MiB.
  @Test func aPipeWhoseTargetsComeTooLateIsRefused() throws {
    let folder = try Scratch()
    let header =
      #"{"input":{"dtype":"U8","shape":[70000,1000],"data_offsets":[0,70000000]},"#
      + #""target":{"dtype":"U8","shape":[70000],"data_offsets":[70000000,70070000]}}"#
    try folder.write("header", rawDocument(header))
    try PipelineTests.expectRefusal(
      sh: "cat header /dev/zero 2>&- | nn-batch --shuffle-buffer 8 --limit 1", 65,
      "nn-batch: <stdin>: tensor 'input': found 70000000 bytes in a pipe before 'target', expected at most 67108864, "
        + "or a file, which can be read at two places at once", in: folder)
  }

  /// Between two epochs a file must stay what it was. The first epoch's batches fill the pipe, and wait.
  @Test(arguments: ["header", "data", "length"])
  func aShardThatChangesBetweenEpochsIsRefused(_ change: String) throws {
    let folder = try Scratch()
    let rows = 40_000
    var document = Document.dataset(["input": Tensor(zeros: [rows, 100], .u8)])
    try folder.write("a", document)
    let message: String
    switch change {
    case "header":
      document.tensors["input"] = Tensor(zeros: [rows - 1, 100], .u8)
      message = "the header changed since it was first read, expected a file that stays as it is"
    case "data":
      document.tensors["input"]?.withUnsafeMutableBytes { $0[3_000_000] = 1 }
      message = "the data changed since it was first read, expected a file that stays as it is"
    default:
      message = "input ended inside tensor 'input': found 3999990 of 4000000 bytes of data"
    }
    let bytes = document.encoded()
    try folder.write("b", change == "length" ? Array(bytes.dropLast(10)) : bytes)
    let outcome = try Tool.sh(
      """
      { sh -c 'echo $$ >pid; exec nn-batch a --shuffle-buffer 5 --size 1000 --epochs 2 2>message'
        echo $? >status; } \\
      | { head -c 100000
          # So many bytes are the first epoch; a pipe that is full holds the second.
          for look in $(seq 500); do
            bytes=$(awk '$1 == "rchar:" { print $2 }' /proc/$(cat pid)/io)
            [ $bytes -lt 4000000 ] || break
            sleep 0.02
          done
          cp b a; cat; } >out
      """, in: folder)
    #expect(outcome.status == 0)
    #expect(
      String(decoding: try folder.read("message"), as: UTF8.self) == "nn-batch: a: \(message)\n")
    #expect(try folder.read("status") == Array("65\n".utf8))
  }

  @Test func whoHasNoReaderAnyMoreEnds() throws {
    let folder = try folder()
    let outcome = try Tool.sh(
      """
      mkfifo never
      # For both directions, as that waits for nobody to open the other end, which nn-batch may never come to.
      sleep 60 <>never >/dev/null 2>&1 & holder=$!
      { cat a; for look in $(seq 600); do [ ! -s status ] || break; sleep 0.1; done; } \\
      | { nn-batch - never --shuffle-buffer 8; echo $? >status; } | true
      kill $holder
      """, in: folder)
    #expect(outcome.message == "")
    #expect(try folder.read("status") == Array("141\n".utf8))
  }

  /// A dataset of 200 MB passes through nn-batch and nn-train, in files of each form, in 40 MiB.
  @Test(arguments: ["", ".gz"]) func memoryIsBounded(_ form: String) throws {
    let folder = try Scratch()
    try folder.write("net", "input 1000\ndense 2 softmax\nloss cross-entropy\n")
    var document = Document.dataset([
      "input": Tensor(zeros: [25_000, 1000], .u8), "target": Tensor(zeros: [25_000], .u8),
    ])
    document.tensors["input"]?.withUnsafeMutableBytes { bytes in
      for place in stride(from: 0, to: bytes.count, by: 97) {
        bytes[place] = UInt8(truncatingIfNeeded: place / 97)
      }
    }
    try folder.write("0\(form)", document)
    let outcome = try Tool.sh(
      """
      set -e
      nn-init net -o start
      for number in 1 2 3 4 5 6 7; do ln 0\(form) $number\(form); done
      peak() { "\(Tool.python)" -c 'import resource, subprocess, sys
      status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
      print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
      sys.exit(status)' "$@"; }
      peak nn-batch [0-7]\(form) --shuffle-buffer 1000 --size 100 --epochs 2
      peak nn-train [0-7]\(form) --shuffle-buffer 1000 --size 100 -m start --rate 0.1 --epochs 1
      peak nn-batch 0\(form) 1\(form) --size 1000 --limit 1
      """, in: folder)
    #expect(outcome.status == 0, "\(outcome.message)")
    let peaks = outcome.text.split(separator: "\n").compactMap { Int($0) }
    try #require(peaks.count == 3, "\(outcome.text)")
    #expect(peaks[0] <= 40 && peaks[1] <= 40, "\(peaks)")
    // What is measured would be seen: two of the eight files in memory.
    #expect(peaks[2] >= 50, "\(peaks)")
  }

  /// Memory is got for bytes that have come, not for what a header claims.
  @Test func aClaimTakesNoMemory() throws {
    let folder = try Scratch()
    for (name, rows, width) in [("wide", 4, 1 << 40), ("long", 1 << 40, 4)] {
      let header =
        #"{"input":{"dtype":"U8","shape":[\#(rows),\#(width)],"data_offsets":[0,\#(rows * width)]}}"#
      try folder.write(name, rawDocument(header, data: 1000))
      try PipelineTests.expectRefusal(
        "nn-batch", [name, "--shuffle-buffer", "\(1 << 40)", "--size", "2"], 65,
        "\(name): input ended inside tensor 'input': found 1000 of \(rows * width) bytes of data",
        in: folder)
    }
  }
}
