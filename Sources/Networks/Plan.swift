import Layers
import Products
import Tensors

/// The steps by which a network is computed, in their order; the last one gives the answer.
struct Plan: Sendable {
  private(set) var steps: [PlanStep] = []
  /// By node the steps that give its output, example after example and in registers; nil where there is none yet.
  private var outputs: [(byExample: Int?, inLanes: Int?)] = []
  /// The step that gives the network's input in registers.
  private var inputInLanes: Int?
  private let network: Network
  private let sumsForBackward: Set<String>

  /// A step for each node, all of them example after example.
  init(_ network: Network) {
    self.network = network
    sumsForBackward = Set(network.sumsForBackward)
    for (index, node) in network.nodes.enumerated() {
      add(index, node.layer, node.activation, in: .byExample, nil)
    }
  }

  /// Layers that gain by it compute in registers, and what they take and give is put there and out again where others have it.
  ///
  /// nil where there is no such layer.
  init?(_ network: Network, inLanes kernels: LaneKernels) {
    self.network = network
    sumsForBackward = Set(network.sumsForBackward)
    let lanes = LaneChoice(network, kernels, sumsForBackward)
    if !lanes.isInLanes.contains(true) { return nil }
    // The layer that does a node's work too, and whose that is.
    var joined: (layer: any Layer, node: Int)?
    for (index, node) in network.nodes.enumerated() {
      guard lanes.isInLanes[index], let layer = node.layer as? any LaneLayer else {
        add(index, node.layer, node.activation, in: .byExample, kernels)
        continue
      }
      let isLeft = lanes.isLeftToTaker(index)
      if let before = joined, node.sources == [before.node] {
        joined = nil
        add(
          index, before.layer, isLeft ? Identity() : node.activation, in: .inLanes, kernels,
          joinedTo: before.node)
        continue
      }
      if let next = lanes.onlyTaker(index), index + 1 == next.node,
        let layer = layer.inLanes(kernels, with: next.layer, behind: node.activation)
      {
        joined = (layer, index)
        outputs.append((nil, nil))
        continue
      }
      var included: (any Activation)?
      if let source = node.sources[0], lanes.isLeftToTaker(source) {
        included = network.nodes[source].activation
      }
      let form = layer.inLanes(
        kernels, behind: included, before: isLeft ? Identity() : node.activation)
      add(
        index, form.layer, isLeft || form.includesActivation ? Identity() : node.activation,
        in: .inLanes, kernels)
    }
  }

  /// Adds the step of a node.
  ///
  /// - Parameter before: the node before it whose work is done with it: what it takes from, and its parameters, are that one's.
  private mutating func add(
    _ index: Int, _ layer: any Layer, _ activation: any Activation, in order: BatchOrder,
    _ kernels: LaneKernels?, joinedTo before: Int? = nil
  ) {
    let node = network.nodes[before ?? index]
    let name = network.nodes[index].name
    let sources = node.sources.map { step(giving: $0, in: order, kernels) }
    let isOfInputAlone =
      layer.parameters.isEmpty && !layer.isRandom && layer.kept(in: .training).isEmpty
      && sources.allSatisfy { $0 < 0 || steps[$0].isOfInputAlone }
    steps.append(
      PlanStep(
        layer, activation, node: before ?? index, giving: index, of: network, sources: sources,
        order, keepsSum: sumsForBackward.contains(name), isOfInputAlone: isOfInputAlone))
    outputs.append(order == .inLanes ? (nil, steps.count - 1) : (steps.count - 1, nil))
  }

  /// The step that gives a node's output in this order, or the network's input; −1 for that as it is.
  private mutating func step(
    giving node: Int?, in order: BatchOrder, _ kernels: LaneKernels?
  ) -> Int {
    guard let node else {
      guard order == .inLanes, let kernels else { return -1 }
      let there = inputInLanes ?? move(-1, .spread(kernels), of: nil)
      inputInLanes = there
      return there
    }
    let output = outputs[node]
    switch order {
    case .byExample:
      if let there = output.byExample { return there }
      guard let other = output.inLanes, let kernels else { preconditionFailure("no output") }
      let moved = move(other, .collect(kernels, network.nodes[node].output), of: node)
      outputs[node].byExample = moved
      return moved
    case .inLanes:
      if let there = output.inLanes { return there }
      guard let other = output.byExample, let kernels else { preconditionFailure("no output") }
      let moved = move(other, .spread(kernels), of: node)
      outputs[node].inLanes = moved
      return moved
    }
  }

