import Layers
import Products
import Tensors

/// The steps by which a workspace computes a network, in their order; the last one gives the answer.
struct WorkspacePlan: Sendable {
  private(set) var steps: [WorkspaceStep] = []
  /// Of every step whether whoever makes its error does it in memory that it is given.
  private(set) var errorsComeInPlace: [Bool] = []
  /// By node the steps that give its output, example after example and in registers; nil where there is none yet.
  private var outputs: [(byExample: Int?, inLanes: Int?)] = []
  /// The step that gives the network's input in registers.
  private var inputInLanes: Int?
  private let network: Network

  /// A step for each node, all of them example after example.
  init(_ network: Network) {
    self.network = network
    for node in network.nodes.indices {
      add(node, network.nodes[node].layer, network.nodes[node].activation, in: .byExample)
    }
    noteTakers()
  }

  /// Layers that can compute in registers do, and what they take and give is put there and out again where others have it.
  ///
  /// nil where no layer gains by it.
  init?(_ network: Network, inLanes kernels: LaneKernels) {
    self.network = network
    let last = network.nodes.count - 1
    for (index, node) in network.nodes.enumerated() {
      // The answer is wanted example after example.
      if index < last, let form = form(of: index, kernels) {
        let isElsewhere = form.includesActivation || isLeftToTaker(index)
        let activation = isElsewhere ? Identity() : node.activation
        add(index, form.layer, activation, in: .inLanes, kernels)
      } else {
        add(index, node.layer, node.activation, in: .byExample, kernels)
      }
    }
    if outputs.allSatisfy({ $0.inLanes == nil }) { return nil }
    noteTakers()
  }

  /// A node's layer as it computes in registers; nil where it is not to.
  private func form(of index: Int, _ kernels: LaneKernels) -> LaneForm? {
    let node = network.nodes[index]
    guard let layer = node.layer as? any LaneLayer, node.activation.isElementwise else {
      return nil
    }
    let comesInLanes = node.sources.contains { source in
      source.map { outputs[$0].inLanes != nil } ?? false
    }
    guard layer.prefersLanes || comesInLanes else { return nil }
    var included: (any Activation)?
    if let source = node.sources[0], outputs[source].inLanes != nil, isLeftToTaker(source) {
      included = network.nodes[source].activation
    }
    return layer.inLanes(
      kernels, behind: included, before: isLeftToTaker(index) ? Identity() : node.activation)
  }

  /// Whether the only layer that takes from a node, if that is in registers, does the work of its activation.
  private func isLeftToTaker(_ index: Int) -> Bool {
    let node = network.nodes[index]
    let takers = network.nodes.indices.filter { network.nodes[$0].sources.contains(index) }
    // Not by a layer after which the answer would have to be put in order.
    guard takers.count == 1, takers[0] < network.nodes.count - 1,
      let taker = network.nodes[takers[0]].layer as? any LaneLayer,
      network.nodes[takers[0]].activation.isElementwise,
      !network.sumsForBackward.contains(node.name)
    else { return false }
    return taker.canInclude(node.activation)
  }

  private mutating func add(
    _ index: Int, _ layer: any Layer, _ activation: any Activation, in order: BatchOrder,
    _ kernels: LaneKernels? = nil
  ) {
    let sources = network.nodes[index].sources.map { step(giving: $0, in: order, kernels) }
    steps.append(
      WorkspaceStep(.init(layer), layer, activation, node: index, of: network, sources: sources))
    outputs.append(order == .inLanes ? (nil, steps.count - 1) : (steps.count - 1, nil))
  }

  /// The step that gives a node's output in this order, or the network's input; −1 for that as it is.
  private mutating func step(
    giving node: Int?, in order: BatchOrder, _ kernels: LaneKernels?
  ) -> Int {
    guard let node else {
      guard order == .inLanes, let kernels else { return -1 }
      if inputInLanes == nil { inputInLanes = move(-1, .spread(kernels), carriesError: false) }
      return inputInLanes ?? -1
    }
    let output = outputs[node]
    switch order {
    case .byExample:
      if let there = output.byExample { return there }
      guard let other = output.inLanes, let kernels else { preconditionFailure("no output") }
      let moved = move(
        other, .collect(kernels, network.nodes[node].output),
        carriesError: network.carriesError[node])
      outputs[node].byExample = moved
      return moved
    case .inLanes:
      if let there = output.inLanes { return there }
      guard let other = output.byExample, let kernels else { preconditionFailure("no output") }
      let moved = move(other, .spread(kernels), carriesError: network.carriesError[node])
      outputs[node].inLanes = moved
      return moved
    }
  }

  private mutating func move(_ source: Int, _ work: StepWork, carriesError: Bool) -> Int {
    steps.append(WorkspaceStep(work, from: source, carriesError: carriesError))
    return steps.count - 1
  }

  private mutating func noteTakers() {
    errorsComeInPlace = steps.indices.map { index in
      let takers = steps.filter { $0.sources.contains(index) }
      return takers.isEmpty || takers.contains { $0.work.isInPlace }
    }
  }
}

/// What a step does before its activation.
enum StepWork: Sendable {
  case layer(any Layer)
  /// A layer that can work in memory that it is given.
  case inPlace(any InPlaceLayer)
  /// Puts examples into registers.
  case spread(LaneKernels)
  /// Undoes that, for examples of this shape.
  case collect(LaneKernels, Shape)

  init(_ layer: any Layer) {
    self = (layer as? any InPlaceLayer).map { .inPlace($0) } ?? .layer(layer)
  }

  var isInPlace: Bool {
    if case .layer = self { false } else { true }
  }
}

/// What a step asks of the network, looked up once.
final class WorkspaceStep: Sendable {
  let work: StepWork
  let activation: any Activation
  let activationNeedsSum: Bool
  /// Whether what enters the activation is read once more.
  let keepsSum: Bool
  /// The steps that it takes from, −1 for the network's input; and the first of them.
  let sources: [Int]
  let source: Int
  let carriesError: Bool
  /// Of every source whether errors are passed back to it.
  let wanted: [Bool]
  /// The node whose parameters it has; −1 for none.
  let node: Int
  let name: String
  let parameterNames: [String]
  let parametersForBackward: [String]

  /// A layer's.
  init(
    _ work: StepWork, _ layer: any Layer, _ activation: any Activation, node index: Int,
    of network: Network, sources: [Int]
  ) {
    let node = network.nodes[index]
    (self.work, self.activation, name) = (work, activation, node.name)
    activationNeedsSum = activation.backwardNeedsSum
    keepsSum = network.sumsForBackward.contains(node.name)
    (self.sources, source, self.node) = (sources, sources[0], index)
    carriesError = network.carriesError[index]
    wanted = node.sources.map { $0.map { network.carriesError[$0] } ?? false }
    parameterNames = node.layer.parameters.map(\.name)
    parametersForBackward = layer.parametersForBackward(
      .training, wantsInputGradient: wanted.contains(true))
  }

  /// That of a move into registers or out of them.
  init(_ work: StepWork, from source: Int, carriesError: Bool) {
    (self.work, activation, name) = (work, Identity(), "")
    (activationNeedsSum, keepsSum) = (false, false)
    (sources, self.source, node) = ([source], source, -1)
    (self.carriesError, wanted) = (carriesError, [carriesError])
    (parameterNames, parametersForBackward) = ([], [])
  }
}
