import Kernels
import Layers
import Losses
import Tensors

/// A network as its topology describes it: layers in a chain, and a loss at the end.
///
/// A value without parameters: whoever calls it brings them, as tensors named `LAYER.PARAMETER`. Axes: the
/// batch comes first, then the shape of one example.
public struct Network: Sendable {
  /// The text that the network was made from, unchanged.
  public let topology: String

  /// The shape of one example.
  public let input: Shape

  /// From the first layer to the last; at least one has parameters.
  public let nodes: [Node]

  public let loss: any Loss

  /// - Throws: `TopologyFault`.
  public init(topology: String) throws {
    var parser = TopologyParser()
    try parser.read(topology)
    self.topology = topology
    (input, nodes, loss) = try parser.finished()
  }

  /// The shape of what leaves the last layer, per example.
  public var outputShape: Shape { last.output }

  /// Every parameter under its full name, in the topology's order.
  public var parameters: [Parameter] {
    nodes.flatMap { node in
      node.layer.parameters.map { Parameter("\(node.name).\($0.name)", $0.shape, $0.start) }
    }
  }

  /// The parameters, by their full names, whose values `backward` reads: not those of the first layer that
  /// has any, as no error needs to pass it.
  public var parameterNamesForBackward: [String] {
    nodes[(firstTrainable + 1)...].flatMap { node in
      node.layer.parametersForBackward.map { "\(node.name).\($0)" }
    }
  }

  /// The names of the layers whose sum `backward` or `losses` reads.
  public var sumsForBackward: [String] {
    nodes.indices.filter { index in
      index == nodes.count - 1 && loss.needsSum
        || index >= firstTrainable && nodes[index].activation.backwardNeedsSum
    }.map { nodes[$0].name }
  }

  var last: Node { nodes[nodes.count - 1] }

  /// The index of the first layer that has parameters: as far as errors are passed back.
  var firstTrainable: Int {
    guard let index = nodes.firstIndex(where: { !$0.layer.parameters.isEmpty }) else {
      preconditionFailure("a network without parameters")
    }
    return index
  }
}

/// A layer in its place in a network.
public struct Node: Sendable {
  public let name: String
  public let layer: any Layer
  public let activation: any Activation

  /// The shape of one example that reaches the layer.
  public let input: Shape

  /// The shape of one example that leaves it.
  public var output: Shape { layer.output }
}
