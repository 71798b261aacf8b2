import Compute
import Layers

/// A node of the list that an execution plan is made from: one of the network's, or one that a rewrite has put in.
struct PlannedNode: Sendable {
  let layer: any Layer
  let activation: any Activation
  /// The planned nodes that it takes from; nil for the network's input.
  let sources: [Int?]
  /// The node of the network whose parameters the layer has; nil for a layer without any.
  let parametersOf: Int?
  /// The node of the network whose output it gives; nil for the network's input in another layout.
  let gives: Int?
  /// How a batch of its outputs lies in memory.
  let layout: BatchLayout

  /// A node of the network as it is.
  init(_ index: Int, of network: Network, sources: [Int?]) {
    let node = network.nodes[index]
    (layer, activation, self.sources) = (node.layer, node.activation, sources)
    (parametersOf, gives, layout) = (index, index, .nchw)
  }

  /// A node that a rewrite has put in.
  init(
    _ layer: any Layer, _ activation: any Activation, sources: [Int?], parametersOf: Int?,
    gives: Int?, _ layout: BatchLayout
  ) {
    (self.layer, self.activation, self.sources) = (layer, activation, sources)
    (self.parametersOf, self.gives, self.layout) = (parametersOf, gives, layout)
  }
}

/// The nodes of a network as faster ones in blocked layout that compute the same numbers.
///
/// `rewrites` is the table of what becomes of which layers. Where a node needs the other layout than its source has, a node
/// that packs or unpacks is put in between.
struct Fusion {
  /// A node in its surroundings, as a rewrite sees it.
  struct Site {
    let layer: any Layer
    let activation: any Activation
    /// The layer after it, if that alone takes its output.
    let next: (any Layer)?
    /// Whether the `relu` of its source is left to it.
    let hasReLUBefore: Bool
  }

  /// What becomes of a node.
  struct Replacement {
    let layer: any Layer
    /// Whether the layer also does the work of the node's activation.
    var doesActivation = false
    /// Whether the layer also does the work of the layer after it.
    var doesNext = false
  }

  /// A rewrite: the lines of a topology that it is for, and what they become; nil where they are others.
  typealias Rewrite = (
    lines: String, apply: @Sendable (_ site: Site, _ kernels: LaneKernels) -> Replacement?
  )

  /// The first one that applies is taken.
  static let rewrites: [Rewrite] = [
    (
      "conv [relu] maxpool",
      { site, kernels in
        guard let conv = site.layer as? Conv, let pool = site.next as? MaxPool,
          site.activation is Identity || site.activation is ReLU,
          let layer = BlockedConvMaxPool(conv, pool, isRectified: site.activation is ReLU, kernels)
        else { return nil }
        return Replacement(layer: layer, doesActivation: true, doesNext: true)
      }
    ),
    (
      "conv",
      { site, kernels in
        guard let conv = site.layer as? Conv, let layer = BlockedConv(conv, kernels) else {
          return nil
        }
        return Replacement(layer: layer)
      }
    ),
    (
      "[relu] maxpool",
      { site, kernels in
        guard let pool = site.layer as? MaxPool,
          let layer = BlockedMaxPool(pool, isRectified: site.hasReLUBefore, kernels)
        else { return nil }
        return Replacement(layer: layer)
      }
    ),
    (
      "batchnorm relu",
      { site, kernels in
        guard let norm = site.layer as? BatchNorm, site.activation is ReLU else { return nil }
        return Replacement(
          layer: BlockedBatchNorm(norm, isRectified: true, kernels), doesActivation: true)
      }
    ),
    (
      "batchnorm",
      { site, kernels in
        guard let norm = site.layer as? BatchNorm else { return nil }
        return Replacement(layer: BlockedBatchNorm(norm, isRectified: false, kernels))
      }
    ),
    (
      "add, or an activation by itself",
      { site, _ in
        guard site.layer is Add || site.layer is PassThrough else { return nil }
        return Replacement(layer: site.layer)
      }
    ),
  ]

  private let network: Network
  private let kernels: LaneKernels
  private let keepsSum: [Bool]
  /// For every node the nodes that take from it, each as often as it does.
  private let takers: [[Int]]
  private var isBlocked: [Bool] = []

  private(set) var nodes: [PlannedNode] = []
  /// For every node of the network the planned nodes that give its output in either layout.
  private var places: [(byExample: Int?, blocked: Int?)] = []
  private var packedInput: Int?

