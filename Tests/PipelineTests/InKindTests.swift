import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

@Suite struct InKindTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  private func run(_ script: String, sourceLocation: SourceLocation = #_sourceLocation) throws
    -> [UInt8]
  {
    let outcome = try Tool.sh(script, in: folder, shell: "/bin/bash")
    #expect(outcome.message == "", sourceLocation: sourceLocation)
    #expect(outcome.status == 0, sourceLocation: sourceLocation)
    return outcome.output
  }

  /// The prediction of the batch by every way in and out.
  @Test(arguments: [
    "nn-forward -m model.safetensors.gz batch.safetensors.gz > out",
    "nn-forward -m model.safetensors.gz < batch.safetensors.gz > out",
    "nn-forward -m model.safetensors.gz - < batch.safetensors.gz | cat > out",
    "nn-forward -m - batch.safetensors.gz < model.safetensors.gz > out",
    "cat batch.safetensors.gz | nn-forward -m model.safetensors.gz -o out",
    "cat batch.safetensors.gz | nn-forward -m model.safetensors.gz -o - | cat > out",
    "nn-forward -m model.safetensors.gz batch.safetensors.gz -o out.safetensors; mv out.safetensors out",
    "nn-forward -m model.safetensors.gz batch.safetensors.gz --level 9 -o out",
    "nn-forward -m model.safetensors.gz batch.safetensors.gz --level 0 -o out",
    "nn-forward -m <(cat model.safetensors.gz) <(cat batch.safetensors.gz) -o /dev/fd/3 3> out",
    "nn-forward -m <(zcat model.safetensors.gz) <(zcat batch.safetensors.gz) -o /dev/stdout | cat > out",
    "nn-forward -m <(zcat model.safetensors.gz | gzip) /dev/stdin < <(zcat batch.safetensors.gz) > out",
    "nn-forward -m model.safetensors.gz batch.safetensors.gz | tee >(cat > /dev/null) > out",
    "mkfifo in back; cat batch.safetensors.gz > in & cat back > out & "
      + "nn-forward -m model.safetensors.gz in -o back; wait",
  ])
  func everyWayGivesTheSameDocument(_ script: String) throws {
    _ = try run(script)
    let expected = try decompressed(folder.read("prediction.safetensors.gz"))
    #expect(try decompressed(folder.read("out")) == expected)
    let first = try folder.read("out").prefix(2)
    #expect(
      Array(first)
        == (script.contains("out.safetensors;") ? [expected[0], expected[1]] : [0x1f, 0x8b]))
  }

  @Test func thePathDecidesBetweenPlainAndGzip() throws {
    _ = try run("nn-init net -o a.safetensors; nn-init net -o b.safetensors.gz; nn-init net > c")
    let plain = try folder.read("a.safetensors")
    #expect(try documents(in: plain).count == 1)
    #expect(try decompressed(plain) == plain)
    for name in ["b.safetensors.gz", "c"] {
      #expect(try folder.read(name).starts(with: [0x1f, 0x8b, 8, 4]))
      #expect(try decompressed(folder.read(name)) == plain)
    }
    // Into a pipe the bytes are stored as they are.
    let piped = try run("nn-init net | cat")
    #expect(piped.starts(with: [0x1f, 0x8b, 8, 0]) && piped.count > plain.count)
    #expect(try decompressed(piped) == plain)
  }

  @Test func aDocumentIsAnsweredByADocumentAndAStreamByAStream() throws {
    let alone = try documents(
      in: run("nn-forward -m model.safetensors.gz --trace batch.safetensors.gz | nn-backprop"))
    #expect(alone.count == 1)
    #expect(alone[0].metadata["nn.frame"] == nil && alone[0].metadata["nn.kind"] == "gradient")

    let stream = try documents(
      in: run("nn-forward -m model.safetensors.gz --trace stream.safetensors.gz | nn-backprop"))
    #expect(stream.map { $0.metadata["nn.frame"] } == ["0", "1", nil])
    #expect(stream.map { $0.metadata["nn.kind"] } == ["gradient", "gradient", nil])
    #expect(stream[2] == Document(metadata: ["nn.format": "1", "nn.end": "2"]))

    let none = try documents(
      in: run("nn-batch data.safetensors --limit 0 | nn-forward -m model.safetensors.gz"))
    #expect(none == [Document(metadata: ["nn.format": "1", "nn.end": "0"])])
  }

  @Test func someToolsAlwaysWriteOneDocument() throws {
    let batch = try documents(in: run("nn-batch data.safetensors --size 2 --limit 1"))
    #expect(batch.count == 1 && batch[0].metadata["nn.frame"] == nil)
    var frame = try documents(in: folder.read("stream.safetensors.gz"))[0]
    frame.metadata["nn.frame"] = nil
    #expect(batch == [frame])
    let two = try documents(in: run("nn-batch data.safetensors --size 2 --limit 2"))
    #expect(two.count == 3)

    let gradients = "nn-forward -m model.safetensors.gz --trace stream.safetensors.gz | nn-backprop"
    let sum = try documents(in: run("\(gradients) | nn-sum"))
    #expect(sum.count == 1 && sum[0].metadata["nn.frame"] == nil)
    #expect(sum[0].metadata["nn.examples"] == "4")
    let model = try documents(
      in: run("\(gradients) | nn-sum | nn-update -m model.safetensors.gz --rate 1"))
    #expect(model.count == 1 && model[0].metadata["nn.kind"] == "model")
  }

  @Test func concatenatedStreamsAreOne() throws {
    let both = try documents(
      in: run(
        "cat stream.safetensors.gz stream.safetensors.gz | nn-forward -m model.safetensors.gz"))
    #expect(both.map { $0.metadata["nn.frame"] } == ["0", "1", "2", "3", nil])
    #expect(both[4].metadata["nn.end"] == "4")
    var (first, third) = (both[0], both[2])
    first.metadata["nn.frame"] = nil
    third.metadata["nn.frame"] = nil
    #expect(first == third)
    let table = try run(
      "cat stream.safetensors.gz stream.safetensors.gz | nn-forward -m model.safetensors.gz | nn-eval"
    )
    #expect(String(decoding: table, as: UTF8.self).hasSuffix("\t8\n"))
  }

  @Test func aStreamOfPredictionsIsJudgedAsItsFramesTogether() throws {
    _ = try run(
      "nn-forward -m model.safetensors.gz stream.safetensors.gz -o champion.gz; nn-init net --dtype f64 --seed 2 -o other.gz"
    )
    let gate = "nn-gate --margin -100 --class-limit 1"
    let streams = try run(
      "nn-forward -m other.gz stream.safetensors.gz | \(gate) champion.gz -")
    // The same examples in one document each; a stream's order is that of its batches.
    let alone = try run(
      """
      nn-batch data.safetensors --size 4 --limit 1 -o whole.gz
      nn-forward -m model.safetensors.gz whole.gz -o a.gz
      nn-forward -m other.gz whole.gz | \(gate) a.gz
      """)
    #expect(!streams.isEmpty && streams == alone)
  }

  @Test func whatIsForeignPassesThrough() throws {
    let extra = Tensor([Int16(1), 2], shape: [2])
    try folder.write("own.gz", from: "batch.safetensors.gz") {
      $0.metadata["camera"] = "left\n\"eye\""
      $0.tensors["weather"] = extra
    }
    _ = try run(
      """
      nn-forward -m model.safetensors.gz own.gz -o prediction.gz
      nn-forward -m model.safetensors.gz --trace own.gz -o trace.gz
      """)
    for name in ["prediction.gz", "trace.gz"] {
      let document = try folder.document(name)
      #expect(document.metadata["camera"] == "left\n\"eye\"", "\(name)")
      #expect(document.tensors["weather"] == extra, "\(name)")
    }
    try folder.write("m.gz", from: "model.safetensors.gz") { $0.metadata["author"] = "Ada" }
    let next = try documents(
      in: run("nn-update -m m.gz --rate 1 gradient.safetensors.gz"))
    #expect(next[0].metadata["author"] == "Ada")
    #expect(next[0].tensors.count == 4)
  }

  @Test func oneStepByHandIsOneStepOfTraining() throws {
    _ = try run(
      """
      nn-update -m model.safetensors.gz --rate 0.5 gradient.safetensors.gz -o hand.safetensors
      nn-train data.safetensors -m model.safetensors.gz --size all --epochs 1 --rate 0.5 -o fused.safetensors
      """)
    #expect(try folder.read("hand.safetensors") == folder.read("fused.safetensors"))
  }
}
