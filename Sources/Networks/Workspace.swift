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

  /// Of every node, once `backward` was called, ∂loss/∂parameter of the last step, summed over the examples; for a running statistic as in `Gradients`.
  public private(set) var gradients: [[Tensor]]

  /// The loss of every example of the last step, [N].
  public private(set) var losses: Tensor

  /// The full names of every node's parameters.
  public let names: [[String]]

  let network: Network
  /// How batches are computed example after example; and those whose examples fill registers, where layers gain by it.
  private let plan: Plan
  private let lanePlan: Plan?
  let kernels: LaneKernels?
  private let loss: any Loss
  private let derivesBySum: Bool
  private let needsSum: Bool

  /// Those of the last batch's plan.
  private(set) var steps: [PlanStep]
  private var errorsComeInPlace: [Bool]
  private(set) var isInLanes = false
  /// Empty until somebody asks.
  private var handovers: [Handover] = []
  var signals: StepSignals
  /// What stands in an array for a tensor that is being written to.
  let none: Tensor

  /// What a plan's steps leave.
  struct StepSignals {
    /// What every step was given before and what left it after its activation.
    var sums: [Tensor]
    var outputs: [Tensor]
    var kept: [[String: Tensor]]
    /// What layers noted that note something, in bytes.
    var notes: [Tensor]
    /// ∂loss/∂output of every step, and whether one has arrived.
    var errors: [Tensor]
    var hasError: [Bool]
    /// The error from one of several takers.
    var spare: Tensor

    init(_ count: Int, _ dtype: DType) {
      spare = Tensor(uninitialized: [0], dtype)
      sums = Array(repeating: spare, count: count)
      (outputs, errors) = (sums, sums)
      notes = Array(repeating: Tensor(uninitialized: [0], .u8), count: count)
      kept = Array(repeating: [:], count: count)
      hasError = Array(repeating: false, count: count)
    }
  }

  /// A workspace whose parameters are to be given to it.
  ///
  /// - Parameter kernels: those for signals in registers; nil for none.
  public init(_ network: Network, dtype: DType, _ kernels: LaneKernels? = .best) {
    self.network = network
    plan = Plan(network)
    lanePlan = dtype == .f32 ? kernels.flatMap { Plan(network, inLanes: $0) } : nil
    self.kernels = kernels
    (steps, errorsComeInPlace) = (plan.steps, plan.errorsComeInPlace)
    names = network.nodes.map { node in node.layer.parameters.map { "\(node.name).\($0.name)" } }
    none = Tensor(uninitialized: [0], dtype)
    let none = none
    parameters = names.map { $0.map { _ in none } }
    gradients = []
    loss = network.loss
    (derivesBySum, needsSum) = (loss.derivesBySum, loss.needsSum)
    losses = none
    signals = StepSignals(steps.count, dtype)
  }

  /// - Parameters:
  ///   - parameters: all of the network's, checked.
  ///   - kernels: those for signals in registers; nil for none.
  public init(
    _ network: Network, parameters: [String: Tensor], dtype: DType,
    _ kernels: LaneKernels? = .best
  ) {
    self.init(network, dtype: dtype, kernels)
    use(parameters)
  }

  /// Goes on with other parameters.
  ///
  /// - Parameter named: all of the network's, checked.
  public mutating func use(_ named: [String: Tensor]) {
    for (node, names) in names.enumerated() {
      for (place, name) in names.enumerated() {
        guard let tensor = named[name] else { preconditionFailure("no parameter '\(name)'") }
        parameters[node][place] = tensor
      }
    }
  }

  var plans: [Plan] { [plan] + [lanePlan].compactMap { $0 } }

  /// What is computed in.
  public var dtype: DType { none.dtype }

  /// What the network answers.
  public var output: Tensor { signals.outputs[signals.outputs.count - 1] }

  /// Computes all signals and the losses.
  ///
  /// - Parameters: as for `Network.forward` and `Network.losses`; the input may be bytes where `Network.takesBytes`.
  public mutating func forward(_ input: Tensor, target: Tensor, _ pass: Pass) {
    begin(input, pass)
    finish(input, target: target, pass)
  }

  mutating func judge(_ target: Tensor, _ pass: Pass) {
    let last = steps.count - 1
    loss.values(
      output: signals.outputs[last], sum: needsSum ? signals.sums[last] : nil, target: target,
      into: &losses, pass.workers)
  }

  /// One step and its activation.
  @inline(__always)
  mutating func compute(_ step: PlanStep, _ index: Int, _ input: Tensor, _ pass: Pass) {
    if case .inPlace(let layer) = step.work {
      let input = step.source < 0 ? input : signals.outputs[step.source]
      if step.keepsSum {
        layer.forward(input, parameters[step.node], into: &signals.sums[index], pass)
      } else {
        layer.forward(input, parameters[step.node], into: &signals.outputs[index], pass)
      }
    } else {
      forward(step, index, input, pass)
    }
    if step.keepsSum { signals.outputs[index].become(copyOf: signals.sums[index]) }
    step.activation.apply(to: &signals.outputs[index], pass.workers)
  }

  /// Of a step that is not a layer in place: those are most of the smallest networks, and need no detour.
  private mutating func forward(
    _ step: PlanStep, _ index: Int, _ input: Tensor, _ pass: Pass
  ) {
    // Out of the array, that nothing else in it is written to meanwhile.
    var sum = none
    swap(&sum, &signals.outputs[index])
    if case .noting(let layer) = step.work {
      let input = step.source < 0 ? input : signals.outputs[step.source]
      layer.forward(
        input, parameters[step.node], noting: &signals.notes[index], into: &sum, pass)
    } else {
      let parameters = step.node < 0 ? [] : parameters[step.node]
      signals.kept[index] = step.forward(signals.outputs, input, parameters, into: &sum, pass)
    }
    if step.keepsSum {
      swap(&sum, &signals.sums[index])
    } else {
      swap(&sum, &signals.outputs[index])
    }
  }

  mutating func choosePlan(for examples: Int) {
    let isInLanes = lanePlan != nil && kernels?.suit(examples) == true
    if isInLanes != self.isInLanes { choosePlan(inLanes: isInLanes) }
  }

  mutating func choosePlan(inLanes isInLanes: Bool) {
    self.isInLanes = isInLanes
    let plan = isInLanes ? lanePlan ?? plan : plan
    (steps, errorsComeInPlace) = (plan.steps, plan.errorsComeInPlace)
    (signals, handovers) = (StepSignals(steps.count, none.dtype), [])
  }

  /// Of every step of the last batch's plan how its output is handed over.
  mutating func currentHandovers() -> [Handover] {
    if handovers.isEmpty { handovers = Handover.ofSteps(steps) }
    return handovers
  }

  /// Computes all gradients from the signals of the last `forward`, which must have been given the same.
  ///
  /// The network must have passed `checkDerivatives`.
  public mutating func backward(_ input: Tensor, target: Tensor, _ pass: Pass) {
    if gradients.isEmpty { makeGradients() }
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

  /// Memory for them, which who only goes forward does without.
  private mutating func makeGradients() {
    gradients = network.nodes.map { node in
      node.layer.parameters.map { Tensor(uninitialized: $0.shape, dtype) }
    }
  }

  private mutating func passBack(
    _ step: PlanStep, _ index: Int, _ input: Tensor, _ pass: Pass
  ) {
    if case .layer(let layer) = step.work { return passBack(layer, step, index, input, pass) }
    let source = step.source < 0 ? input : signals.outputs[step.source]
    if case .inPlace(let layer) = step.work {
      layer.backward(
        delta: signals.errors[index], input: source, into: &gradients[step.node], pass)
    } else if case .noting(let layer) = step.work {
      layer.backward(
        delta: signals.errors[index], input: source, noted: signals.notes[index],
        into: &gradients[step.node], pass)
    }
    guard step.wanted[0] else { return }
    let delta = signals.errors[index]
    // To the source's own memory, or, where an error has come to that before, to the spare one.
    let isSecond = signals.hasError[step.source]
    var error = none
    if isSecond {
      swap(&error, &signals.spare)
    } else {
      swap(&error, &signals.errors[step.source])
    }
    switch step.work {
    case .layer: break
    case .inPlace(let layer):
      layer.inputGradient(
        delta: delta, input: source, parameters[step.node], into: &error, pass)
    case .noting(let layer):
      layer.inputGradient(
        delta: delta, input: source, noted: signals.notes[index], parameters[step.node],
        into: &error, pass)
    case .spread(let kernels):
      kernels.collect(delta, as: source.shape.perExample, into: &error, pass.workers)
    case .collect(let kernels, _):
      kernels.spread(delta, into: &error, pass.workers)
    }
    if isSecond {
      swap(&error, &signals.spare)
      signals.errors[step.source].combine(with: signals.spare, by: Addition(), pass.workers)
    } else {
      swap(&error, &signals.errors[step.source])
      signals.hasError[step.source] = true
    }
  }

  private mutating func passBack(
    _ layer: any Layer, _ step: PlanStep, _ index: Int, _ input: Tensor, _ pass: Pass
  ) {
    let found = layer.backward(
      delta: signals.errors[index], inputs: inputs(of: step, input), kept: signals.kept[index],
      step.named(step.parametersForBackward, among: parameters[step.node]), wanted: step.wanted,
      pass.at(step.name))
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

  private func inputs(of step: PlanStep, _ input: Tensor) -> [Tensor] {
    step.sources.map { $0 < 0 ? input : signals.outputs[$0] }
  }
}