  /// nil where no layer gains by blocked layout.
  ///
  /// - Parameter keepsSum: for every node whether what comes before its activation is read again.
  init?(_ network: Network, _ kernels: LaneKernels, keepsSum: [Bool]) {
    (self.network, self.kernels, self.keepsSum) = (network, kernels, keepsSum)
    var takers = [[Int]](repeating: [], count: network.nodes.count)
    for (index, node) in network.nodes.enumerated() {
      for case let source? in node.sources { takers[source].append(index) }
    }
    self.takers = takers
    for index in network.nodes.indices { isBlocked.append(isChosen(index)) }
    if !isBlocked.contains(true) { return nil }
    while places.count < network.nodes.count { add(places.count) }
  }

  /// Adds what becomes of a node, and perhaps of the one after it.
  private mutating func add(_ index: Int) {
    let node = network.nodes[index]
    guard isBlocked[index] else {
      let sources = node.sources.map { place(of: $0, in: .nchw) }
      nodes.append(PlannedNode(index, of: network, sources: sources))
      places.append((nodes.count - 1, nil))
      return
    }
    let sources = node.sources.map { place(of: $0, in: .blocked) }
    // The `relu` before a maxpool is a part of that.
    let leavesReLU = leavesReLU(index)
    let site = Site(
      layer: node.layer, activation: leavesReLU ? Identity() : node.activation,
      next: onlyTaker(index) == index + 1 ? network.nodes[index + 1].layer : nil,
      hasReLUBefore: node.sources[0].map(self.leavesReLU) == true)
    guard let found = replacement(of: index, site) else { preconditionFailure("no rewrite") }
    let gives = found.doesNext ? index + 1 : index
    let isDone = gives == index ? leavesReLU || found.doesActivation : self.leavesReLU(gives)
    nodes.append(
      PlannedNode(
        found.layer, isDone ? Identity() : network.nodes[gives].activation, sources: sources,
        parametersOf: index, gives: gives, .blocked))
    if found.doesNext { places.append((nil, nil)) }
    places.append((nil, nodes.count - 1))
  }

  private func replacement(of index: Int, _ site: Site) -> Replacement? {
    // A pair takes the relu between its layers along.
    var pair = site
    if site.next != nil {
      pair = Site(
        layer: site.layer, activation: network.nodes[index].activation, next: site.next,
        hasReLUBefore: site.hasReLUBefore)
    }
    for rewrite in Self.rewrites {
      if let found = rewrite.apply(pair, kernels), found.doesNext { return found }
      if let found = rewrite.apply(site, kernels), !found.doesNext { return found }
    }
    return nil
  }

  /// The planned node that gives the output of a node, or the network's input, in this layout; nil for the input as it is.
  private mutating func place(of node: Int?, in layout: BatchLayout) -> Int? {
    guard let node else {
      guard layout == .blocked else { return nil }
      let place =
        packedInput
        ?? move(Pack(network.input, kernels), from: nil, gives: nil, .blocked)
      packedInput = place
      return place
    }
    let output = network.nodes[node].output
    switch layout {
    case .nchw:
      let place =
        places[node].byExample
        ?? move(Unpack(output, kernels), from: places[node].blocked, gives: node, .nchw)
      places[node].byExample = place
      return place
    case .blocked:
      let place =
        places[node].blocked
        ?? move(Pack(output, kernels), from: places[node].byExample, gives: node, .blocked)
      places[node].blocked = place
      return place
    }
  }

  private mutating func move(
    _ layer: any Layer, from source: Int?, gives node: Int?, _ layout: BatchLayout
  ) -> Int {
    nodes.append(
      PlannedNode(
        layer, Identity(), sources: [source], parametersOf: nil, gives: node, layout))
    return nodes.count - 1
  }

  private func isChosen(_ index: Int) -> Bool {
    let node = network.nodes[index]
    // The answer is wanted example after example.
    guard index < network.nodes.count - 1, node.activation.isElementwise else { return false }
    let site = Site(
      layer: node.layer, activation: Identity(), next: nil, hasReLUBefore: false)
    guard Self.rewrites.contains(where: { $0.apply(site, kernels) != nil }) else { return false }
    let sources = node.sources.compactMap { $0 }
    // The sum of three gradients depends on their order, which would be another one in another layout.
    guard ([index] + sources).allSatisfy({ takers[$0].count <= 2 }) else { return false }
    return node.layer is Conv || sources.contains { isBlocked[$0] }
  }

  /// Whether a node's `relu` is done by the maxpool that alone takes its output.
  private func leavesReLU(_ index: Int) -> Bool {
    network.nodes[index].activation is ReLU
      && onlyTaker(index).map { network.nodes[$0].layer is MaxPool } == true
  }

  /// The node that alone takes a node's output, both of them in blocked layout; nil also where backward reads what comes before
  /// the activation.
  private func onlyTaker(_ index: Int) -> Int? {
    guard isBlocked[index], takers[index].count == 1, isBlocked[takers[index][0]],
      !keepsSum[index]
    else { return nil }
    return takers[index][0]
  }
}