  /// Adds the step that moves a node's output, or the network's input.
  private mutating func move(_ source: Int, _ work: StepWork, of node: Int?) -> Int {
    steps.append(
      PlanStep(
        work, from: source, of: node, in: network,
        isOfInputAlone: source < 0 || steps[source].isOfInputAlone))
    return steps.count - 1
  }

  /// Of every step whether whoever makes its error does it in memory that it is given.
  var errorsComeInPlace: [Bool] {
    var hasTaker = [Bool](repeating: false, count: steps.count)
    var hasTakerInPlace = hasTaker
    for step in steps {
      for source in step.sources where source >= 0 {
        hasTaker[source] = true
        if step.work.isInPlace { hasTakerInPlace[source] = true }
      }
    }
    return zip(hasTaker, hasTakerInPlace).map { !$0 || $1 }
  }

  /// Of every step the steps whose output nobody takes from after it.
  var lastUses: [[Int]] { Networks.lastUses(steps.map(\.sources)) }
}

/// For each of the takers in their order, those whose output nobody takes from after it; the last one's stays.
///
/// - Parameter sources: by taker the numbers of those that it takes from; negative ones are not counted.
func lastUses(_ sources: [[Int]]) -> [[Int]] {
  var last = Array(sources.indices)
  for (taker, sources) in sources.enumerated() {
    for source in sources where source >= 0 { last[source] = taker }
  }
  var result = [[Int]](repeating: [], count: sources.count)
  for (index, use) in last.enumerated() where index < sources.count - 1 {
    result[use].append(index)
  }
  return result
}

/// Which of a network's layers compute in registers.
private struct LaneChoice {
  private(set) var isInLanes: [Bool] = []
  private let network: Network
  private let sumsForBackward: Set<String>
  /// By node those that take from it, each as often as it does.
  private let takers: [[Int]]

  init(_ network: Network, _ kernels: LaneKernels, _ sumsForBackward: Set<String>) {
    (self.network, self.sumsForBackward) = (network, sumsForBackward)
    var takers = [[Int]](repeating: [], count: network.nodes.count)
    for (index, node) in network.nodes.enumerated() {
      for case let source? in node.sources { takers[source].append(index) }
    }
    self.takers = takers
    for (index, node) in network.nodes.enumerated() {
      isInLanes.append(isChosen(index, node, kernels))
    }
  }

  private func isChosen(_ index: Int, _ node: Node, _ kernels: LaneKernels) -> Bool {
    // The answer is wanted example after example.
    guard index < network.nodes.count - 1, node.activation.isElementwise,
      let layer = node.layer as? any LaneLayer, layer.isAble(kernels)
    else { return false }
    let sources = node.sources.compactMap { $0 }
    // Of three errors the sum depends on the order, which would be another one if some came another way.
    guard ([index] + sources).allSatisfy({ takers[$0].count <= 2 }) else { return false }
    return layer.prefersLanes || sources.contains { isInLanes[$0] }
  }

  /// Whether a node's activation is done by the only layer that takes from it.
  func isLeftToTaker(_ index: Int) -> Bool {
    onlyTaker(index)?.layer.canInclude(network.nodes[index].activation) == true
  }

  /// The only layer that takes from a node, both in registers; nil where there are others, and where the way back reads what comes
  /// before the activation.
  func onlyTaker(_ index: Int) -> (node: Int, layer: any LaneLayer)? {
    guard isInLanes[index], takers[index].count == 1, isInLanes[takers[index][0]],
      !sumsForBackward.contains(network.nodes[index].name),
      let taker = network.nodes[takers[index][0]].layer as? any LaneLayer
    else { return nil }
    return (takers[index][0], taker)
  }
}
