import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

private let model = "model.safetensors.gz"
private let gradient = "gradient.safetensors.gz"

@Suite struct BadDataTests {
  private let folder: Scratch

  init() throws { folder = try Step.folder() }

  /// Every road that computes with a model and a dataset refuses it with the same words.
  private func expectRefusal(
    ofDataset tensors: [String: Tensor], _ message: String, status: Int32 = 65,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try folder.write("bad.safetensors", .dataset(tensors))
    for option in [[], ["--trace"]] {
      try PipelineTests.expectRefusal(
        "nn-forward", ["-m", model, "bad.safetensors", "-o", "out.gz"] + option, status,
        "bad.safetensors: \(message)", in: folder, sourceLocation: sourceLocation)
    }
    try PipelineTests.expectRefusal(
      "nn-train",
      ["-m", model, "bad.safetensors", "--size", "all", "--epochs", "1", "--rate", "1", "-o", "o"],
      status, "bad.safetensors: epoch 1: step 1: \(message)", in: folder,
      sourceLocation: sourceLocation)
  }

  @Test func anotherWidthThanTheModelsIsRefused() throws {
    try expectRefusal(
      ofDataset: ["input": Tensor(zeros: [2, 4], .f64), "target": Tensor(zeros: [2, 1], .f64)],
      "tensor 'input': found shape [2, 4], expected [2, 3] for layer 'dense1'")
    try expectRefusal(
      ofDataset: ["input": Tensor(zeros: [2, 3], .f64), "target": Tensor(zeros: [2, 2], .f64)],
      "tensor 'target': found shape [2, 2], expected [2, 1] for layer 'dense2'")
  }

  @Test func aClassIdBeyondTheOutputsIsRefused() throws {
    try folder.write("ten.net", "input 3\ndense 10 softmax\nloss cross-entropy\n")
    let made = try Tool.run("nn-init", ["ten.net", "-o", "ten.gz"], in: folder)
    #expect(made.status == 0)
    let input = Tensor(zeros: [4, 3], .f32)
    for (id, found) in [(Int64(10), "10"), (-1, "-1"), (.max, "9223372036854775807")] {
      try folder.write(
        "bad.safetensors", .dataset(["input": input, "target": Tensor([9, 0, id, 1])]))
      try PipelineTests.expectRefusal(
        "nn-forward", ["-m", "ten.gz", "bad.safetensors", "-o", "out.gz"], 65,
        "bad.safetensors: tensor 'target': class id \(found) in row 2, expected 0 to 9", in: folder)
    }
  }

  @Test func numbersThatAreNotFiniteAreRefused() throws {
    let target = Tensor([0.0, 1], shape: [2, 1])
    try expectRefusal(
      ofDataset: ["input": Tensor([1.0, 2, 3, 4, 5, .nan], shape: [2, 3]), "target": target],
      "tensor 'input': found nan in example 1 at [2], expected numbers that are finite in F64")
    try expectRefusal(
      ofDataset: [
        "input": Tensor([1, 2, -.infinity, 4, 5, 6.0], shape: [2, 3]), "target": target,
      ],
      "tensor 'input': found -inf in example 0 at [2], expected numbers that are finite in F64")
    try expectRefusal(
      ofDataset: [
        "input": Tensor(zeros: [2, 3], .f64), "target": Tensor([0, Double.nan], shape: [2, 1]),
      ],
      "tensor 'target': found nan in example 1 at [0], expected numbers that are finite in F64")
  }

  @Test func datasetsWithoutExamplesAreRefused() throws {
    try folder.write("empty.safetensors", .dataset(["input": Tensor(zeros: [0, 3], .f64)]))
    let message = "empty.safetensors: tensor 'input': no examples"
    for command in [
      ["nn-forward", "-m", model, "empty.safetensors", "-o", "out.gz"],
      ["nn-batch", "empty.safetensors", "-o", "out.gz"],
      ["nn-split", "empty.safetensors", "--fraction", "0.5", "-o", "out.gz", "--rest", "b"],
      ["nn-train", "-m", model, "empty.safetensors", "--epochs", "1", "--rate", "1", "-o", "o"],
    ] {
      try PipelineTests.expectRefusal(
        command[0], Array(command.dropFirst()), 65, message, in: folder)
    }
    try folder.write("empty.safetensors", .dataset(["target": Tensor(zeros: [2], .i64)]))
    try PipelineTests.expectRefusal(
      "nn-batch", ["empty.safetensors", "-o", "out.gz"], 65,
      "empty.safetensors: tensor 'input' is missing from the dataset", in: folder)
    try folder.write(
      "empty.safetensors",
      .dataset(["input": Tensor(zeros: [2, 3], .f64), "target": Tensor(zeros: [3], .i64)]))
    try PipelineTests.expectRefusal(
      "nn-batch", ["empty.safetensors", "-o", "out.gz"], 65,
      "empty.safetensors: tensor 'target': found shape [3], expected 2 examples as in 'input'",
      in: folder)
  }

