import Foundation
import Safetensors
import Scratch
import Testing

/// What ends `nn-train` before its last epoch with exit status 0.
@Suite struct TimeLimitTests {
  /// 80 examples in batches of 2: 40 steps an epoch.
  private let ring: Ring
  private let options = [
    "train.safetensors", "--size", "2", "--seed", "1", "--rate", "0.1", "-o", "end.safetensors",
  ]

  init() throws { ring = try Ring() }

  private func train(
    _ model: String, epochs: Int, _ others: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Document {
    let outcome = try Tool.run(
      "nn-train", ["-m", model, "--epochs", "\(epochs)"] + options + others, in: ring.folder)
    #expect(outcome.status == 0 && outcome.message == "", sourceLocation: sourceLocation)
    return try ring.folder.document("end.safetensors")
  }

  /// As many steps as it had time for, and not one that is not whole: the rest makes the same bytes.
  @Test func theModelIsThatOfAShorterRunAndGoesOnTheSame() throws {
    var stopped = try ring.folder.document("start.safetensors")
    // Until it has begun within its limit, which a busy machine may not let it.
    for limit in [0.4, 1, 3, 10] where stopped.metadata["nn.step", default: "0"] == "0" {
      let began = Date()
      stopped = try train("start.safetensors", epochs: 1_000_000, "--time-limit", "\(limit)")
      #expect(Date().timeIntervalSince(began) < limit + 10)
    }
    let steps = try #require(stopped.metadata["nn.step"].flatMap { Int($0) })
    try #require(steps > 0)
    #expect(stopped.metadata["nn.epoch"] == "\(steps / 40)")
    #expect(stopped.metadata["nn.position"] == (steps % 40 == 0 ? nil : "\(steps % 40)"))
    try ring.folder.write("stopped.safetensors", stopped)
    let counted = try train("start.safetensors", epochs: 1_000_000, "--limit", "\(steps)")
    #expect(counted == stopped)
    let last = steps / 40 + 2
    #expect(
      try train("stopped.safetensors", epochs: last) == train("start.safetensors", epochs: last))
  }

  @Test func aTimeThatIsOverBeforeTheFirstStepMakesNone() throws {
    #expect(
      try train("start.safetensors", epochs: 2, "--time-limit", "1e-9")
        == ring.folder.document("start.safetensors"))
  }

  @Test func aTimeThatIsEnoughChangesNothing() throws {
    #expect(
      try train("start.safetensors", epochs: 2, "--time-limit", "3600")
        == train("start.safetensors", epochs: 2))
  }

  /// The losses of the first epochs, as single runs leave them.
  private func losses(_ epochs: Int) throws -> [Double] {
    try (1...epochs).map { epoch in
      let model = try train("start.safetensors", epochs: epoch)
      let sum = try #require(model.metadata["nn.loss"].flatMap(Double.init))
      #expect(model.metadata["nn.examples"] == "80")
      return sum / 80
    }
  }

  @Test func theFirstEpochBelowTheLossIsTheLast() throws {
    let losses = try losses(4)
    var epochs = Set<Int>()
    // Exactly reached is not below.
    for goal in losses.flatMap({ [$0, $0.nextUp] }) {
      guard let index = losses.firstIndex(where: { $0 < goal }) else { continue }
      let model = try train("start.safetensors", epochs: 9, "--target-loss", "\(goal)")
      #expect(model.metadata["nn.epoch"] == "\(index + 1)", "\(goal) of \(losses)")
      #expect(model.metadata["nn.position"] == nil)
      #expect(try train("start.safetensors", epochs: index + 1) == model)
      epochs.insert(index + 1)
    }
    try #require(epochs.count >= 2, "\(losses)")
  }

  /// What it goes by is in the model: an interruption at any step, also behind the epoch that reaches the loss, moves nothing.
  @Test func theLossIsReachedWhereverTheRunWasInterrupted() throws {
    let goal = "\(try losses(2)[1].nextUp)"
    let whole = try train("start.safetensors", epochs: 9, "--target-loss", goal)
    #expect(whole.metadata["nn.step"] == "80")
    for limit in [0, 1, 20, 39, 40, 41, 60, 79, 80] {
      let stopped = try train(
        "start.safetensors", epochs: 9, "--target-loss", goal, "--limit", "\(limit)")
      try ring.folder.write("stopped.safetensors", stopped)
      #expect(
        try train("stopped.safetensors", epochs: 9, "--target-loss", goal) == whole,
        "after \(limit)")
    }
    // Other settings are another training, whose loss is still to be seen.
    let other = try train("end.safetensors", epochs: 9, "--target-loss", goal, "--l2", "0.001")
    #expect(other.metadata["nn.epoch"] == "3")
  }

  @Test func aModelThatCannotTellIsRefused() throws {
    let stopped = try train("start.safetensors", epochs: 9, "--limit", "3")
    try ring.folder.write("stopped.safetensors", stopped)
    try ring.folder.write("old.safetensors", from: "stopped.safetensors") {
      ($0.metadata["nn.loss"], $0.metadata["nn.examples"]) = (nil, nil)
    }
    let arguments = ["-m", "old.safetensors", "--epochs", "9", "--target-loss", "9"] + options
    try expectRefusal(
      "nn-train", arguments, 65,
      "old.safetensors: nn.loss: the model stopped inside an epoch and does not say the loss so far, "
        + "by which --target-loss goes", overOldFile: false, in: ring.folder)
    // Without --target-loss it goes on, and the next epoch is known again.
    let model = try train("old.safetensors", epochs: 1)
    #expect(model.metadata["nn.loss"] == nil && model.metadata["nn.step"] == "40")
    try ring.folder.write("old.safetensors", model)
    #expect(try train("old.safetensors", epochs: 2).metadata["nn.examples"] == "80")
  }

  @Test(arguments: [
    ("--target-loss", "loss<0.05", "a finite number"), ("--target-loss", "nan", "a finite number"),
    ("--target-loss", "", "a finite number"), ("--target-loss", "inf", "a finite number"),
    ("--time-limit", "0", "a finite number above 0"),
    ("--time-limit", "-1", "a finite number above 0"),
    ("--time-limit", "1m", "a finite number above 0"),
  ])
  func whatIsNoLimitIsRefused(_ option: String, _ value: String, _ expected: String) throws {
    try expectRefusal(
      "nn-train", ["-m", "start.safetensors", "--epochs", "1", option, value] + options, 64,
      "\(option): found '\(value)', expected \(expected) (see nn-train --help)", in: ring.folder)
  }
}
