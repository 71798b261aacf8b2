import Layers
import Products
import Tensors

/// What a step does before its activation.
enum StepWork: Sendable {
  case layer(any Layer)
  /// A layer that can work in memory that it is given.
  case inPlace(any InPlaceLayer)
  /// One that notes what it needs of its input on the way back.
  case noting(any NotingLayer)
  /// Puts examples into registers.
  case spread(LaneKernels)
  /// Undoes that, for examples of this shape.
  case collect(LaneKernels, Shape)

  init(_ layer: any Layer) {
    if let layer = layer as? any NotingLayer, layer.note != nil {
      self = .noting(layer)
    } else {
      self = (layer as? any InPlaceLayer).map { .inPlace($0) } ?? .layer(layer)
    }
  }

  var isInPlace: Bool {
    if case .layer = self { false } else { true }
  }
}

/// What a step asks of the network, looked up once.
final class PlanStep: Sendable {
  let work: StepWork
  let activation: any Activation
  let activationNeedsSum: Bool
  /// Whether what enters the activation is read once more.
  let keepsSum: Bool
  /// The steps that it takes from, −1 for the network's input; and the first of them.
  let sources: [Int]
  let source: Int
  let carriesError: Bool
  /// Whether neither parameters nor chance have a part in its output, so that it can be found again from the input.
  let isOfInputAlone: Bool
  /// Whether its output is that of its source, under another shape or in another order.
  let isSameAsSource: Bool
  /// Whether its way back reads the elements of its sources.
  let readsSources: Bool
  /// Of an example of its output; and how the batch lies in memory.
  let shape: Shape
  let order: BatchOrder
  /// Of every source whether errors are passed back to it.
  let wanted: [Bool]
  /// The node whose parameters it has; −1 for none.
  let node: Int
  /// That of the node whose output it gives.
  let name: String
  /// Within the node, and in full.
  let parameterNames, fullNames: [String]
  let parametersForBackward: [String]

  /// A layer's, with the parameters of one node and the output of the same or another one.
  init(
    _ layer: any Layer, _ activation: any Activation, node index: Int, giving output: Int,
    of network: Network, sources: [Int], _ order: BatchOrder, keepsSum: Bool, isOfInputAlone: Bool
  ) {
    let node = network.nodes[index]
    (work, self.activation, name) = (StepWork(layer), activation, network.nodes[output].name)
    (activationNeedsSum, self.keepsSum) = (activation.backwardNeedsSum, keepsSum)
    (self.sources, source, self.node) = (sources, sources[0], index)
    carriesError = network.carriesError[index]
    wanted = node.sources.map { $0.map { network.carriesError[$0] } ?? false }
    parameterNames = node.layer.parameters.map(\.name)
    fullNames = parameterNames.map { "\(node.name).\($0)" }
    parametersForBackward = layer.parametersForBackward(
      .training, wantsInputGradient: wanted.contains(true))
    (self.order, self.isOfInputAlone) = (order, isOfInputAlone)
    shape = network.nodes[output].output
    isSameAsSource = layer.handsOnMemory(in: .training) && activation is Identity
    readsSources = carriesError && layer.backwardReadsInputs
  }

  /// What enters the activation.
  ///
  /// - Parameters:
  ///   - outputs: of the steps before.
  ///   - input: the network's.
  ///   - parameters: the node's, in their order.
  ///   - sum: becomes it, where it can in the memory that it has.
  /// - Returns: what the layer keeps for the way back.
  func forward(
    _ outputs: [Tensor], _ input: Tensor, _ parameters: [Tensor], into sum: inout Tensor,
    _ pass: Pass
  ) -> [String: Tensor] {
    let first = source < 0 ? input : outputs[source]
    switch work {
    case .inPlace(let layer):
      layer.forward(first, parameters, into: &sum, pass)
    case .noting(let layer):
      layer.forward(first, parameters, into: &sum, pass)
    case .layer(let layer):
      let inputs = sources.map { $0 < 0 ? input : outputs[$0] }
      let found = layer.forward(inputs, named(parameterNames, among: parameters), pass.at(name))
      sum = found.sum
      return found.kept
    case .spread(let kernels):
      kernels.spread(first, into: &sum, pass.workers)
    case .collect(let kernels, let shape):
      kernels.collect(first, as: shape, into: &sum, pass.workers)
    }
    return [:]
  }

  /// Some of the node's parameters by their names within it.
  func named(_ wanted: [String], among parameters: [Tensor]) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (name, tensor) in zip(parameterNames, parameters) where wanted.contains(name) {
      result[name] = tensor
    }
    return result
  }

  /// That of a move into registers or out of them, of a node's output or, for nil, the network's input.
  init(
    _ work: StepWork, from source: Int, of node: Int?, in network: Network, isOfInputAlone: Bool
  ) {
    (self.work, activation) = (work, Identity())
    name = node.map { network.nodes[$0].name } ?? ""
    (activationNeedsSum, keepsSum) = (false, false)
    (sources, self.source, self.node) = ([source], source, -1)
    carriesError = node.map { network.carriesError[$0] } ?? false
    wanted = [carriesError]
    (parameterNames, fullNames, parametersForBackward) = ([], [], [])
    shape = node.map { network.nodes[$0].output } ?? network.input
    if case .spread = work { order = .inLanes } else { order = .byExample }
    (self.isOfInputAlone, isSameAsSource, readsSources) = (isOfInputAlone, true, false)
  }
}
