import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// What is left of a step that left the finite numbers, and that it fails again.
@Suite struct BundleTests {
  /// A way to leave the finite numbers, and what is said of it.
  struct Failure: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var layers = "dense 2 identity\ndense 1 identity bias=no"
    /// Of the first layer; the second one's are 1.
    var weights: [Float] = [1, 1, 1, 1]
    var input: [Float] = [1, 1, 1, 1, 1, 1]
    var options = "--rate 0.5"
    var size = 3
    /// Whether many steps go well before, and not none.
    var isLate = false
    /// By what tool it is seen when it is made again, and what is said.
    let tool: String
    let message: String
  }

  static let failures = [
    Failure(
      testDescription: "output", weights: [3e38, 3e38, 1, 1], input: [0, 0, 1, 1, 0, 0],
      tool: "nn-forward",
      message:
        "tensor 'output': found inf at [1, 0], expected finite numbers: layer 'dense1', row 1"),
    Failure(
      testDescription: "loss", weights: [1e30, 1, 1, 1], input: [0, 0, 1, 0, 1, 0],
      tool: "nn-forward",
      message: "tensor 'loss': found inf at [1], expected finite numbers (2 of 3 are not): "
        + "layer 'dense2', rows 1, 2"),
    Failure(
      testDescription: "gradient", weights: [1e19, 0, 0, 0], input: [0, 0, 1, 1e20, 0, 0],
      tool: "nn-backprop",
      message: "tensor 'dense1.weight': found inf at [0, 1], expected finite numbers "
        + "(2 of 4 are not): layer 'dense1', row 1"),
    Failure(
      testDescription: "weight", weights: [1e15, 0, 0, 0], options: "--rate 1e30",
      tool: "nn-update",
      message:
        "after the correction: tensor 'dense1.bias': found -inf at [0], expected finite numbers "
        + "(2 of 2 are not): layer 'dense1', rows 0, 1, 2"),
    Failure(
      testDescription: "state", weights: [1e10, 0, 0, 0], input: [0, 0, 1, 1e12, 0, 0],
      options:
        "--optimizer adamw --rate 0.1 --weight-decay 0 --beta1 0.8 --clip-value 1e30 --freeze dense2",
      tool: "nn-update",
      message:
        "after the correction: tensor 'optimizer.dense1.weight.second_moment': found inf at [0, 1], "
        + "expected finite numbers (2 of 4 are not): layer 'dense1', rows 0, 1, 2"),
    // The weights turn over and grow from step to step, beyond the first snapshot.
    Failure(
      testDescription: "divergence", layers: "dense 1 identity bias=no",
      options: "--rate 2.5", size: 1, isLate: true, tool: "nn-forward",
      message: "tensor 'loss': found inf at [0], expected finite numbers: layer 'dense1', row "),
    Failure(
      testDescription: "divergence on a schedule", layers: "dense 1 identity bias=no",
      options: "--rate 3 --optimizer sgd --schedule exponential --schedule-factor 0.999", size: 2,
      isLate: true, tool: "nn-forward", message: "tensor 'loss': found inf at [0]"),
  ]

  private func folder(_ failure: Failure) throws -> Scratch {
    let folder = try Scratch()
    let columns = failure.layers.hasPrefix("dense 1") ? 1 : 2
    let input = Array(failure.input.prefix(3 * columns))
    try folder.write(
      "train.safetensors",
      .dataset([
        "input": Tensor(input, shape: [3, columns]),
        "target": Tensor([0, 0, 0] as [Float], shape: [3, 1]),
      ]))
    try folder.write("net", "input \(columns)\n\(failure.layers)\nloss squared\n")
    var weights: [String: Tensor] = [
      "dense1.weight": Tensor(
        Array(failure.weights.prefix(columns * columns)), shape: [columns, columns])
    ]
    if columns == 2 {
      weights["dense1.bias"] = Tensor([0, 0] as [Float])
      weights["dense2.weight"] = Tensor([1, 1] as [Float], shape: [1, 2])
    }
    try folder.write("weights.safetensors", Document(tensors: weights))
    let made = try Tool.run(
      "nn-init", ["net", "--weights", "weights.safetensors", "-o", "start.safetensors"], in: folder)
    try #require(made.status == 0, "\(made.message)")
    return folder
  }

  @Test(arguments: failures) func theStepIsKeptAndFailsAgain(_ failure: Failure) throws {
    let folder = try folder(failure)
    let batching =
      "train.safetensors --size \(failure.size)"
      + (failure.isLate ? "" : " --no-shuffle")
    let outcome = try Tool.sh(
      "nn-train \(batching) \(failure.options) -m start.safetensors --epochs 60 -o 'the end.safetensors'",
      in: folder)
    #expect(outcome.status == 80)
    let lines = outcome.message.split(separator: "\n").map(String.init)
    try #require(lines.count == 2, "\(outcome.message)")
    #expect(lines[0].hasPrefix("nn-train: train.safetensors: epoch "))
    #expect(lines[0].contains(failure.message), "\(lines[0])")
    let numbers = lines[0].matches(of: #/epoch (\d+): step (\d+): /#)[0]
    let steps = (3 + failure.size - 1) / failure.size
    let step = try (#require(Int(numbers.1)) - 1) * steps + #require(Int(numbers.2))
    #expect(failure.isLate ? step > 66 : step == 1)
    let names = ["failed.the end.batch.safetensors.gz", "failed.the end.model.safetensors.gz"]
    #expect(try folder.names().filter { $0.contains("the end") } == names)

    // The batch and the model are those of the step.
    let before = try Tool.sh(
      """
      set -e
      nn-batch \(batching) --epochs 60 --skip \(step - 1) --limit 1 -o batch.safetensors
      nn-train \(batching) \(failure.options) -m start.safetensors --epochs 60 --limit \(step - 1) \
      -o model.safetensors
      """, in: folder)
    try #require(before.status == 0, "\(before.message)")
    #expect(try folder.document(names[0]) == folder.document("batch.safetensors"))
    #expect(try folder.document(names[1]) == folder.document("model.safetensors"))

    let command = try #require(lines[1].wholeMatch(of: #/nn-train: to make the step again: (.*)/#))
    let again = try Tool.sh(String(command.1), in: folder)
    #expect(again.status == 80)
    #expect(again.message.hasPrefix("\(failure.tool): "), "\(again.message)")
    let words = failure.message.split(separator: ": layer")[0]
    #expect(again.message.contains(words), "\(again.message)")
    #expect(try !folder.names().contains { $0.hasSuffix(".tmp") || $0 == "the end.safetensors" })
  }

  @Test func aGoodRunLeavesNothing() throws {
    let ring = try Ring()
    let before = try ring.folder.names()
    let outcome = try Tool.sh(
      "nn-train train.safetensors -m start.safetensors --rate 0.1 --epochs 9 -o end.safetensors",
      in: ring.folder)
    #expect(outcome.status == 0 && outcome.message == "")
    #expect(try ring.folder.names() == (before + ["end.safetensors"]).sorted())
  }

  /// Without a folder of its own it writes nowhere, and says what to do.
  @Test(arguments: ["| cat", "-o /dev/null"]) func anOutputThatIsNoFileHasNothingBesideIt(
    _ output: String
  ) throws {
    let folder = try folder(Self.failures[0])
    let before = try folder.names()
    let outcome = try Tool.sh(
      "nn-train train.safetensors -m start.safetensors --rate 1 --epochs 1 \(output)", in: folder)
    #expect(
      outcome.message.hasSuffix(
        "\nnn-train: with --output FILE what the step was made of is kept beside it, "
          + "with the command that makes it again\n"))
    #expect(try folder.names() == before)
  }

  /// In a ring the last stage keeps what it has seen, if it is the one that fails.
  @Test func nnUpdateKeepsWhatItHasSeen() throws {
    let folder = try folder(Self.failures[3])
    let outcome = try Tool.sh(
      """
      mkfifo weights
      nn-batch train.safetensors --epochs 9 \
      | nn-forward -m start.safetensors --follow weights --trace | nn-backprop \
      | nn-update -m start.safetensors --rate 1e30 --feedback weights -o next.safetensors
      """, in: folder)
    #expect(outcome.status == 80)
    let advice = try #require(
      outcome.message.firstMatch(of: #/nn-update: to make the step again: (.*)\n/#))
    #expect(
      try folder.names().filter { $0.contains("next") }
        == ["failed.next.gradient.safetensors.gz", "failed.next.model.safetensors.gz"])
    let again = try Tool.sh(String(advice.1), in: folder)
    #expect(again.status == 80)
    #expect(again.message.contains("after the correction: tensor 'dense1.bias'"))
  }

  /// epoch.sh knows the other route, which ends in the same step.
  @Test func theScriptOfTheRingSaysHowToKeepIt() throws {
    let folder = try folder(Self.failures[2])
    let outcome = try Tool.sh(
      "'\(Tool.project.path)/pipelines/scripts/epoch.sh' -m start.safetensors -o 'the next.safetensors' --epoch 1 "
        + "--rate 0.5 --engine ring train.safetensors", in: folder,
      environment: ["NN_BIN": Tool.folder.path])
    #expect(outcome.status == 80, "\(outcome.message)")
    let advice = try #require(
      outcome.message.firstMatch(
        of: #/epoch.sh: to keep the batch and the model at fault: (.*)\n/#),
      "\(outcome.message)")
    let again = try Tool.sh(
      String(advice.1), in: folder, environment: ["NN_BIN": Tool.folder.path])
    #expect(again.status == 80)
    #expect(folder.exists("failed.the next.batch.safetensors.gz"))
  }
}
