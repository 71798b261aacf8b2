import Foundation
import Testing

@testable import Optimizers

struct ScheduleTests {
  /// What PyTorch's schedulers made of a rate of 1, step by step.
  struct Case: Decodable, CustomTestStringConvertible {
    struct Options: Decodable {
      let schedule: String
      let every, patience: Int?
      let factor, final, warmUp: Double?

      enum CodingKeys: String, CodingKey {
        case schedule, every = "schedule-every", factor = "schedule-factor", final = "final-factor"
        case patience = "schedule-patience", warmUp = "warmup-epochs"
      }
    }

    let options: Options
    let epochs, steps: Int
    let factors, losses: [Double]
    var testDescription: String { "\(options), \(epochs) x \(steps)" }

    func schedule() throws -> Schedule {
      let course: Schedule.Decay
      switch options.schedule {
      case "constant": course = .constant
      case "step":
        course = .step(
          every: try #require(options.every), factor: try #require(options.factor))
      case "exponential": course = .exponential(factor: try #require(options.factor))
      case "cosine": course = .cosine(epochs: epochs, final: options.final ?? 0)
      case "one-cycle": course = .oneCycle(epochs: epochs)
      default:
        course = .plateau(
          factor: options.factor ?? 0.5, patience: try #require(options.patience))
      }
      return Schedule(course, warmUp: options.warmUp ?? 0)
    }
  }

  private struct Oracle: Decodable { let schedules: [Case] }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/optimizers.json")
    return try JSONDecoder().decode(Oracle.self, from: Data(contentsOf: file)).schedules
  }

  @Test func oracleIsComplete() throws { #expect(try Self.cases().count == 11) }

  @Test(arguments: try cases()) func ratesAreThoseOfPyTorch(_ expected: Case) throws {
    let schedule = try expected.schedule()
    var losses = [Int: Double]()
    var found = [Double]()
    for epoch in 1...expected.epochs {
      for step in 1...expected.steps {
        found.append(
          try schedule.factor(
            at: TrainingPosition(epoch: epoch, step: step, steps: expected.steps), losses: losses))
      }
      if !expected.losses.isEmpty { losses[epoch] = expected.losses[epoch - 1] }
    }
    #expect(found.count == expected.factors.count)
    for (found, expected) in zip(found, expected.factors) {
      #expect(abs(found - expected) <= 1e-12)
    }
  }

  @Test func plateauCountsOnlyWhatWasMeasuredBefore() throws {
    let schedule = Schedule(.plateau(factor: 0.5, patience: 1))
    // 1, then no better twice, which is once more than is borne; then twice again.
    let losses = [1: 1.0, 2: 1, 3: 0.99995, 4: 1, 5: 1, 6: 0.5]
    let factors = try (1...7).map {
      try schedule.factor(at: TrainingPosition(epoch: $0, step: 2, steps: 3), losses: losses)
    }
    #expect(factors == [1, 1, 1, 0.5, 0.5, 0.25, 0.25])
    // Of a model that was trained before anyone measured, the first known loss is the first.
    #expect(
      try schedule.factor(at: TrainingPosition(epoch: 9, step: 1, steps: 3), losses: [8: 1]) == 1)
  }

  @Test func aSingleStepTakesThePeakOfOneCycle() throws {
    let place = TrainingPosition(epoch: 1, step: 1, steps: 1)
    #expect(try Schedule(.oneCycle(epochs: 1)).factor(at: place, losses: [:]) == 1)
  }

  @Test func refusesToGuess() throws {
    let place = TrainingPosition(epoch: 4, step: 1, steps: 2)
    for course in [Schedule.Decay.cosine(epochs: 3, final: 0), .oneCycle(epochs: 3)] {
      #expect(throws: ScheduleError.behindEnd(epoch: 4, epochs: 3)) {
        try Schedule(course).factor(at: place, losses: [:])
      }
    }
    #expect(throws: ScheduleError.noLoss(epoch: 3)) {
      try Schedule(.plateau(factor: 0.5, patience: 2)).factor(at: place, losses: [2: 1])
    }
    #expect(
      ScheduleError.behindEnd(epoch: 4, epochs: 3).description
        == "nn.epoch: found 4, but the schedule ends with epoch 3 (--schedule-epochs)")
    #expect(
      ScheduleError.noLoss(epoch: 3).description
        == "nn.validation: no loss for epoch 3, by which --schedule plateau goes (--validation-loss)"
    )
  }
}
