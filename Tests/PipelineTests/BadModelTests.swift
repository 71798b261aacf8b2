import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

private let model = "model.safetensors.gz"
private let gradient = "gradient.safetensors.gz"
private let names = "dense1.bias, dense1.weight, dense2.bias, dense2.weight"

@Suite struct BadModelTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  private func expectRefusal(
    ofModel message: String, _ status: Int32 = 65,
    sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout Document) -> Void
  ) throws {
    try folder.write("bad.gz", from: model, change)
    for command in [
      ["nn-forward", "-m", "bad.gz", "batch.safetensors.gz", "-o", "out.gz"],
      ["nn-update", "-m", "bad.gz", "--rate", "1", gradient, "-o", "out.gz"],
      ["nn-train", "-m", "bad.gz", "data.safetensors", "--rate", "1", "--epochs", "9", "-o", "o"],
    ] {
      try PipelineTests.expectRefusal(
        command[0], Array(command.dropFirst()), status, "bad.gz: \(message)", in: folder,
        sourceLocation: sourceLocation)
    }
  }

  @Test func weightsThatAreNotFiniteAreRefused() throws {
    try expectRefusal(
      ofModel: "tensor 'dense1.weight': found nan at [1, 2], expected finite numbers", 80
    ) { $0.tensors["dense1.weight"] = Tensor([1, 2, 3, 4, 5, Double.nan], shape: [2, 3]) }
    try expectRefusal(
      ofModel: "tensor 'dense1.bias': found inf at [0], expected finite numbers (2 of 2 are not)",
      80
    ) { $0.tensors["dense1.bias"] = Tensor([Double.infinity, .nan]) }
  }

  @Test func anOutputThatIsNotFiniteIsANumericalFault() throws {
    try folder.write("line.net", "input 3\ndense 1\nloss squared\n")
    let made = try Tool.run("nn-init", ["line.net", "--dtype", "f64", "-o", "line.gz"], in: folder)
    #expect(made.status == 0)
    try folder.write("bad.gz", from: "line.gz") {
      $0.tensors["dense1.weight"] = Tensor([1e308, 1e308, 1e308], shape: [1, 3])
    }
    let fault = "expected finite numbers (3 of 4 are not)"
    try PipelineTests.expectRefusal(
      "nn-forward", ["-m", "bad.gz", "data.safetensors", "-o", "out.gz"], 80,
      "data.safetensors: tensor 'output': found inf at [1, 0], \(fault)", in: folder)
    let train = [
      "data.safetensors", "--size", "all", "--no-shuffle", "--rate", "1", "-o", "out.gz",
    ]
    // What it leaves of the step is in BundleTests.
    let outcome = try Tool.run(
      "nn-train", ["-m", "bad.gz", "--epochs", "1"] + train, in: folder)
    #expect(outcome.status == 80 && outcome.output == [])
    #expect(
      outcome.message.split(separator: "\n").first.map(String.init)
        == "nn-train: data.safetensors: epoch 1: step 1: tensor 'output': found inf at [1, 0], \(fault): "
        + "layer 'dense1', rows 1, 2, 3")
    #expect(!folder.exists("out.gz"))
  }

  @Test func metadataThatAModelNeedsIsChecked() throws {
    try expectRefusal(ofModel: "metadata: 'nn.topology' is missing") {
      $0.metadata["nn.topology"] = nil
    }
    try expectRefusal(ofModel: "metadata: 'nn.step' is missing") { $0.metadata["nn.step"] = nil }
    for value in ["-1", "1.0", "01", "9223372036854775807", ""] {
      try expectRefusal(
        ofModel: "nn.epoch: found '\(value)', expected a whole number below 2^53"
      ) { $0.metadata["nn.epoch"] = value }
    }
    try expectRefusal(ofModel: "tensor 'dense2.bias': found I64, expected F32 or F64") {
      $0.tensors["dense2.bias"] = Tensor([Int64(1)])
    }
    try expectRefusal(ofModel: "tensor 'dense2.bias': found F32, expected F64 as in 'dense1.bias'")
    {
      $0.tensors["dense2.bias"] = Tensor([Float(1)])
    }
  }

  @Test func aModelThatIsNotItsTopologysIsRefused() throws {
    let forward = ["-m", "bad.gz", "batch.safetensors.gz", "-o", "out.gz"]
    let cases: [(String, (inout Document) -> Void)] = [
      ("tensor 'dense1.bias': missing, expected shape [2]", { $0.tensors["dense1.bias"] = nil }),
      (
        "tensor 'dense1.weight': found shape [3, 2], expected [2, 3]",
        { $0.tensors["dense1.weight"] = Tensor(zeros: [3, 2], .f64) }
      ),
      ("tensor 'extra': not in the topology", { $0.tensors["extra"] = Tensor([1.0]) }),
      (
        "line 2, column 1: unknown word 'dance', did you mean 'dense'?",
        { $0.metadata["nn.topology"] = "input 3\ndance 2\n" }
      ),
    ]
    for (message, change) in cases {
      try folder.write("bad.gz", from: model, change)
      try PipelineTests.expectRefusal("nn-forward", forward, 65, "bad.gz: \(message)", in: folder)
    }
  }

  @Test func weightsGivenToStartFromAreChecked() throws {
    let cases: [(String, Int32, (inout Document) -> Void)] = [
      (
        "tensor 'dense1.bias': missing, expected shape [2]", 65, { $0.tensors["dense1.bias"] = nil }
      ),
      (
        "tensor 'dense1.bias': found nan at [1], expected finite numbers", 80,
        { $0.tensors["dense1.bias"] = Tensor([0, Double.nan]) }
      ),
    ]
    for (message, status, change) in cases {
      try folder.write("bad.gz", from: model, change)
      try PipelineTests.expectRefusal(
        "nn-init", ["net", "--weights", "bad.gz", "-o", "out.gz"], status, "bad.gz: \(message)",
        in: folder)
    }
  }

  @Test func aModelBeyondTheEpochIsNotTrainedBack() throws {
    try folder.write("late.gz", from: model) { $0.metadata["nn.epoch"] = "3" }
    try PipelineTests.expectRefusal(
      "nn-train",
      ["-m", "late.gz", "data.safetensors", "--rate", "1", "--epochs", "2", "-o", "out.gz"], 65,
      "late.gz: nn.epoch: the model has finished epoch 3, --epochs asks for 2", in: folder)
  }
}

