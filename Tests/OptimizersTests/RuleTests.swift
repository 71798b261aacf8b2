import Comparison
import Compute
import Tensors
import Testing

@testable import Optimizers

/// Three steps of one weight by hand.
private struct Steps: CustomTestStringConvertible, Sendable {
  let rule: String
  let settings: [RuleSetting: Double]
  let gradients: [Double]
  /// What is left of 1 after each step.
  let weights: [Double]
  /// What the rule keeps after the last.
  let state: [Double]

  var testDescription: String { rule }
}

// What the first step takes, and of Adam's others the second, and the third gives back.
private let third = 1.0 / 3
private let second = third / (1 + (12.0 / 7).squareRoot())
private let last = 3.0 / 7 / (1 + 1.25 / (37.0 / 64).squareRoot())

private let threeSteps: [Steps] = [
  Steps(rule: "sgd", settings: [:], gradients: [2, -1, 0.5], weights: [0, 0.5, 0.25], state: []),
  // Velocities 2, 2, 1.
  Steps(
    rule: "momentum", settings: [.momentum: 0.5], gradients: [2, 1, 0], weights: [0, -1, -1.5],
    state: [1]),
  // The same velocities; 2 + 1, 1 + 1, 0 + 0.5 are taken, times the rate.
  Steps(
    rule: "nesterov", settings: [.momentum: 0.5], gradients: [2, 1, 0],
    weights: [-0.5, -1.5, -1.75], state: [1]),
  // Sums 9, 25, 25: 3 / 4, 4 / 6 and 0, times the rate.
  Steps(
    rule: "adagrad", settings: [.epsilon: 1], gradients: [3, 4, 0],
    weights: [0.625, 0.625 - third, 0.625 - third], state: [25]),
  // Means 1, 1, 0.75: 2 / 2, 1 / 2 and 0, times the rate.
  Steps(
    rule: "rmsprop", settings: [.alpha: 0.75, .epsilon: 1], gradients: [2, 1, 0],
    weights: [0.5, 0.25, 0.25], state: [0.75]),
  // First moments 1, 0.5, −0.75 over 0.5, 0.75, 0.875; second ones 1, 0.75, 1.5625 over 1/4, 7/16, 37/64.
  Steps(
    rule: "adam", settings: [.beta1: 0.5, .beta2: 0.75, .epsilon: 1], gradients: [2, 0, -2],
    weights: [1 - third, 1 - third - second, 1 - third - second + last],
    state: [-0.75, 1.5625]),
  // Directions of 1, −0.25 and −1.9375; means 0.5, 0.125, −0.90625.
  Steps(
    rule: "lion", settings: [.beta1: 0.5, .beta2: 0.75], gradients: [2, -1, -4],
    weights: [0.5, 1, 1.5], state: [-0.90625]),
]

struct RuleTests {
  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  @Test(arguments: threeSteps, [DType.f32, .f64])
  private func threeStepsMatchThoseByHand(_ expected: Steps, _ dtype: DType) throws {
    try check(expected, optimizer(expected.rule, rate: 0.5, expected.settings), dtype)
  }

