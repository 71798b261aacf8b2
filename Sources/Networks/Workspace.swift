import Kernels
import Layers
import Losses
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

  private let steps: [NodeStep]
  private let loss: any Loss
  private let derivesBySum: Bool
  private let needsSum: Bool

  /// What every node was given before and what left it after its activation.
  private var sums: [Tensor]
  private var outputs: [Tensor]
  private var kept: [[String: Tensor]]
  /// ∂loss/∂output of every node, and whether one has arrived.
  private var errors: [Tensor]
  private var hasError: [Bool]
  /// The error from one of several takers.
  private var spare: Tensor

  /// - Parameter parameters: all of the network's, checked.
  public init(_ network: Network, parameters: [String: Tensor], dtype: DType) {
    let empty = Tensor(uninitialized: [0], dtype)
    let needed = Set(network.sumsForBackward)
    steps = network.nodes.indices.map {
      NodeStep($0, of: network, keepsSum: needed.contains(network.nodes[$0].name))
    }
    names = steps.map { step in step.parameterNames.map { "\(step.name).\($0)" } }
    self.parameters = names.map { names in
      names.map { name in
        guard let tensor = parameters[name] else { preconditionFailure("no parameter '\(name)'") }
        return tensor
      }
    }
    gradients = self.parameters.map { $0.map { Tensor(uninitialized: $0.shape, dtype) } }
    loss = network.loss
    (derivesBySum, needsSum) = (loss.derivesBySum, loss.needsSum)
    losses = empty
    spare = empty
    sums = steps.map { _ in empty }
    outputs = sums
    errors = sums
    kept = steps.map { _ in [:] }
    hasError = steps.map { _ in false }
  }

  /// What the network answers.
  public var output: Tensor { outputs[outputs.count - 1] }

  /// Computes all signals and the losses.
  ///
  /// - Parameters: as for `Network.forward` and `Network.losses`; the input may be bytes where `Network.takesBytes`.
  public mutating func forward(_ input: Tensor, target: Tensor, _ pass: Pass) {
    for (index, step) in steps.enumerated() {
      if let layer = step.inPlace {
        let input = step.source < 0 ? input : outputs[step.source]
        if step.keepsSum {
          layer.forward(input, parameters[index], into: &sums[index], pass)
        } else {
          layer.forward(input, parameters[index], into: &outputs[index], pass)
        }
      } else {
        let found = step.layer.forward(
          inputs(of: step, input), named(step.parameterNames, of: index), pass.at(step.name))
        kept[index] = found.kept
        if step.keepsSum { sums[index] = found.sum } else { outputs[index] = found.sum }
      }
      if step.keepsSum { outputs[index].become(copyOf: sums[index]) }
      step.activation.apply(to: &outputs[index], pass.workers)
    }
    let last = steps.count - 1
    loss.values(
      output: outputs[last], sum: needsSum ? sums[last] : nil, target: target, into: &losses,
      pass.workers)
  }

  /// Computes all gradients from the signals of the last `forward`, which must have been given the same.
  ///
  /// The network must have passed `checkDerivatives`.
  public mutating func backward(_ input: Tensor, target: Tensor, _ pass: Pass) {
    let last = steps.count - 1
    for index in stride(from: last, through: 0, by: -1) where steps[index].carriesError {
      let step = steps[index]
      if index == last {
        loss.derivative(output: outputs[last], target: target, into: &errors[last], pass.workers)
      }
      if index < last || !derivesBySum {
        step.activation.makeDelta(
          of: &errors[index], sum: step.activationNeedsSum ? sums[index] : nil,
          output: outputs[index], pass.workers)
      }
      hasError[index] = false
      if let layer = step.inPlace {
        backward(layer, step, index, input, pass)
      } else {
        backward(step, index, input, pass)
      }
      // Memory that nobody would write to again is given back at once.
      if !step.errorComesInPlace { errors[index] = spare }
    }
  }

  private mutating func backward(
    _ layer: any InPlaceLayer, _ step: NodeStep, _ index: Int, _ input: Tensor, _ pass: Pass
  ) {
    let input = step.source < 0 ? input : outputs[step.source]
    layer.backward(delta: errors[index], input: input, into: &gradients[index], pass)
    guard step.wanted[0] else { return }
    if hasError[step.source] {
      layer.inputGradient(
        delta: errors[index], input: input, parameters[index], into: &spare, pass)
      errors[step.source].combine(with: spare, by: Addition(), pass.workers)
    } else {
      layer.inputGradient(
        delta: errors[index], input: input, parameters[index], into: &errors[step.source], pass)
      hasError[step.source] = true
    }
  }

  private mutating func backward(
    _ step: NodeStep, _ index: Int, _ input: Tensor, _ pass: Pass
  ) {
    let found = step.layer.backward(
      delta: errors[index], inputs: inputs(of: step, input), kept: kept[index],
      named(step.parametersForBackward, of: index), wanted: step.wanted, pass.at(step.name))
    for (place, name) in step.parameterNames.enumerated() {
      guard let gradient = found.parameters[name] else { continue }
      gradients[index][place] = gradient
    }
    for (source, error) in zip(step.sources, found.inputs) {
      guard let source, let error else { continue }
      let shaped = error.reshaped(outputs[source].shape)
      if hasError[source] {
        errors[source].combine(with: shaped, by: Addition(), pass.workers)
      } else {
        errors[source] = shaped
        hasError[source] = true
      }
    }
  }

  private func inputs(of step: NodeStep, _ input: Tensor) -> [Tensor] {
    step.sources.map { source in source.map { outputs[$0] } ?? input }
  }

  /// Some of a node's parameters by their names within it.
  private func named(_ wanted: [String], of index: Int) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in zip(steps[index].parameterNames, parameters[index])
    where wanted.contains(name) {
      result[name] = tensor
    }
    return result
  }
}

/// What a step asks of a node, looked up once.
private final class NodeStep: Sendable {
  let name: String
  let layer: any Layer
  /// The layer, if it can work in memory that it is given.
  let inPlace: (any InPlaceLayer)?
  let activation: any Activation
  let activationNeedsSum: Bool
  /// Whether what enters the activation is read once more.
  let keepsSum: Bool
  let sources: [Int?]
  /// The first source, −1 for the network's input.
  let source: Int
  let carriesError: Bool
  /// Of every source whether errors are passed back to it.
  let wanted: [Bool]
  /// Whether whoever makes the node's error does it in memory that it is given.
  let errorComesInPlace: Bool
  let parameterNames: [String]
  let parametersForBackward: [String]

  init(_ index: Int, of network: Network, keepsSum: Bool) {
    let node = network.nodes[index]
    (name, layer, activation, sources) = (node.name, node.layer, node.activation, node.sources)
    inPlace = node.layer as? any InPlaceLayer
    activationNeedsSum = node.activation.backwardNeedsSum
    self.keepsSum = keepsSum
    source = (node.sources.first ?? nil) ?? -1
    carriesError = network.carriesError[index]
    wanted = node.sources.map { $0.map { network.carriesError[$0] } ?? false }
    let takers = network.nodes.filter { $0.sources.contains(index) }
    errorComesInPlace =
      takers.isEmpty || takers.contains { $0.layer is any InPlaceLayer }
    parameterNames = node.layer.parameters.map(\.name)
    parametersForBackward = node.layer.parametersForBackward(
      .training, wantsInputGradient: wanted.contains(true))
  }
}
