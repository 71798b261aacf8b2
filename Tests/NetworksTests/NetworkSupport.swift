import Comparison
import Kernels
import Layers
import Networks
import Tensors
import Testing

/// Numbers in [−1, 1) that look random.
func numbers(_ shape: Shape, seed: UInt64) -> Tensor {
  var state = seed &* 0x9E37_79B9_7F4A_7C15
  return Tensor(
    (0..<shape.count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(Int64(bitPattern: state) >> 11) * 0x1p-52
    }, shape: shape)
}

/// A network with a batch and parameters: what one step of training works on.
struct Problem {
  let network: Network
  let input: Tensor
  let target: Tensor
  let parameters: [String: Tensor]
  var mode = Mode.training

  func signals(_ workers: Workers) -> Signals {
    network.forward(input, parameters: parameters, pass(workers))
  }

  /// A pass in its mode; the rows are the batch's own.
  func pass(_ workers: Workers) -> Pass {
    let rows = (0..<input.shape[0]).map { UInt64($0) }
    return Pass(mode, draws: Draws(seed: 1, epoch: 1, step: 1, rows: rows), workers)
  }

  /// The loss summed over the batch.
  func loss(_ parameters: [String: Tensor], _ workers: Workers) -> Double {
    let signals = network.forward(input, parameters: parameters, pass(workers))
    return network.losses(signals, target: target, workers: workers).doubles().reduce(0, +)
  }

  /// The gradients, from only what `backward` says it needs.
  func gradients(keepingDeltas: Bool = false, _ workers: Workers) throws -> Gradients {
    let all = signals(workers)
    let sums = all.sums.filter { network.sumsForBackward.contains($0.key) }
    let needed = parameters.filter { network.parameterNamesForBackward(mode).contains($0.key) }
    try network.checkParametersForBackward(needed, mode, dtype: input.dtype)
    return try network.backward(
      input: input, target: target,
      signals: network.signals(
        outputs: all.outputs, sums: sums, others: all.kept, mode, examples: input.shape[0],
        dtype: input.dtype),
      parameters: needed, keepingDeltas: keepingDeltas, pass(workers))
  }

  func converted(to dtype: DType) -> Problem {
    Problem(
      network: network, input: input.converted(to: dtype), target: target.converted(to: dtype),
      parameters: parameters.mapValues { $0.converted(to: dtype) })
  }
}

/// Compares every gradient of a problem in F64 with central differences.
func expectGradientsOfDifferences(_ problem: Problem, _ workers: Workers) throws {
  let gradients = try problem.gradients(workers).parameters
  #expect(gradients.keys.sorted() == problem.network.parameters.map(\.name).sorted())
  #expect(gradients.values.contains { $0.doubles().contains { abs($0) > 1e-3 } })
  for parameter in problem.network.parameters where parameter.isLearned {
    let expected = differences(problem, parameter.name, workers)
    let gradient = try #require(gradients[parameter.name])
    #expect(
      mismatch(gradient, expected, relative: 1e-7, absolute: 1e-10) == nil, "of \(parameter.name)")
  }
}

/// ∂loss/∂parameter by differences of fourth order, whose error is about 1e-12.
func differences(_ problem: Problem, _ name: String, _ workers: Workers) -> Tensor {
  let h = 1e-3
  let tensor = problem.parameters[name]!
  let values = tensor.doubles()
  return Tensor(
    values.indices.map { index in
      func moved(by step: Double) -> Double {
        var values = values
        values[index] += step
        let moved = [name: Tensor(values, shape: tensor.shape)]
        return problem.loss(problem.parameters.merging(moved) { $1 }, workers)
      }
      return (8 * (moved(by: h) - moved(by: -h)) - (moved(by: 2 * h) - moved(by: -2 * h)))
        / (12 * h)
    }, shape: tensor.shape)
}
