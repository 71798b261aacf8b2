import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

private let mebibyte = 1 << 20

/// Files that claim or blow up to more than they are: every program ends by itself, with the memory that docs/FUZZING.md
/// allows for the bytes that really came.
@Suite(.serialized) struct MemoryTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  /// A program without data; it may not need more for what a header claims.
  private static let base = 96 * mebibyte

  @Test(arguments: [
    // The length of a header.
    Claim(rawDocument("{", length: 1 << 63)),
    Claim(rawDocument("{", length: 100_000_000)),
    // Dimensions.
    Claim(rawDocument(entry("[1099511627776]", "0,1099511627776"))),
    Claim(rawDocument(entry("[4294967296,4294967296]", "0,0"))),
    Claim(rawDocument(entry("[9223372036854775807,0]", "0,0")), tool: "nn-batch"),
    // A name in a gzip header, and members of nothing.
    Claim([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255] + [UInt8](repeating: 65, count: 8 << 20)),
    // IDX: 2³¹ rows, 255 dimensions.
    Claim([0, 0, 8, 3, 127, 255, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28, 1], tool: "nn-import"),
    Claim([0, 0, 8, 255] + [UInt8](repeating: 1, count: 1020), tool: "nn-import"),
    // NPY: 800 GB, and two million axes.
    Claim(npy("<f8", "(1000000, 100000)", isFortran: true, [0]), tool: "nn-import"),
    Claim(
      npy("|u1", "(" + String(repeating: "1,", count: 2_000_000) + ")", [0]), tool: "nn-import"),
    // Pictures of 900 million pixels: netpbm's, and a PNG file whose data is missing.
    Claim(Array("P5 30000 30000 255 a".utf8), tool: "nn-import"),
    Claim(Array("P3 30000 30000 255 1 2 3".utf8), tool: "nn-import"),
    Claim(
      [
        0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52, 0, 0,
        0x75, 0x30, 0, 0, 0x75, 0x30, 8, 6, 0, 0, 0, 0x66, 0x27, 0xF8, 0xBA, 0, 0, 0, 2, 0x49, 0x44,
        0x41, 0x54, 0x78, 0xDA,
      ], tool: "nn-import"),
  ])
  fileprivate func aClaimCostsNothing(_ claim: Claim) throws {
    try folder.write("bad", claim.bytes)
    let (outcome, peak) = try run(claim.tool, ["bad"])
    #expect(outcome.status == 65, "\(outcome.message)")
    #expect(peak < Self.base)
  }

  @Test func aGigabyteOfZerosEndsAtTheLimit() throws {
    let bomb = try zeros(behind: rawDocument(entry("[1073741824]", "0,1073741824")), 1 << 30)
    #expect(bomb.count < 3 * mebibyte)
    try folder.write("bomb.gz", bomb)
    for command in [
      ["nn-inspect", "bomb.gz"], ["nn-batch", "bomb.gz"], ["nn-forward", "-m", "bomb.gz", "batch"],
      ["nn-split", "bomb.gz", "--fraction", "0.5", "-o", "a", "--rest", "b"],
      ["nn-import", "bomb.gz"], ["nn-sum", "bomb.gz"], ["nn-eval", "bomb.gz"],
    ] {
      let (outcome, peak) = try run(
        command[0], Array(command.dropFirst()), limit: 64 * mebibyte)
      #expect(outcome.status == 65)
      #expect(outcome.message.contains("found more than 67108864 decompressed bytes"))
      // An array that grows is copied, a tensor is not.
      #expect(peak < Self.base + (command[0] == "nn-import" ? 3 : 1) * 64 * mebibyte, "\(command)")
    }
  }

  @Test func aTopologyOfAGigabyteIsNotReadToItsEnd() throws {
    try folder.write("bomb.net.gz", zeros(behind: [], 1 << 30))
    let (outcome, peak) = try run("nn-init", ["bomb.net.gz"])
    #expect(outcome.status == 65)
    #expect(
      outcome.message
        == "nn-init: bomb.net.gz: found more than 1048576 bytes, expected a text of at most that many\n"
    )
    #expect(peak < Self.base)
  }

  @Test func aNetworkOfHugeLayersIsRefusedBeforeItsWeightsAreDrawn() throws {
    try folder.write("huge.net", "input 1\ndense 2147483647\nloss squared\n")
    let (outcome, peak) = try run("nn-init", ["huge.net"], limit: 64 * mebibyte)
    #expect(outcome.status == 65)
    #expect(
      outcome.message
        == "nn-init: huge.net: found parameters of 17179869176 bytes, expected at most 67108864 "
        + "(NN_MAX_DOCUMENT_BYTES sets the limit)\n")
    #expect(peak < Self.base)
    try folder.write("huge.net", "input 2147483647\ndense 2147483647\nloss squared\n")
    let (other, otherPeak) = try run("nn-init", ["huge.net"])
    #expect(other.status == 65 && otherPeak < Self.base)
  }

  @Test func aModelMayBeAsLargeAsTheLimit() throws {
    try folder.write("exact.net", "input 1023\ndense 1024\nloss squared\n")
    let size = 4 * mebibyte
    #expect(try run("nn-init", ["exact.net"], limit: size).0.status == 0)
    #expect(try run("nn-init", ["exact.net"], limit: size - 1).0.status == 65)
  }

  @Test func deepNestingIsRefusedAtItsFirstLevel() throws {
    let depth = 16 * mebibyte
    try folder.write(
      "deep", rawDocument("{\"a\":" + String(repeating: "[", count: depth)))
    let (outcome, peak) = try run("nn-inspect", ["deep"])
    #expect(outcome.status == 65)
    #expect(peak < Self.base + 2 * depth)
  }

  @Test func manyTensorsCostAMultipleOfTheirHeader() throws {
    let count = 200_000
    var header = "{"
    for number in 0..<count {
      header += number > 0 ? "," : ""
      header += #""t\#(number)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
    }
    try folder.write("many", rawDocument(header + "}"))
    let (outcome, peak) = try run("nn-forward", ["-m", "many", "batch.safetensors.gz"])
    #expect(outcome.status == 65)
    #expect(peak < Self.base + 16 * header.utf8.count)
  }

  @Test func aTableOfOneLineCostsAMultipleOfIt() throws {
    let cells = mebibyte
    let line = Array(String(repeating: "1,", count: cells).utf8)
    try folder.write("line.csv", line)
    let (outcome, peak) = try run("nn-import", ["line.csv"])
    // The last cell is empty.
    #expect(outcome.status == 65)
    #expect(peak < Self.base + 40 * line.count)
  }

  /// A model of 400 bytes whose one layer gives 40,001² numbers for each example, and four examples.
  @Test(arguments: [nil, 64 * mebibyte])
  func signalsBeyondAllMemoryAreRefusedBeforeOneIsComputed(limit: Int?) throws {
    try folder.write("huge.net", "input 1x1x1\nconv 1 1x1 pad=20000\nloss squared\n")
    let (made, peakOfInit) = try run("nn-init", ["huge.net", "-o", "huge.gz"], limit: limit)
    #expect(made.status == 0 && peakOfInit < Self.base, "\(made.message)")
    try folder.write("four", .dataset(["input": Tensor([1, 2, 3, 4] as [UInt8], shape: [4, 1])]))
    for options in [[], ["--trace"], ["--trace", "--inference"]] {
      let (outcome, peak) = try run(
        "nn-forward", ["-m", "huge.gz", "four"] + options, limit: limit)
      #expect(outcome.status == 65)
      // 4 · 40,001² · 4 bytes of outputs, 40,001² · 4 for a lowered example, 16 for each of its rows.
      #expect(
        outcome.message
          == "nn-forward: four: layer 'conv1': found signals of 32002240036 bytes, 32002240036 in all layers, "
          + "for a batch of 4, expected at most \(limit ?? 16 << 30) in all "
          + "(NN_MAX_DOCUMENT_BYTES sets the limit)\n")
      #expect(peak < Self.base)
    }
  }

  @Test(arguments: [nil, 64 * mebibyte])
  func twoThousandMillionClassesAreNotWrittenOut(limit: Int?) throws {
    try folder.write(
      "classes.net",
      "input 1x1x1\nconv 1 1x1 pad=0x1000000000\nreshape 2000000001\nsoftmax\nloss cross-entropy\n")
    try #require(try run("nn-init", ["classes.net", "-o", "classes.gz"]).0.status == 0)
    try folder.write(
      "four",
      .dataset([
        "input": Tensor([1, 2, 3, 4] as [UInt8], shape: [4, 1]),
        "target": Tensor([0, 1, 2, 3] as [UInt8]),
      ]))
    for command in [
      ["nn-forward"], ["nn-forward", "--trace"], ["nn-gradcheck"], ["nn-check"],
      ["nn-check", "--learned", "four"], ["nn-train", "--epochs", "1", "--rate", "0.1"],
    ] {
      let (outcome, peak) = try run(
        command[0], ["-m", "classes.gz", "four"] + command.dropFirst(), limit: limit)
      #expect(outcome.status == 65, "\(command)")
      #expect(outcome.message.contains("found signals of "), "\(outcome.message)")
      #expect(peak < Self.base, "\(command)")
    }
  }

  @Test(arguments: [nil, 64 * mebibyte], [false, true])
  func aGradientBeyondAllMemoryIsNotComputed(limit: Int?, isBrief: Bool) throws {
    // A weight of 2 · 10⁹ numbers that the way back does not read.
    try folder.write("trace.gz", from: "trace.safetensors.gz") {
      if isBrief { $0.metadata["nn.signals"] = "brief" }
      $0.metadata["nn.topology"] =
        "input 1x1x1\nconv 2 1x1000000000 pad=0x500000000\nloss squared\n"
      let signal = Tensor([1, 2, 3, 4] as [Double], shape: [1, 2, 1, 2])
      $0.tensors = [
        "input": Tensor([1] as [Double], shape: [1, 1, 1, 1]), "conv1.output": signal,
        "target": signal, "loss": Tensor([1] as [Double]),
      ]
    }
    let (outcome, peak) = try run("nn-backprop", ["trace.gz"], limit: limit)
    #expect(outcome.status == 65)
    #expect(outcome.message.contains("layer 'conv1': found signals of "), "\(outcome.message)")
    #expect(peak < Self.base)
  }

  /// So many weights as no address space has room for, and a brief trace with nothing but input and loss.
  @Test func memoryForGradientsIsNotAskedForBeforeTheSignalsAreThere() throws {
    try folder.write("trace.gz", from: "trace.safetensors.gz") {
      $0.metadata["nn.signals"] = "brief"
      $0.metadata["nn.topology"] =
        "input 1\n" + String(repeating: "dense 46340\n", count: 8000) + "loss squared\n"
      $0.tensors = [
        "input": Tensor([1] as [Float], shape: [1, 1]), "loss": Tensor([1] as [Float]),
      ]
    }
    for limit in [nil, 1 << 60] {
      let (outcome, peak) = try run("nn-backprop", ["trace.gz"], limit: limit)
      #expect(outcome.status == 65)
      #expect(
        outcome.message.contains(
          limit == nil ? "found signals of " : "tensor 'dense1.output': missing"),
        "\(outcome.message)")
      #expect(peak < 4 * Self.base)
    }
  }

  @Test(arguments: [nil, 64 * mebibyte])
  func dataIsNotSpreadBeyondAllMemoryToFindConstants(limit: Int?) throws {
    func thousand(_ name: String) -> String {
      "concat" + String(repeating: " \(name)", count: 999) + "\n"
    }
    try folder.write(
      "wide.net",
      "input 1000\n" + thousand("input") + thousand("concat1")
        + "normalize\ndense 1\nloss squared\n")
    let numbers = (0..<4000).map { UInt8(truncatingIfNeeded: $0) }
    try folder.write("four", .dataset(["input": Tensor(numbers, shape: [4, 1000])]))
    let (outcome, peak) = try run("nn-init", ["wide.net", "--fit", "four"], limit: limit)
    #expect(outcome.status == 65)
    #expect(
      outcome.message.contains("layer 'concat2': found signals of 32000000000 bytes, 32032000000"),
      "\(outcome.message)")
    #expect(peak < Self.base)
  }

  @Test func aLineDoesNotTakeTheMemoryOfTheChannelsThatItClaims() throws {
    try folder.write(
      "channels.net", "input 2147483647x1x1\nnormalize mean=0 std=1\ndense 1\nloss squared\n")
    let (outcome, peak) = try run("nn-init", ["channels.net"], limit: 64 * mebibyte)
    #expect(outcome.status == 65)
    #expect(peak < Self.base)
  }

  /// Every tool computes what its signals are counted to be, and not with a byte less; how much that is for a convolution depends
  /// on the processor and is taken from the refusal.
  @Test(arguments: [
    // Sums, outputs, targets; in training also ∂loss/∂sum and the gradients of weights and biases.
    Passing("nn-forward", bytes: 30 * 1000 * (1 + 1 + 1) * 4),
    Passing("nn-forward", "--trace", bytes: 30 * 1000 * (1 + 1 + 1) * 4),
    Passing("nn-train", "--epochs", "1", "--rate", "0.1", "--size", "all", bytes: 480_000 + 8000),
    Passing("nn-gradcheck", "--samples", "1", bytes: 2 * 488_000),
    Passing("nn-forward", padding: 200),
    Passing("nn-forward", "--trace", padding: 200),
    Passing("nn-train", "--epochs", "1", "--rate", "0.1", "--size", "all", padding: 200),
  ])
  fileprivate func signalsMayBeAsLargeAsTheLimit(_ passing: Passing) throws {
    try folder.write("passing.net", passing.topology)
    try #require(
      try run("nn-init", ["passing.net", "-o", "passing.gz"], limit: 1 << 20).0.status == 0)
    let rows = (0..<30).map { UInt8($0) }
    try folder.write(
      "data",
      .dataset(["input": Tensor(rows, shape: [30, 1]), "target": Tensor(rows.map { $0 % 2 })])
    )
    let arguments = ["-m", "passing.gz", "data"] + passing.options
    let refusal = try run(passing.tool, arguments, limit: 100_000).0
    #expect(refusal.status == 65)
    let words = refusal.message.split(separator: " ")
    let place = try #require(
      words.firstIndex(of: "in").map { words[$0 - 1] }, "\(refusal.message)")
    let bytes = try #require(Int(place))
    if let expected = passing.bytes { #expect(bytes == expected) }
    #expect(try run(passing.tool, arguments, limit: bytes - 1).0.status == 65)
    let (outcome, peak) = try run(passing.tool, arguments, limit: bytes)
    #expect(outcome.status == 0, "\(outcome.message)")
    #expect(peak < Self.base + 3 * bytes, "\(peak) of \(bytes)")
  }

  /// - Parameter limit: NN_MAX_DOCUMENT_BYTES.
  private func run(
    _ tool: String, _ arguments: [String], limit: Int? = nil
  ) throws -> (Outcome, peak: Int) {
    let program = Tool.project.appending(path: "Tests/Programs/peak.py").path
    let outcome = try Tool.sh(
      "exec python3 \"$@\" >/dev/null",
      arguments: ["\(program)", "peak", Tool.folder.appending(path: tool).path] + arguments,
      in: folder, environment: limit.map { ["NN_MAX_DOCUMENT_BYTES": String($0)] } ?? [:])
    let text = String(decoding: try folder.read("peak"), as: UTF8.self)
    let kibibytes = try #require(Int(text.filter(\.isNumber)))
    return (outcome, kibibytes << 10)
  }

  /// A gzip file of the bytes and then `count` zeros at least, each of its members the same.
  private func zeros(behind bytes: [UInt8], _ count: Int) throws -> [UInt8] {
    let block = 0xff00
    let member = try compressed([UInt8](repeating: 0, count: block), level: 9)
    let members = repeatElement(member, count: (count + block - 1) / block).joined()
    return (bytes.isEmpty ? [] : try compressed(bytes)) + members
  }
}