@Suite struct BadGradientTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  /// - Parameter sum: what nn-sum says when the gradient is the second; nil for the same as nn-update.
  private func expectRefusal(
    _ message: String, sum: String? = nil, _ status: Int32 = 65,
    sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout Document) -> Void
  ) throws {
    try folder.write("bad.gz", from: gradient, change)
    try PipelineTests.expectRefusal(
      "nn-update", ["-m", model, "--rate", "100", "bad.gz", "-o", "out.gz"], status,
      "bad.gz: \(message)", in: folder, sourceLocation: sourceLocation)
    try PipelineTests.expectRefusal(
      "nn-sum", [gradient, "bad.gz", "-o", "out.gz"], status, "bad.gz: \(sum ?? message)",
      in: folder, sourceLocation: sourceLocation)
  }

  @Test func aGradientMustHoldEveryParameter() throws {
    try expectRefusal(
      "tensor 'dense1.bias' is missing from the gradient",
      sum: "found tensors dense1.weight, dense2.bias, dense2.weight, expected \(names) "
        + "as in the first gradient"
    ) { $0.tensors["dense1.bias"] = nil }
    try expectRefusal(
      "tensor 'extra': the model has no such parameter",
      sum: "found tensors \(names), extra, expected \(names) as in the first gradient"
    ) { $0.tensors["extra"] = Tensor([1.0]) }
    try expectRefusal(
      "tensor 'dense1.bias': found shape [3], expected [2] as in the model",
      sum: "tensor 'dense1.bias': found shape [3], expected [2] as in the first gradient"
    ) { $0.tensors["dense1.bias"] = Tensor([1.0, 2, 3]) }
    try expectRefusal(
      "tensor 'dense1.bias': found F32, expected F64 as in the model",
      sum: "tensor 'dense1.bias': found F32, expected F64 as in the first gradient"
    ) { $0.tensors["dense1.bias"] = Tensor([Float(1), 2]) }
    try expectRefusal(
      "nn.topology: the gradient is of another network than the model",
      sum: #"nn.topology: found 'input 3\n', expected 'input 3\ndense 2 tanh\ndense 1 sigmoid\n"#
        + #"loss squared\n' as the first gradient has it"#
    ) { $0.metadata["nn.topology"] = "input 3\n" }
  }

  @Test func aGradientMustCountItsExamples() throws {
    try expectRefusal("nn.examples: found 0, expected at least one example") {
      $0.metadata["nn.examples"] = "0"
    }
    try expectRefusal("nn.examples: found '-4', expected a whole number below 2^53") {
      $0.metadata["nn.examples"] = "-4"
    }
    try expectRefusal("metadata: 'nn.examples' is missing") { $0.metadata["nn.examples"] = nil }
  }

  @Test func aGradientMustBeFinite() throws {
    try expectRefusal(
      "tensor 'dense1.bias': found nan at [1], expected finite numbers", 80
    ) { $0.tensors["dense1.bias"] = Tensor([1, Double.nan]) }
    try folder.write("huge.gz", from: gradient) { $0.tensors["dense2.bias"] = Tensor([1e308]) }
    try PipelineTests.expectRefusal(
      "nn-update", ["-m", model, "--rate", "100", "huge.gz", "-o", "out.gz"], 80,
      "huge.gz: after the correction: tensor 'dense2.bias': found -inf at [0], "
        + "expected finite numbers", in: folder)
    try PipelineTests.expectRefusal(
      "nn-sum", ["huge.gz", "huge.gz", "-o", "out.gz"], 80,
      "huge.gz: after adding it: tensor 'dense2.bias': found inf at [0], expected finite numbers",
      in: folder)
  }

  @Test func deltasDoNotAddUp() throws {
    let made = try Tool.run(
      "nn-backprop", ["--deltas", "trace.safetensors.gz", "-o", "deltas.gz"], in: folder)
    #expect(made.status == 0)
    try PipelineTests.expectRefusal(
      "nn-sum", ["deltas.gz", "-o", "out.gz"], 65,
      "deltas.gz: tensor 'dense1.delta': of single examples, which do not add up "
        + "(nn-backprop --deltas wrote it)", in: folder)
  }

  @Test func aSecondGradientNeedsFeedback() throws {
    try PipelineTests.expectRefusal(
      sh: "nn-forward -m \(model) --trace stream.safetensors.gz | nn-backprop "
        + "| nn-update -m \(model) --rate 1 -o out.gz", 65,
      "nn-update: <stdin>: frame 1: a second gradient, expected one "
        + "(with --feedback a stream of them, or nn-sum to add them up)", in: folder)
  }

  @Test func noGradientIsNotASumOfThem() throws {
    let none = "nn-batch data.safetensors --limit 0 | nn-forward -m \(model) --trace | nn-backprop"
    try PipelineTests.expectRefusal(
      sh: "\(none) | nn-update -m \(model) --rate 1 -o out.gz", 65,
      "nn-update: <stdin>: no gradients: the stream has 0 frames", in: folder)
    try PipelineTests.expectRefusal(
      sh: "\(none) | nn-sum -o out.gz", 65, "nn-sum: no gradients: the stream has 0 frames",
      in: folder)
    try PipelineTests.expectRefusal(
      sh: "nn-batch data.safetensors --limit 0 | nn-forward -m \(model) | nn-eval -o out.tsv", 65,
      "nn-eval: <stdin>: no predictions: the stream has 0 frames", in: folder)
  }
}
