import Comparison
import Compute
import Foundation
import Layers
import Tensors
import Testing

struct RNNTests {
  let pass: Context
  let input = Tensor([1, -2, 0.5, 3] as [Double], shape: [1, 2, 2])
  let parameters = [
    "weight_ih": Tensor([0.5, 0.25] as [Double], shape: [1, 2]),
    "weight_hh": Tensor([2] as [Double], shape: [1, 1]),
    "bias_ih": Tensor([0.125] as [Double]),
    "bias_hh": Tensor([-0.375] as [Double]),
  ]

  init() throws { pass = Context(.training, ThreadPool(count: 1)) }

  @Test func twoStepsMatchHandComputedStates() throws {
    let rnn = try layer(RNN.self, "rnn 1 return=all", input: [2, 2])
    // 0.5 − 0.5 + 0.125 − 0.375, then 0.25 + 0.75 − 0.25 + 2 · state.
    let first = tanh(-0.25)
    let second = tanh(0.75 + 2 * first)
    let found = rnn.forward(input, parameters, pass)
    let expected = Tensor([first, second], shape: [1, 2, 1])
    #expect(mismatch(found.sum, expected, relative: 1e-15) == nil)
    #expect(found.kept == ["state": found.sum])
  }

  @Test func twoStepsInReverseMatchHandComputedStates() throws {
    let rnn = try layer(RNN.self, "rnn 1 return=all reverse", input: [2, 2])
    let second = tanh(0.75)
    let first = tanh(-0.25 + 2 * second)
    let found = rnn.forward(input, parameters, pass).sum
    #expect(mismatch(found, Tensor([first, second], shape: [1, 2, 1]), relative: 1e-15) == nil)
  }

  @Test func wayBackMatchesHandComputedGradients() throws {
    let rnn = try layer(RNN.self, "rnn 1", input: [2, 2])
    let found = rnn.backward(
      delta: Tensor([3] as [Double], shape: [1, 1]), input: input,
      kept: rnn.forward(input, parameters, pass).kept, parameters, wantsInputGradient: true, pass)
    let first = tanh(-0.25)
    let second = tanh(0.75 + 2 * first)
    let secondDelta = 3 * (1 - second * second)
    let firstDelta = secondDelta * 2 * (1 - first * first)
    let expected = [
      "weight_ih": Tensor(
        [firstDelta + 0.5 * secondDelta, -2 * firstDelta + 3 * secondDelta], shape: [1, 2]),
      "weight_hh": Tensor([secondDelta * first], shape: [1, 1]),
      "bias_ih": Tensor([firstDelta + secondDelta]),
      "bias_hh": Tensor([firstDelta + secondDelta]),
    ]
    #expect(mismatch(found.parameters, expected, relative: 1e-14) == nil)
    let inputGradient = Tensor(
      [0.5 * firstDelta, 0.25 * firstDelta, 0.5 * secondDelta, 0.25 * secondDelta],
      shape: [1, 2, 2])
    let gradient = try #require(found.inputs[0])
    #expect(mismatch(gradient, inputGradient, relative: 1e-14) == nil)
  }
}
