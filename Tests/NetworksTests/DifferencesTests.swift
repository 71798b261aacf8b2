import Comparison
import Compute
import Layers
import Networks
import Tensors
import Testing

/// Every gradient against central differences of the loss, in F64.
struct DifferencesTests {
  /// Layers, their activation, and an ending that is legal: last activation and loss.
  struct Kind: CustomTestStringConvertible, Sendable {
    let depth: Int
    let activation, ending, loss: String
    var testDescription: String { "\(depth) layers, \(activation), \(ending), \(loss)" }

    /// Widths that all differ, so that no two axes can be exchanged unseen.
    var topology: String {
      let hidden = [6, 4, 3].prefix(depth - 1).map { "dense \($0) \(activation)\n" }.joined()
      return "input 5\nscale 1.5\n\(hidden)dense 2 \(ending)\nloss \(loss)\n"
    }
  }

  static let kinds: [Kind] = {
    let smooth = activations.map(\.word).filter { $0 != "step" }
    let endings =
      smooth.map { ($0, "squared") } + [
        ("softmax", "cross-entropy"), ("sigmoid", "binary-cross-entropy"),
        ("softmax", "cross-entropy smoothing=0.1 weights=2,0.75"),
      ]
    return endings.flatMap { ending, loss in
      [Kind(depth: 1, activation: "none", ending: ending, loss: loss)]
        + (2...4).flatMap { depth in
          smooth.map { Kind(depth: depth, activation: $0, ending: ending, loss: loss) }
        }
    }
  }()

  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 1) }

  @Test func everyPairingIsThere() {
    #expect(Self.kinds.count == 17 * 43)
  }

  @Test(arguments: kinds)
  func gradientsAreThoseOfCentralDifferences(kind: Kind) throws {
    let problem = try problem(kind)
    try expectGradientsOfDifferences(problem, workers)
  }

  @Test func deltasAreTheDerivativesOfTheLossByTheSums() throws {
    // A bias is added to its sum, so that with one example its gradient is the delta.
    let kind = Kind(depth: 3, activation: "tanh", ending: "softmax", loss: "squared")
    let batch = try problem(kind)
    for example in 0..<batch.input.shape[0] {
      let problem = Problem(
        network: batch.network, input: batch.input.rows(example..<example + 1),
        target: batch.target.rows(example..<example + 1), parameters: batch.parameters)
      let deltas = try problem.gradients(keepingDeltas: true, workers).deltas
      for name in ["dense1", "dense2", "dense3"] {
        let delta = try #require(deltas["\(name).delta"])
        let expected = differences(problem, "\(name).bias", workers)
        #expect(
          mismatch(delta.reshaped(expected.shape), expected, relative: 1e-7, absolute: 1e-10)
            == nil)
      }
      let names = [
        "dense1.delta", "dense1.derivative", "dense1.error", "dense2.delta", "dense2.derivative",
        "dense2.error", "dense3.delta", "dense3.error",
      ]
      #expect(deltas.keys.sorted() == names)
    }
  }

  /// Where an activation or its slope has a kink.
  private static let kinks: [String: [Double]] = [
    "relu": [0], "leaky-relu": [0], "elu": [0], "selu": [0], "softsign": [0],
    "hard-sigmoid": [-3, 3],
  ]

  /// Random numbers for which no sum lies so near a kink that a difference would cross it.
  private func problem(_ kind: Kind) throws -> Problem {
    let network = try Network(topology: kind.topology)
    for seed in 1..<100 as Range<UInt64> {
      var parameters: [String: Tensor] = [:]
      for (index, parameter) in network.parameters.enumerated() {
        parameters[parameter.name] = numbers(parameter.shape, seed: 100 * seed + UInt64(index))
      }
      var target = numbers([3, 2], seed: 7)
      if kind.loss != "squared" {
        target = Tensor([0.25, 0.75, 1, 0, 0.5, 0.5] as [Double], shape: [3, 2])
      }
      let problem = Problem(
        network: network, input: numbers([3, 5], seed: 1000 * seed), target: target,
        parameters: parameters)
      let signals = problem.signals(workers)
      let isClear = network.nodes.allSatisfy { node in
        let kinks = Self.kinks[node.activation.word] ?? []
        return signals.sums[node.name]!.doubles().allSatisfy { sum in
          kinks.allSatisfy { abs(sum - $0) > 0.02 }
        } && (kinks.isEmpty || signals.outputs[node.name]!.doubles().contains { $0 > 0 })
      }
      if isClear { return problem }
    }
    throw NoClearProblem(kind: kind)
  }

  struct NoClearProblem: Error { let kind: Kind }
}
