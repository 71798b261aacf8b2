import Kernels
import Layers
import Losses
import Products
import Tensors

/// What training computes in a step, in memory that is kept from step to step: the same as `Network.forward`, `losses` and
/// `backward` with the same layers, without dictionaries and names.
///
/// Everything that depends on the network alone is looked up once. Batches may differ in size; where one is as large as the
/// one before, what it writes goes where that of the one before was.
public struct Workspace: Sendable {
  /// Of every node its parameters, in the order of `names`; in the dtype that is computed in.
  public var parameters: [[Tensor]]

  /// Of every node ∂loss/∂parameter of the last step, summed over the examples; for a running statistic as in `Gradients`.
  public private(set) var gradients: [[Tensor]]

  /// The loss of every example of the last step, [N].
  public private(set) var losses: Tensor

  /// The full names of every node's parameters.
  public let names: [[String]]

  /// How batches are computed example after example; and those whose examples fill registers, where layers gain by it.
  private let plan: WorkspacePlan
  private let lanePlan: WorkspacePlan?
  private let kernels: LaneKernels?
  private let loss: any Loss
  private let derivesBySum: Bool
  private let needsSum: Bool

  /// Those of the last batch's plan.
  private var steps: [WorkspaceStep]
  private var errorsComeInPlace: [Bool]
  private var isInLanes = false
  private var signals: Signals

  /// What a plan's steps leave.
  private struct Signals {
    /// What every step was given before and what left it after its activation.
    var sums: [Tensor]
    var outputs: [Tensor]
    var kept: [[String: Tensor]]
    /// ∂loss/∂output of every step, and whether one has arrived.
    var errors: [Tensor]
    var hasError: [Bool]
    /// The error from one of several takers.
    var spare: Tensor

    init(_ count: Int, _ dtype: DType) {
      spare = Tensor(uninitialized: [0], dtype)
      sums = Array(repeating: spare, count: count)
      (outputs, errors) = (sums, sums)
      kept = Array(repeating: [:], count: count)
      hasError = Array(repeating: false, count: count)
    }
  }

  /// - Parameters:
  ///   - parameters: all of the network's, checked.
  ///   - kernels: those for signals in registers; nil for none.
  public init(
    _ network: Network, parameters: [String: Tensor], dtype: DType, _ kernels: LaneKernels? = .best
  ) {
    plan = WorkspacePlan(network)
    lanePlan = dtype == .f32 ? kernels.flatMap { WorkspacePlan(network, inLanes: $0) } : nil
    self.kernels = kernels
    (steps, errorsComeInPlace) = (plan.steps, plan.errorsComeInPlace)
    names = network.nodes.map { node in node.layer.parameters.map { "\(node.name).\($0.name)" } }
    self.parameters = names.map { names in
      names.map { name in
        guard let tensor = parameters[name] else { preconditionFailure("no parameter '\(name)'") }
        return tensor
      }
    }
    gradients = self.parameters.map { $0.map { Tensor(uninitialized: $0.shape, dtype) } }
    loss = network.loss
    (derivesBySum, needsSum) = (loss.derivesBySum, loss.needsSum)
    losses = Tensor(uninitialized: [0], dtype)
    signals = Signals(steps.count, dtype)
  }

  /// What the network answers.
  public var output: Tensor { signals.outputs[signals.outputs.count - 1] }

  /// Computes all signals and the losses.
  ///
  /// - Parameters: as for `Network.forward` and `Network.losses`; the input may be bytes where `Network.takesBytes`.
  public mutating func forward(_ input: Tensor, target: Tensor, _ pass: Pass) {
    choosePlan(for: input.shape[0])
    for (index, step) in steps.enumerated() {
      // Out of the array, that nothing else in it is written to meanwhile.
      var result = signals.spare
      if step.keepsSum {
        swap(&result, &signals.sums[index])
        compute(step, index, input, into: &result, pass)
        signals.outputs[index].become(copyOf: result)
        swap(&result, &signals.sums[index])
      } else {
        swap(&result, &signals.outputs[index])
        compute(step, index, input, into: &result, pass)
        swap(&result, &signals.outputs[index])
      }
      step.activation.apply(to: &signals.outputs[index], pass.workers)
    }
    let last = steps.count - 1
    loss.values(
      output: signals.outputs[last], sum: needsSum ? signals.sums[last] : nil, target: target,
      into: &losses, pass.workers)
  }

  private mutating func choosePlan(for examples: Int) {
    let isInLanes = lanePlan != nil && kernels?.suit(examples) == true
    if isInLanes == self.isInLanes { return }
    self.isInLanes = isInLanes
    let plan = isInLanes ? lanePlan ?? plan : plan
    (steps, errorsComeInPlace) = (plan.steps, plan.errorsComeInPlace)
    signals = Signals(steps.count, losses.dtype)
  }

