import Kernels
import Optimizers
import Tensors
import Testing

struct SGDTests {
  let workers: Workers

  init() throws { workers = try Workers(count: 2) }

  @Test func threeStepsMatchThoseByHand() throws {
    let sgd = try optimizer("sgd", rate: 0.5)
    var weight = Tensor([1, -2] as [Float])
    var state: [String: Tensor] = [:]
    var weights: [[Float]] = []
    for (step, gradient) in [[2, -4], [-1, 0.5], [0, 3]].enumerated()
      as EnumeratedSequence<[[Float]]>
    {
      weight = sgd.updated(
        weight, gradient: Tensor(gradient), state: &state, step: step + 1, workers)
      weights.append(weight.values(of: Float.self))
    }
    #expect(weights == [[0, 0], [0.5, -0.25], [0.5, -1.75]])
    #expect(state.isEmpty && sgd.stateNames.isEmpty)
  }

  @Test func rateIsRoundedToTheParametersType() throws {
    var state: [String: Tensor] = [:]
    let sgd = try SGD(rate: 0.1)
    #expect(
      sgd.updated(
        Tensor([0] as [Float]), gradient: Tensor([3] as [Float]), state: &state, step: 1, workers)
        == Tensor([-(0.1 as Float * 3)]))
    #expect(
      sgd.updated(
        Tensor([0] as [Double]), gradient: Tensor([3] as [Double]), state: &state, step: 1, workers)
        == Tensor([-(0.1 as Double * 3)]))
  }

  @Test(arguments: [0, -0.1, Double.nan, .infinity])
  func refusesRate(rate: Double) {
    let fault = #expect(throws: OptimizerFault.self) { try SGD(rate: rate) }
    #expect(fault?.description == "found learning rate \(rate), expected a finite number above 0")
  }

  @Test func refusesAnUnknownRule() {
    let fault = OptimizerFault.unknownRule(found: "adamm")
    #expect(throws: fault) { try optimizer("adamm", rate: 1) }
    #expect(fault.description == "found rule 'adamm', expected one of: sgd")
  }

  @Test func meanDividesByTheExamplesAndSumDoesNot() {
    let gradient = Tensor([3, -1, 0.5] as [Float])
    #expect(
      Reduction.mean.reduced(gradient, examples: 3, workers)
        == Tensor([1, -1.0 / 3, 0.5 / 3] as [Float]))
    #expect(Reduction.sum.reduced(gradient, examples: 3, workers) == gradient)
  }
}
