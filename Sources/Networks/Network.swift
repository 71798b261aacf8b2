import Compute
import Layers
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

  /// For every node the positions of its parameters in `parameters`.
  let parameterPositions: [[Int]]

  /// For every node whether gradients pass back to it: it, or one that it takes from, has learned parameters.
  let carriesError: [Bool]

  /// For every node whether backward or the loss reads what comes before its activation.
  let keepsSum: [Bool]

  /// Whether a training pass draws random numbers, so that it must know what to draw them by.
  public let isRandom: Bool

  /// - Throws: `TopologyError`.
  public init(topology: String) throws { try self.init(topology: topology, allowingGaps: false) }

  /// - Parameter allowingGaps: whether `normalize` may lack its constants; such a network cannot compute.
  init(topology: String, allowingGaps: Bool) throws {
    var parser = TopologyParser()
    try parser.read(topology)
    let (input, nodes, loss) = try parser.finished()
    if !allowingGaps, let gap = nodes.first(where: \.isGap) {
      throw TopologyError.pairing(
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
    var parameters: [Parameter] = []
    var positions: [[Int]] = []
    for node in nodes {
      let own = node.layer.parameters
      positions.append(Array(parameters.count..<parameters.count + own.count))
      parameters += own.map {
        Parameter("\(node.name).\($0.name)", $0.shape, $0.start, isLearned: $0.isLearned)
      }
    }
    (self.parameters, parameterPositions) = (parameters, positions)
    keepsSum = nodes.indices.map { index in
      index == nodes.count - 1 && loss.needsSum
        || carriesError[index] && nodes[index].activation.backwardNeedsSum
    }
  }

  /// Whether the input may be of this dtype while computation is in another: all layers that take it accept that.
  public func accepts(_ dtype: DType) -> Bool {
    nodes.allSatisfy { !$0.sources.contains(nil) || $0.layer.accepts(dtype) }
  }

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

  /// Refuses a network that cannot learn, before anything is computed.
  ///
  /// - Throws: `NetworkError.noDerivative`.
  public func checkDerivatives() throws {
    for (node, carriesError) in zip(nodes, carriesError) where carriesError {
      if let reason = node.activation.reasonWithoutDerivative {
        throw NetworkError.noDerivative(layer: node.name, reason: reason)
      }
    }
  }

  /// Refuses batches of a size that a layer cannot be trained on.
  ///
  /// - Parameter batch: which one has so many examples.
  /// - Throws: `NetworkError.tooFewExamples`.
  public func checkTraining(on examples: Int, of batch: String = "the batch") throws {
    for node in nodes {
      if let reason = node.layer.objection(toTrainingOn: examples) {
        throw NetworkError.tooFewExamples(layer: node.name, batch: batch, reason: reason)
      }
    }
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
