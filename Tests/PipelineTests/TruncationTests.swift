import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// Where the members of a file end that the programs wrote: each says its length as BGZF has it.
private func memberEnds(of bytes: [UInt8]) -> [Int] {
  var ends: [Int] = []
  var start = 0
  while start + 18 <= bytes.count {
    #expect(Array(bytes[start + 10..<start + 16]) == [6, 0, 0x42, 0x43, 2, 0])
    start += Int(bytes[start + 16]) + Int(bytes[start + 17]) << 8 + 1
    ends.append(start)
  }
  return ends
}

@Suite struct TruncationTests {
  @Test func aFileCutAnywhereIsRefused() throws {
    let folder = try Scratch()
    let whole = try compressed(largeDataset)
    let ends = memberEnds(of: whole)
    #expect(ends.count == 4 && ends.last == whole.count)
    let headerBytes = largeDataset.count - 65_000 * 4
    for length in Set(stride(from: 0, to: whole.count, by: 1000)).union(ends.dropLast()).sorted() {
      try folder.write("cut.gz", Array(whole[..<length]))
      let problem: String
      if length == 0 {
        problem = "empty input, expected a document"
      } else if let members = ends.firstIndex(of: length) {
        let received = (members + 1) * 65_280 - headerBytes
        problem = "input ended inside tensor 'input': found \(received) of 260000 bytes of data"
      } else {
        problem =
          "byte \(length): found end of input inside a gzip member, expected the rest of it"
      }
      try expectRefusal(
        "nn-split", ["cut.gz", "--fraction", "0.5", "-o", "a.gz", "--rest", "b.gz"], 65,
        "cut.gz: \(problem)", overOldFile: length % 4000 == 0, in: folder)
    }
  }

  @Test func aCutPipeIsTheFaultOfTheStageBefore() throws {
    let folder = try Scratch()
    let whole = try compressed(largeDataset)
    for length in [3, 17, 1000, memberEnds(of: whole)[1], whole.count - 1] {
      try expectRefusal(
        "nn-batch", ["-o", "out.gz"], 65,
        "<stdin>: upstream ended early: \(length < 100 ? "no document" : "inside a document")",
        input: Array(whole[..<length]), in: folder)
    }
  }

  @Test func aStreamWithoutEndIsRefused() throws {
    let folder = try Step.folder()
    let documents = try documents(in: folder.read("stream.safetensors.gz"))
    try #require(documents.count == 3)
    let forward = ["-m", "model.safetensors.gz", "cut.gz", "-o", "out.gz"]
    for frames in 1...2 {
      let bytes = try documents[..<frames].flatMap { try compressed($0.encoded()) }
      try folder.write("cut.gz", bytes)
      let counted = frames == 1 ? "1 frame" : "\(frames) frames"
      try expectRefusal(
        "nn-forward", forward, 65, "cut.gz: truncated stream: \(counted), no end", in: folder)
      try expectRefusal(
        "nn-forward", ["-m", "model.safetensors.gz", "-o", "out.gz"], 65,
        "<stdin>: upstream ended early: \(counted), no end", input: bytes, in: folder)
      let inside = try bytes + compressed(documents[frames].encoded()).dropLast()
      try folder.write("cut.gz", inside)
      try expectRefusal(
        "nn-forward", forward, 65,
        "cut.gz: byte \(inside.count): found end of input inside a gzip member, "
          + "expected the rest of it", in: folder)
      try expectRefusal(
        "nn-forward", ["-m", "model.safetensors.gz", "-o", "out.gz"], 65,
        "<stdin>: upstream ended early: inside frame \(frames)", input: inside, in: folder)
    }
  }

  @Test func aStreamOfPredictionsWithoutEndIsNotJudged() throws {
    let folder = try Step.folder()
    let made = try Tool.sh(
      "nn-forward -m model.safetensors.gz stream.safetensors.gz -o predictions.gz", in: folder)
    try #require(made.status == 0, "\(made.message)")
    let documents = try documents(in: folder.read("predictions.gz"))
    let cut = try documents.dropLast().flatMap { try compressed($0.encoded()) }
    try folder.write("cut.gz", cut)
    let problem = "truncated stream: 2 frames, no end"
    try expectRefusal(
      "nn-gate", ["cut.gz", "predictions.gz"], 65, "cut.gz: \(problem)", in: folder)
    try expectRefusal(
      "nn-gate", ["predictions.gz", "cut.gz"], 65, "cut.gz: \(problem)", in: folder)
    try expectRefusal(
      "nn-gate", ["predictions.gz"], 65, "<stdin>: upstream ended early: 2 frames, no end",
      input: cut, in: folder)
  }

