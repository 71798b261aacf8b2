import Comparison
import Compute
import Foundation
import Layers
import Tensors
import Testing

struct LSTMTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 1)) }

  /// One unit and one feature.
  @Test func twoStepsMatchHandComputedGatesAndStates() throws {
    let lstm = try layer(LSTM.self, "lstm 1", input: [2, 1])
    let parameters = [
      "weight_ih": Tensor([1, -1, 0.5, 2] as [Double], shape: [4, 1]),
      "weight_hh": Tensor([0.25, 2, -3, 1] as [Double], shape: [4, 1]),
      "bias_ih": Tensor([0.5, 1, -0.25, 0] as [Double]),
      "bias_hh": Tensor([0, 0.5, 0.125, -3] as [Double]),
    ]
    let found = lstm.forward(Tensor([2, -1] as [Double], shape: [1, 2, 1]), parameters, pass)
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let (i1, f1, g1, o1) = (sigmoid(2.5), sigmoid(-0.5), tanh(0.875), sigmoid(1))
    let c1 = i1 * g1
    let h1 = o1 * tanh(c1)
    let i2 = sigmoid(-0.5 + 0.25 * h1)
    let f2 = sigmoid(2.5 + 2 * h1)
    let g2 = tanh(-0.625 - 3 * h1)
    let o2 = sigmoid(-5 + h1)
    let c2 = f2 * c1 + i2 * g2
    let h2 = o2 * tanh(c2)
    let expected = [
      "input_gate": [i1, i2], "forget_gate": [f1, f2], "candidate": [g1, g2],
      "output_gate": [o1, o2], "cell": [c1, c2], "activated_cell": [tanh(c1), tanh(c2)],
      "state": [h1, h2],
    ].mapValues { Tensor($0, shape: [1, 2, 1]) }
    #expect(mismatch(found.kept, expected, relative: 1e-14, absolute: 1e-15) == nil)
    #expect(mismatch(found.sum, Tensor([h2], shape: [1, 1]), relative: 1e-14) == nil)
  }
}