  /// Of every length that fills registers and not, the numbers that the loop gives, and whether they are finite: in their place, and
  /// where somebody else holds the parameter.
  @Test(arguments: LaneKernels.supported)
  func descentInRegistersIsThatOfTheLoop(_ kernel: LaneKernels) throws {
    let special: [Float] = [0, -0.0, 1e-45, -1e-38, 3e38, -3e38, .infinity, .nan]
    for count in [1, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 40_000] {
      // Of several pieces one number for all that is special, in the second and in the last.
      let isLong = count > elementsPerPiece
      for place in [nil, isLong ? nil : 0, count / 2, count - 1] as [Int?] {
        for value in place == nil ? [1] : isLong ? [.nan] : special {
          func tensor(_ factor: Float) -> Tensor {
            var values = (0..<count).map { Float($0 &* 7919 % 1009 - 500) * factor }
            if let place { values[place] = value }
            return Tensor(values)
          }
          func corrected(_ kernel: LaneKernels?, isShared: Bool) -> (Tensor, Bool) {
            let parameter = tensor(0.37)
            var correction = Correction(
              of: isShared ? parameter : tensor(0.37), by: tensor(-1e-3), state: [],
              Preparation(divisor: 64))
            correction.descend(rate: 0.05, workers, with: kernel)
            return (correction.parameter, correction.isFinite)
          }
          let expected = corrected(nil, isShared: false)
          for isShared in [false, true] {
            let found = corrected(kernel, isShared: isShared)
            #expect(found.1 == expected.1)
            #expect(
              found.0.withUnsafeBytes { Array($0) } == expected.0.withUnsafeBytes { Array($0) })
          }
        }
      }
    }
  }

  @Test func adamwIsAdamBesidesItsDecay() throws {
    let adam = try #require(threeSteps.first { $0.rule == "adam" })
    try check(adam, AdamW(rate: 0.5, adam.settings), .f64)
    #expect(AdamW.defaultDecay == 0.01 && Adam.defaultDecay == 0)
  }

  private func check(_ expected: Steps, _ rule: any Optimizer, _ dtype: DType) throws {
    let kind = type(of: rule)
    func tensor(_ values: [Double]) -> Tensor { Tensor(values).converted(to: dtype) }
    // Beside it a weight whose gradient is 0, which no rule may move.
    var weight = tensor([1, 3])
    var state = kind.stateNames.map { _ in Tensor(zeros: [2], dtype) }
    for (index, gradient) in expected.gradients.enumerated() {
      var corrected = Correction(
        of: weight, by: tensor([gradient, 0]), state: state, Preparation())
      rule.correct(&corrected, rate: rule.rate, step: index + 1, workers)
      (weight, state) = (corrected.parameter, corrected.state)
      let tolerance = dtype == .f64 ? 1e-15 : 1e-6
      #expect(
        mismatch(weight, Tensor([expected.weights[index], 3]), absolute: tolerance) == nil)
    }
    #expect(state.map { $0.doubles() } == expected.state.map { [$0, 0] })
  }

  @Test func whatComesBeforeTheRuleMatchesAComputationByHand() throws {
    // 8 / 2 and −1 / 2, bounded by 1, halved: 0.5 and −0.25; then + 0.5 · weight and ± 0.25: 2.75 and −2.5. Of the
    // weights three quarters remain: 3 − 2.75 and −3 + 2.5.
    var preparation = Preparation(divisor: 2)
    preparation.bound = 1
    preparation.factor = 0.5
    preparation.l2 = 0.5
    preparation.l1 = 0.25
    preparation.kept = 0.75
    var corrected = Correction(
      of: Tensor([4, -4, 0] as [Double]), by: Tensor([8, -1, 0] as [Double]), state: [],
      preparation)
    try SGD(rate: 1).correct(&corrected, rate: 1, step: 1, workers)
    #expect(corrected.parameter.doubles() == [0.25, -0.5, 0])
  }

  /// Of a mean that is a division, and of one that is a product.
  @Test(arguments: optimizerWords, [7, 8])
  func piecesAndThreadsChangeNothing(_ word: String, _ examples: Int) throws {
    let count = 2 * elementsPerPiece + 77
    func tensor(_ factor: Int) -> Tensor {
      Tensor((0..<count).map { Float($0 * factor % 1013) / 1013 - 0.5 })
    }
    let rule = try optimizer(word, rate: 0.1)
    var states = [[Tensor]]()
    for threads in [1, 3] {
      var weight = tensor(37)
      var state = type(of: rule).stateNames.map { _ in Tensor(zeros: weight.shape, .f32) }
      for step in 1...2 {
        var corrected = Correction(
          of: weight, by: tensor(101 * step), state: state, Preparation(divisor: examples))
        rule.correct(&corrected, rate: 0.1, step: step, ThreadPool(count: threads))
        (weight, state) = (corrected.parameter, corrected.state)
      }
      states.append([weight] + state)
    }
    #expect(states[0] == states[1])
  }

  @Test func rateIsRoundedToTheParametersType() throws {
    func step(_ zero: Tensor, _ gradient: Tensor) throws -> Tensor {
      var corrected = Correction(of: zero, by: gradient, state: [], Preparation())
      try SGD(rate: 0.1).correct(&corrected, rate: 0.1, step: 1, workers)
      return corrected.parameter
    }
    #expect(
      try step(Tensor([0] as [Float]), Tensor([3] as [Float])) == Tensor([-(0.1 as Float * 3)]))
    #expect(
      try step(Tensor([0] as [Double]), Tensor([3] as [Double])) == Tensor([-(0.1 as Double * 3)]))
  }

  @Test func meanDividesByTheExamplesAndSumDoesNot() {
    #expect(Reduction.mean.divisor(examples: 3) == 3)
    #expect(Reduction.sum.divisor(examples: 3) == 1)
  }

  @Test func descriptionStatesTheSettingsThatDecide() throws {
    #expect(try optimizer("sgd", rate: 0.1).description == "sgd rate=0.1")
    #expect(
      try optimizer("rmsprop", rate: 1, [.epsilon: 0.25]).description
        == "rmsprop rate=1 alpha=0.99 epsilon=0.25")
    #expect(
      try optimizer("adam", rate: 0.001).description
        == "adam rate=0.001 beta1=0.9 beta2=0.999 epsilon=1e-08")
  }

  @Test(arguments: [0, -0.1, Double.nan, .infinity])
  func refusesRate(rate: Double) {
    let fault = #expect(throws: OptimizerError.self) { try SGD(rate: rate) }
    #expect(fault?.description == "found learning rate \(rate), expected a finite number above 0")
  }

  @Test func refusesSettingsOutOfRangeOrOfAnotherRule() {
    func message(_ word: String, _ given: [RuleSetting: Double]) -> String? {
      #expect(throws: OptimizerError.self) { try optimizer(word, rate: 1, given) }?.description
    }
    let part = "expected a number from 0 to below 1"
    #expect(message("momentum", [.momentum: 1]) == "found momentum 1.0, \(part)")
    #expect(message("adam", [.beta1: -0.1]) == "found beta1 -0.1, \(part)")
    #expect(message("rmsprop", [.alpha: .nan]) == "found alpha nan, \(part)")
    #expect(
      message("adam", [.epsilon: 0]) == "found epsilon 0.0, expected a finite number above 0")
    #expect(
      message("sgd", [.beta1: 0.5])
        == "found beta1 for the rule sgd, which adam or adamw or lion take")
  }

  @Test func refusesAnUnknownRule() {
    let fault = OptimizerError.unknownRule(found: "adamm")
    #expect(throws: fault) { try optimizer("adamm", rate: 1) }
    #expect(
      fault.description == "found rule 'adamm', expected one of: sgd momentum nesterov adagrad "
        + "rmsprop adam adamw lion")
  }
}

