import Comparison
import Compute
import Foundation
import Layers
import Tensors
import Testing

struct GRUTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 1)) }

  /// One unit and one feature; the reset gate acts on the product with its bias.
  @Test func twoStepsMatchHandComputedGatesAndStates() throws {
    let gru = try layer(GRU.self, "gru 1", input: [2, 1])
    let parameters = [
      "weight_ih": Tensor([1, -1, 0.5] as [Double], shape: [3, 1]),
      "weight_hh": Tensor([0.25, 2, -3] as [Double], shape: [3, 1]),
      "bias_ih": Tensor([0.5, 0, -0.25] as [Double]),
      "bias_hh": Tensor([0, 1, 4] as [Double]),
    ]
    let found = gru.forward(Tensor([2, -1] as [Double], shape: [1, 2, 1]), parameters, pass)
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let r1 = sigmoid(2.5)
    let z1 = sigmoid(-1)
    let n1 = tanh(0.75 + r1 * 4)
    let h1 = (1 - z1) * n1
    let r2 = sigmoid(-0.5 + 0.25 * h1)
    let z2 = sigmoid(2 + 2 * h1)
    let p2 = -3 * h1 + 4
    let n2 = tanh(-0.75 + r2 * p2)
    let h2 = (1 - z2) * n2 + z2 * h1
    let expected = [
      "reset_gate": [r1, r2], "update_gate": [z1, z2], "recurrent": [4, p2], "candidate": [n1, n2],
      "state": [h1, h2],
    ].mapValues { Tensor($0, shape: [1, 2, 1]) }
    #expect(mismatch(found.kept, expected, relative: 1e-14, absolute: 1e-15) == nil)
    #expect(mismatch(found.sum, Tensor([h2], shape: [1, 1]), relative: 1e-14) == nil)
  }
}
