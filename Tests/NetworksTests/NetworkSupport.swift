import Comparison
import Compute
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

  /// An executor with the problem's parameters.
  func executor(_ keeping: Keeping, _ kernels: LaneKernels? = nil) -> Executor {
    var executor = Executor(network, mode, input.dtype, keeping: keeping, kernels)
    executor.use(parameters)
    return executor
  }

  /// What a forward pass that keeps everything computes.
  func signals(_ workers: ThreadPool) -> Signals {
    var executor = executor(.everything)
    executor.forward(input, target: target, context(workers))
    return Signals(of: executor)
  }

  /// A context in the problem's mode; the rows are the batch's own.
  func context(_ workers: ThreadPool) -> Context {
    let rows = (0..<input.shape[0]).map { UInt64($0) }
    return Context(mode, draws: Draws(seed: 1, epoch: 1, step: 1, rows: rows), workers)
  }

  /// The loss summed over the batch.
  func loss(_ parameters: [String: Tensor], _ workers: ThreadPool) -> Double {
    var executor = executor(.answers)
    executor.use(parameters)
    executor.forward(input, target: target, context(workers))
    return executor.losses.doubles().reduce(0, +)
  }

  /// The gradients, from only what a trace carries.
  func gradients(keepingDeltas: Bool = false, _ workers: ThreadPool) throws -> Gradients {
    try network.checkDerivatives()
    var forward = executor(.training)
    forward.forward(input, target: target, context(workers))
    let trace = forward.traceTensors(brief: false)
    var executor = Executor(
      network, mode, input.dtype, keeping: keepingDeltas ? .everything : .training, nil)
    try executor.load(trace, input: input, brief: false, context(workers))
    executor.backward(target: target, context(workers))
    return Gradients(
      parameters: executor.namedGradients,
      deltas: keepingDeltas ? executor.deltas(workers) : [:])
  }

  func converted(to dtype: DType) -> Problem {
    Problem(
      network: network, input: input.converted(to: dtype), target: target.converted(to: dtype),
      parameters: parameters.mapValues { $0.converted(to: dtype) })
  }
}

/// Compares every gradient of a problem in F64 with central differences.
func expectGradientsOfDifferences(_ problem: Problem, _ workers: ThreadPool) throws {
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
func differences(_ problem: Problem, _ name: String, _ workers: ThreadPool) -> Tensor {
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

/// The tensors of a forward pass by the layers' names.
struct Signals {
  var outputs: [String: Tensor] = [:]
  var sums: [String: Tensor] = [:]
  let output, sum, losses: Tensor

  init(of executor: Executor) {
    for (index, node) in executor.network.nodes.enumerated() {
      (sums[node.name], outputs[node.name]) = executor.tensors(of: index)
    }
    sum = executor.tensors(of: executor.network.nodes.count - 1).sum
    (output, losses) = (executor.output, executor.losses)
  }
}

/// What a backward pass computes.
struct Gradients {
  let parameters, deltas: [String: Tensor]
}

extension Network {
  /// The answer to an input, in use.
  func answer(
    to input: Tensor, _ parameters: [String: Tensor], _ workers: ThreadPool, _ dtype: DType? = nil
  ) -> Tensor {
    var executor = Executor(
      self, .inference, dtype ?? input.dtype, keeping: .answers, nil)
    executor.use(parameters)
    executor.forward(input, target: nil, Context(.inference, workers))
    return executor.output
  }
}
