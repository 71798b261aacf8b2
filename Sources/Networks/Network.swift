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

  // What follows is derived once, as every step asks for it.

  /// Every parameter under its full name, in the topology's order.
  public let parameters: [Parameter]

  /// The parameters, by their full names, whose values `backward` reads: not those of the first layer that
  /// has any, as no error needs to pass it.
  public let parameterNamesForBackward: [String]

  /// The names of the layers whose sum `backward` or `losses` reads.
  public let sumsForBackward: [String]

  /// The index of the first layer that has parameters: as far as errors are passed back.
  let firstTrainable: Int

  /// - Throws: `TopologyFault`.
  public init(topology: String) throws {
    var parser = TopologyParser()
    try parser.read(topology)
    let (input, nodes, loss) = try parser.finished()
    guard let first = nodes.firstIndex(where: { !$0.layer.parameters.isEmpty }) else {
      preconditionFailure("a network without parameters")
    }
    self.topology = topology
    (self.input, self.nodes, self.loss) = (input, nodes, loss)
    firstTrainable = first
    parameters = nodes.flatMap { node in
      node.layer.parameters.map { Parameter("\(node.name).\($0.name)", $0.shape, $0.start) }
    }
    parameterNamesForBackward = nodes[(first + 1)...].flatMap { node in
      node.layer.parametersForBackward.map { "\(node.name).\($0)" }
    }
    sumsForBackward = nodes.indices.filter { index in
      index == nodes.count - 1 && loss.needsSum
        || index >= first && nodes[index].activation.backwardNeedsSum
    }.map { nodes[$0].name }
  }

  /// The shape of what leaves the last layer, per example.
  public var outputShape: Shape { last.output }

  var last: Node { nodes[nodes.count - 1] }
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