  /// What a step's layer gives.
  private mutating func compute(
    _ step: WorkspaceStep, _ index: Int, _ input: Tensor, into result: inout Tensor, _ pass: Pass
  ) {
    let first = step.source < 0 ? input : signals.outputs[step.source]
    switch step.work {
    case .inPlace(let layer):
      layer.forward(first, parameters[step.node], into: &result, pass)
    case .layer(let layer):
      let found = layer.forward(
        inputs(of: step, input), named(step.parameterNames, of: step), pass.at(step.name))
      signals.kept[index] = found.kept
      result = found.sum
    case .spread(let kernels):
      kernels.spread(first, into: &result, pass.workers)
    case .collect(let kernels, let shape):
      kernels.collect(first, as: shape, into: &result, pass.workers)
    }
  }

  /// Computes all gradients from the signals of the last `forward`, which must have been given the same.
  ///
  /// The network must have passed `checkDerivatives`.
  public mutating func backward(_ input: Tensor, target: Tensor, _ pass: Pass) {
    let last = steps.count - 1
    for index in stride(from: last, through: 0, by: -1) where steps[index].carriesError {
      let step = steps[index]
      if index == last {
        loss.derivative(
          output: signals.outputs[last], target: target, into: &signals.errors[last], pass.workers)
      }
      if index < last || !derivesBySum {
        step.activation.makeDelta(
          of: &signals.errors[index], sum: step.activationNeedsSum ? signals.sums[index] : nil,
          output: signals.outputs[index], pass.workers)
      }
      signals.hasError[index] = false
      passBack(step, index, input, pass)
      // Memory that nobody would write to again is given back at once.
      if !errorsComeInPlace[index] { signals.errors[index] = signals.spare }
    }
  }

  private mutating func passBack(
    _ step: WorkspaceStep, _ index: Int, _ input: Tensor, _ pass: Pass
  ) {
    let source = step.source < 0 ? input : signals.outputs[step.source]
    switch step.work {
    case .inPlace(let layer):
      let delta = signals.errors[index]
      layer.backward(delta: delta, input: source, into: &gradients[step.node], pass)
      let parameters = parameters[step.node]
      passError(to: step, pass) {
        layer.inputGradient(delta: delta, input: source, parameters, into: &$0, pass)
      }
    case .layer(let layer):
      passBack(layer, step, index, input, pass)
    case .spread(let kernels):
      let (delta, shape) = (signals.errors[index], source.shape.perExample)
      passError(to: step, pass) { kernels.collect(delta, as: shape, into: &$0, pass.workers) }
    case .collect(let kernels, _):
      let delta = signals.errors[index]
      passError(to: step, pass) { kernels.spread(delta, into: &$0, pass.workers) }
    }
  }

  /// Passes back to a step's only source what `make` writes.
  private mutating func passError(
    to step: WorkspaceStep, _ pass: Pass, _ make: (inout Tensor) -> Void
  ) {
    guard step.wanted[0] else { return }
    if signals.hasError[step.source] {
      make(&signals.spare)
      signals.errors[step.source].combine(with: signals.spare, by: Addition(), pass.workers)
    } else {
      make(&signals.errors[step.source])
      signals.hasError[step.source] = true
    }
  }

  private mutating func passBack(
    _ layer: any Layer, _ step: WorkspaceStep, _ index: Int, _ input: Tensor, _ pass: Pass
  ) {
    let found = layer.backward(
      delta: signals.errors[index], inputs: inputs(of: step, input), kept: signals.kept[index],
      named(step.parametersForBackward, of: step), wanted: step.wanted, pass.at(step.name))
    for (place, name) in step.parameterNames.enumerated() {
      guard let gradient = found.parameters[name] else { continue }
      gradients[step.node][place] = gradient
    }
    for (source, error) in zip(step.sources, found.inputs) {
      guard source >= 0, let error else { continue }
      let shaped = error.reshaped(signals.outputs[source].shape)
      if signals.hasError[source] {
        signals.errors[source].combine(with: shaped, by: Addition(), pass.workers)
      } else {
        signals.errors[source] = shaped
        signals.hasError[source] = true
      }
    }
  }

  private func inputs(of step: WorkspaceStep, _ input: Tensor) -> [Tensor] {
    step.sources.map { $0 < 0 ? input : signals.outputs[$0] }
  }

  /// Some of a step's parameters by their names within its node.
  private func named(_ wanted: [String], of step: WorkspaceStep) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in zip(step.parameterNames, parameters[step.node])
    where wanted.contains(name) {
      result[name] = tensor
    }
    return result
  }
}