/// A file and a program that must refuse it.
private struct Claim: Sendable, CustomTestStringConvertible {
  let bytes: [UInt8]
  let tool: String

  init(_ bytes: [UInt8], tool: String = "nn-inspect") { (self.bytes, self.tool) = (bytes, tool) }

  var testDescription: String { "\(tool): \(bytes.count) bytes" }
}

/// A program that takes 30 examples through a network, and the bytes that this is counted to take.
private struct Passing: Sendable, CustomTestStringConvertible {
  let tool: String
  let options: [String]
  let bytes: Int?
  let topology: String

  init(_ tool: String, _ options: String..., bytes: Int) {
    (self.tool, self.options, self.bytes) = (tool, options, bytes)
    topology = "input 1\ndense 1000 softmax\nloss cross-entropy\n"
  }

  init(_ tool: String, _ options: String..., padding: Int) {
    (self.tool, self.options, bytes) = (tool, options, nil)
    topology =
      "input 1x1x1\nconv 1 1x1 pad=\(padding)\nglobal-avgpool\ndense 2 softmax\nloss cross-entropy\n"
  }

  var testDescription: String { "\(tool): \(bytes.map { "\($0) bytes" } ?? "convolution")" }
}

private func entry(_ shape: String, _ offsets: String) -> String {
  #"{"input":{"dtype":"U8","shape":\#(shape),"data_offsets":[\#(offsets)]}}"#
}