  @Test func framesOutOfTurnAreRefused() throws {
    let folder = try Step.folder()
    let stream = try documents(in: folder.read("stream.safetensors.gz"))
    let alone = try folder.document("batch.safetensors.gz")
    let (first, second, end) = (stream[0], stream[1], stream[2])
    var otherEnd = end
    otherEnd.metadata["nn.end"] = "3"
    var endWithTensors = end
    endWithTensors.tensors = first.tensors
    let cases: [([Document], String)] = [
      ([second, first, end], "nn.frame: found '1', expected 0"),
      ([first, first, end], "nn.frame: found '0', expected 1"),
      ([first, second, otherEnd], "nn.end: found '3' after 2 frames"),
      ([first, end], "nn.end: found '2' after 1 frame"),
      ([end], "nn.end: found '2' after 0 frames"),
      ([first, second, endWithTensors], "a document with nn.end holds tensors or nn.frame"),
      ([alone, first, second, end], "a stand-alone document and a stream in one input"),
      ([first, alone, second, end], "a stand-alone document and a stream in one input"),
      ([first, second, end, alone], "a stand-alone document and a stream in one input"),
      ([alone, alone], "a second stand-alone document, expected one or a stream of frames"),
    ]
    for (documents, message) in cases {
      try folder.write("mixed", documents.flatMap { $0.encoded() })
      try expectRefusal(
        "nn-forward", ["-m", "model.safetensors.gz", "mixed", "-o", "out.gz"], 65,
        "mixed: \(message)", in: folder)
    }
  }

  @Test func aStreamWhereOneDocumentBelongsIsRefused() throws {
    let folder = try Step.folder()
    let stream = "stream.safetensors.gz"
    let message = "\(stream): found a stream of frames, expected one stand-alone document"
    let commands = [
      ["nn-split", stream, "--fraction", "0.5", "-o", "out.gz", "--rest", "b"],
      ["nn-batch", stream, "-o", "out.gz"],
      ["nn-check", "-m", "model.safetensors.gz", stream, "-o", "out.gz"],
      ["nn-check", "-m", stream, "data.safetensors", "-o", "out.gz"],
      ["nn-init", "net", "--weights", stream, "-o", "out.gz"],
      ["nn-forward", "-m", stream, "batch.safetensors.gz", "-o", "out.gz"],
      ["nn-update", "-m", stream, "--rate", "1", "gradient.safetensors.gz", "-o", "out.gz"],
      ["nn-train", "-m", stream, "--rate", "1", "--epochs", "1", "data.safetensors", "-o", "o"],
      [
        "nn-train", "-m", "model.safetensors.gz", "--rate", "1", "--epochs", "1", stream, "-o", "o",
      ],
    ]
    for command in commands {
      try expectRefusal(command[0], Array(command.dropFirst()), 65, message, in: folder)
    }
  }
}

@Suite struct FlippedBitTests {
  /// Bytes of a member's header that say nothing about its content: time, XFL, OS, and the length that BGZF adds.
  private static let idle = Set(4...9).union(12...17)

  @Test func aFlippedBitInAModelIsRefusedOrHarmless() throws {
    let folder = try Step.folder()
    let model = try folder.read("model.safetensors.gz")
    let document = try decompressed(model)
    var refused = 0
    // A stride without common divisor with 8 meets every bit of a byte.
    for bit in stride(from: 0, to: model.count * 8, by: 13) {
      var flipped = model
      flipped[bit / 8] ^= 1 << (bit % 8)
      try folder.write("bad.gz", flipped)
      let outcome = try Tool.run(
        "nn-inspect", ["--frame", "0", "bad.gz", "-o", "out.safetensors"], in: folder)
      if outcome.status == 0 {
        let isText = bit / 8 == 3 && bit % 8 == 0
        let isPadding = bit / 8 == model.count - 9
        #expect(Self.idle.contains(bit / 8) || isText || isPadding, "bit \(bit) passed")
        #expect(try folder.read("out.safetensors") == document && outcome.message == "")
        try FileManager.default.removeItem(atPath: folder.path("out.safetensors"))
      } else {
        refused += 1
        #expect(outcome.status == 65, "bit \(bit)")
        #expect(
          outcome.message.contains(/^nn-inspect: bad\.gz: [^\n]*found [^\n]*[^\n.]\n$/),
          "bit \(bit): \(outcome.message)")
        #expect(!folder.exists("out.safetensors"))
      }
      #expect(outcome.output == [])
    }
    #expect(refused > model.count * 8 / 13 - 20)
  }

  @Test func checksumAndLengthAreChecked() throws {
    let folder = try Step.folder()
    let batch = try folder.read("batch.safetensors.gz")
    func flip(_ fromEnd: Int) throws -> String {
      var bytes = batch
      bytes[bytes.count - fromEnd] ^= 0x10
      try folder.write("bad.gz", bytes)
      func number(_ bytes: [UInt8], _ fromEnd: Int) -> UInt32 {
        bytes.suffix(fromEnd).prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
      }
      if fromEnd <= 4 {
        return "byte \(batch.count - 4): found gzip member of length \(number(batch, 4)), "
          + "expected \(number(bytes, 4))"
      }
      func hex(_ value: UInt32) -> String { "0x" + String(format: "%08x", value) }
      return "byte \(batch.count - 8): found gzip member with checksum \(hex(number(batch, 8))), "
        + "expected \(hex(number(bytes, 8)))"
    }
    for fromEnd in 1...8 {
      let message = try flip(fromEnd)
      try expectRefusal(
        "nn-forward", ["-m", "model.safetensors.gz", "bad.gz", "-o", "out.gz"], 65,
        "bad.gz: \(message)", in: folder)
    }
  }
}
