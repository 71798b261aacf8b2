import Kernels
import Layers
import Losses
import Tensors

/// A network as its topology describes it: layers, each of which takes the outputs of earlier ones, and a loss at
/// the end.
///
/// A value without parameters: whoever calls it brings them, as tensors named `LAYER.PARAMETER`. Axes: the
/// batch comes first, then the shape of one example.
public struct Network: Sendable {
  /// The longest text that is taken for a topology.
  public static let mostTopologyBytes = 1 << 20

  /// The text that the network was made from, unchanged.
  public let topology: String

  /// The shape of one example.
  public let input: Shape

  /// In the order of the topology, in which every layer stands behind those that it takes from; the last one
  /// gives the answer. At least one has learned parameters.
  public let nodes: [Node]

  public let loss: any Loss

  // What follows is derived once, as every step asks for it.

  /// Every parameter and statistic under its full name, in the topology's order.
  public let parameters: [Parameter]

  /// The names of the layers whose sum `backward` or `losses` reads.
  public let sumsForBackward: [String]

  /// For every node whether errors are passed back to it: it, or one that it takes from, has learned parameters.
  let carriesError: [Bool]

  private let namesForBackward: [Mode: [String]]

  /// Whether a training pass draws random numbers, so that it must know what to draw them by.
  public let isRandom: Bool

  /// Whether all layers that take the input take bytes as they are.
  public let takesBytes: Bool

  /// The last batches that `checkMemory` had room for.
  let roomy = RoomyBatches()

  /// - Throws: `TopologyFault`.
  public init(topology: String) throws { try self.init(topology: topology, allowingGaps: false) }

  /// - Parameter allowingGaps: whether `normalize` may lack its constants; such a network cannot compute.
  init(topology: String, allowingGaps: Bool) throws {
    var parser = TopologyParser()
    try parser.read(topology)
    let (input, nodes, loss) = try parser.finished()
    if !allowingGaps, let gap = nodes.first(where: \.isGap) {
      throw TopologyFault.pairing(
        gap.place,
        reason: "'normalize' without 'mean=' and 'std=' (nn-init --fit DATASET finds them)")
    }
    self.topology = topology
    (self.input, self.nodes, self.loss) = (input, nodes, loss)
    var carriesError: [Bool] = []
    for node in nodes {
      let isLearning = node.layer.parameters.contains(where: \.isLearned)
      carriesError.append(
        isLearning || node.sources.contains { $0.map { carriesError[$0] } == true })
    }
    self.carriesError = carriesError
    isRandom = nodes.contains { $0.layer.isRandom }
    takesBytes = nodes.allSatisfy { node in
      !node.sources.contains(nil) || (node.layer as? any InPlaceLayer)?.takesBytes == true
    }
    parameters = nodes.flatMap { node in
      node.layer.parameters.map {
        Parameter("\(node.name).\($0.name)", $0.shape, $0.start, isLearned: $0.isLearned)
      }
    }
    func namesForBackward(_ mode: Mode) -> [String] {
      nodes.indices.filter { carriesError[$0] }.flatMap { index in
        let wants = nodes[index].sources.contains { $0.map { carriesError[$0] } == true }
        return nodes[index].layer.parametersForBackward(mode, wantsInputGradient: wants)
          .map { "\(nodes[index].name).\($0)" }
      }
    }
    self.namesForBackward = [
      .training: namesForBackward(.training), .inference: namesForBackward(.inference),
    ]
    sumsForBackward = nodes.indices.filter { index in
      index == nodes.count - 1 && loss.needsSum
        || carriesError[index] && nodes[index].activation.backwardNeedsSum
    }.map { nodes[$0].name }
  }

  /// The parameters and statistics, by their full names, whose values `backward` reads.
  public func parameterNamesForBackward(_ mode: Mode) -> [String] { namesForBackward[mode] ?? [] }

  /// The shape of what leaves the last layer, per example.
  public var outputShape: Shape { last.output }

  var last: Node { nodes[nodes.count - 1] }

  /// The layers that a layer's input depends on, in the order of the topology.
  func ancestors(of index: Int) -> [Int] {
    var isAncestor = [Bool](repeating: false, count: nodes.count)
    for taker in (0...index).reversed() where taker == index || isAncestor[taker] {
      for case let source? in nodes[taker].sources { isAncestor[source] = true }
    }
    return nodes.indices.filter { isAncestor[$0] }
  }

  /// The layers that every layer's output has not yet reached when its turn is over, by the index of that layer:
  /// what a pass that keeps nothing may forget.
  func lastUses() -> [[Int]] {
    Networks.lastUses(nodes.map { $0.sources.map { $0 ?? -1 } })
  }
}

/// A layer in its place in a network.
public struct Node: Sendable {
  public let name: String

  /// The first word of its line.
  public let place: Word

  public let layer: any Layer
  public let activation: any Activation

  /// The indices of the nodes whose outputs it takes; nil for the network's input.
  public let sources: [Int?]

  /// The shape of one example that leaves it.
  public var output: Shape { layer.output }
}