struct GradientNormTests {
  @Test func normIsThatOfAllTensorsTogether() throws {
    let workers = ThreadPool(count: 2)
    let gradients = [Tensor([6, 0] as [Float]), Tensor([-8] as [Double])]
    #expect(gradientNorm(of: gradients, divisor: 1, bound: .infinity, workers) == 10)
    #expect(gradientNorm(of: gradients, divisor: 2, bound: .infinity, workers) == 5)
    // 3 and −4, the latter bounded to −3.
    #expect(gradientNorm(of: gradients, divisor: 2, bound: 3, workers) == 18.0.squareRoot())
    #expect(gradientNorm(of: [], divisor: 1, bound: .infinity, workers) == 0)
  }

  @Test func nothingIsLostInASumOfManyElements() throws {
    // 1 and many times 2⁻²⁶, each of which F32 would lose.
    // In three pieces.
    let count = 2 * elementsPerPiece + 1000
    let values = [1] + [Float](repeating: 0x1p-13, count: count)
    for threads in [1, 3] {
      let norm = gradientNorm(
        of: [Tensor(values)], divisor: 1, bound: .infinity, ThreadPool(count: threads))
      #expect(norm == (1 + Double(count) * 0x1p-26).squareRoot())
    }
  }

  @Test func clippingShrinksAndNeverGrows() {
    #expect(clippingFactor(norm: 0.5, largest: 1) == 1)
    #expect(clippingFactor(norm: 0, largest: 1) == 1)
    #expect(clippingFactor(norm: 4, largest: 1) == 1 / (4 + 1e-6))
  }
}