  @Test func datasetsWhoseRowsCannotBeTakenAreRefused() throws {
    let huge: Shape = [Int.max, 0]
    let packed = Tensor(zeros: [4, 3], .f4)
    for (tensors, message) in [
      (
        ["input": Tensor(zeros: huge, .f32)],
        "tensor 'input': found shape \(huge), expected at least one number per example"
      ),
      (
        ["input": Tensor(zeros: [4, 3], .f32), "target": Tensor(zeros: [4, 0], .f32)],
        "tensor 'target': found shape [4, 0], expected at least one number per example"
      ),
      (["input": packed], "tensor 'input': found F4, expected rows of [3] to fill whole bytes"),
      (
        ["input": Tensor(zeros: [4, 3], .f32), "note": packed],
        "tensor 'note': found F4, expected rows of [3] to fill whole bytes"
      ),
    ] {
      try folder.write("bad.safetensors", .dataset(tensors))
      for command in [
        ["nn-batch", "bad.safetensors", "-o", "out.gz"],
        ["nn-split", "bad.safetensors", "--fraction", "0.5", "-o", "out.gz", "--rest", "b"],
        ["nn-train", "-m", model, "bad.safetensors", "--epochs", "1", "--rate", "1", "-o", "o"],
      ] {
        try PipelineTests.expectRefusal(
          command[0], Array(command.dropFirst()), 65, "bad.safetensors: \(message)", in: folder)
      }
    }
    try folder.write("bad.idx", [0, 0, 8, 2, 255, 255, 255, 255, 0, 0, 0, 0])
    try PipelineTests.expectRefusal(
      "nn-import", ["bad.idx", "-o", "out.gz"], 65,
      "bad.idx: tensor 'input': found shape [4294967295, 0], expected at least one number per example",
      in: folder)
  }

  @Test func aSplitThatLeavesNothingIsRefused() throws {
    try PipelineTests.expectRefusal(
      "nn-split", ["data.safetensors", "--fraction", "0.01", "-o", "out.gz", "--rest", "b"], 65,
      "data.safetensors: a fraction of 0.01 of 4 examples leaves a part without any", in: folder)
  }

  @Test func datasetsThatDifferAreNotJoined() throws {
    try folder.write("b.safetensors", .dataset(["input": Tensor(zeros: [2, 3], .f64)]))
    try PipelineTests.expectRefusal(
      "nn-batch", ["data.safetensors", "b.safetensors", "-o", "out.gz"], 65,
      "the datasets: tensor 'target' is missing from the dataset", in: folder)
    try folder.write(
      "b.safetensors",
      .dataset(["input": Tensor(zeros: [2, 3], .f32), "target": Tensor(zeros: [2, 1], .f64)]))
    try PipelineTests.expectRefusal(
      "nn-batch", ["data.safetensors", "b.safetensors", "-o", "out.gz"], 65,
      "the datasets: tensor 'input': found F32, expected F64 as in the first dataset", in: folder)
  }

  @Test func withoutTargetsThereIsNoWayBack() throws {
    try folder.write("blind.safetensors", .dataset(["input": Tensor(zeros: [2, 3], .f64)]))
    try PipelineTests.expectRefusal(
      sh: "nn-forward -m \(model) --trace blind.safetensors | nn-backprop -o out.gz", 65,
      "nn-backprop: <stdin>: tensor 'target' is missing from the trace", in: folder)
    try PipelineTests.expectRefusal(
      sh: "nn-batch blind.safetensors | nn-forward -m \(model) --trace | nn-backprop -o out.gz", 65,
      "nn-backprop: <stdin>: frame 0: tensor 'target' is missing from the trace", in: folder)
    try PipelineTests.expectRefusal(
      sh: "nn-forward -m \(model) blind.safetensors | nn-eval -o out.tsv", 65,
      "nn-eval: <stdin>: tensor 'target' is missing from the prediction", in: folder)
    try PipelineTests.expectRefusal(
      "nn-train",
      ["-m", model, "blind.safetensors", "--rate", "1", "--epochs", "1", "-o", "out.gz"], 65,
      "blind.safetensors: tensor 'target' is missing from the dataset", in: folder)
  }

  @Test func dataThatDoesNotFitATopologyIsTheDatasetsFault() throws {
    try folder.write("gap.net", "input 2\nnormalize\ndense 1\nloss squared\n")
    try PipelineTests.expectRefusal(
      "nn-init", ["gap.net", "--fit", "data.safetensors", "-o", "out.gz"], 65,
      "data.safetensors: tensor 'input': found shape [4, 3], expected [4, 2] for layer 'normalize1'",
      in: folder)
    try folder.write("gap.net", "input 3\ndense 3\nnormalize\nloss squared\n")
    let outcome = try Tool.run(
      "nn-init", ["gap.net", "--fit", "data.safetensors", "-o", "out.gz"], in: folder)
    #expect(outcome.message.hasPrefix("nn-init: gap.net: line 3, column 1: "))
  }

  @Test func aStepHasNoGradient() throws {
    try folder.write("step.net", "input 3\ndense 1 step bias=no\nloss squared\n")
    let forward = try Tool.sh(
      "nn-init step.net --dtype f64 | nn-forward -m - data.safetensors | nn-inspect --values --name loss",
      in: folder)
    #expect(forward.status == 0 && forward.message == "")
    #expect(forward.text.hasPrefix("# loss F64 [4]\n"))
    let reason =
      "layer 'dense1': 'step' has no derivative to learn by: it is flat everywhere but at 0, "
      + "where it jumps"
    _ = try Tool.sh("nn-init step.net --dtype f64 -o step.gz", in: folder)
    try PipelineTests.expectRefusal(
      sh: "nn-forward -m step.gz --trace batch.safetensors.gz | nn-backprop -o out.gz", 65,
      "nn-backprop: <stdin>: \(reason)", in: folder)
    try PipelineTests.expectRefusal(
      "nn-train",
      ["-m", "step.gz", "data.safetensors", "--rate", "1", "--epochs", "1", "-o", "out.gz"],
      65, "data.safetensors: epoch 1: step 1: \(reason)", in: folder)
  }
}
