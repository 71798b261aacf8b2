import Kernels
import Tensors

/// An operation with a shape and, mostly, parameters; the activation that follows it is not its business.
///
/// A layer is a value made from one topology line. It holds no parameters, keeps nothing between calls and
/// knows no learning rate. Tensors have the batch first: [N, …].
public protocol Layer: Sendable {
  /// The word that starts its topology line; with a running number, also its name.
  static var word: String { get }

  /// - Parameters:
  ///   - words: the line's words after the layer's own; the initializer takes those that it knows.
  ///   - input: the shape of one example that reaches the layer.
  /// - Throws: `TopologyFault`.
  init(_ words: inout LayerWords, input: Shape) throws

  /// The shape of one example that leaves the layer.
  var output: Shape { get }

  /// Its parameters, named within the layer: `weight`, `bias`.
  var parameters: [Parameter] { get }

  /// The parameters whose values `backward` reads when it is asked for the input's gradient.
  var parametersForBackward: [String] { get }

  /// - Parameters:
  ///   - input: [N, …] with as many elements per example as the layer expects.
  ///   - parameters: all of `parameters`, in the input's dtype.
  /// - Returns: [N] + `output`.
  func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ workers: Workers
  ) -> Tensor

  /// Undoes `forward`: from ∂loss/∂(what forward returned) to ∂loss/∂(what it was given).
  ///
  /// - Parameters:
  ///   - delta: [N] + `output`.
  ///   - input: what `forward` was given.
  ///   - parameters: at least `parametersForBackward` when `wantsInputGradient`.
  func backward(
    delta: Tensor, input: Tensor, _ parameters: [String: Tensor], wantsInputGradient: Bool,
    _ workers: Workers
  ) -> LayerGradient
}

/// What `Layer.backward` finds.
public struct LayerGradient: Sendable {
  /// ∂loss/∂parameter by the parameter's name, summed over the examples.
  public let parameters: [String: Tensor]

  /// ∂loss/∂input, in the input's shape; nil when nobody asked.
  public let input: Tensor?

  public init(parameters: [String: Tensor], input: Tensor?) {
    self.parameters = parameters
    self.input = input
  }
}

/// A tensor that training changes.
public struct Parameter: Sendable, Equatable {
  /// How its values are at the start.
  public enum Start: Sendable, Equatable {
    /// The same number everywhere.
    case constant(Double)

    /// Random, within limits that depend on how many inputs an output adds up (`fanIn`), on how many
    /// outputs an input acts upon (`fanOut`), and on the activation that follows.
    case spread(fanIn: Int, fanOut: Int)
  }

  public let name: String
  public let shape: Shape
  public let start: Start

  public init(_ name: String, _ shape: Shape, _ start: Start) {
    self.name = name
    self.shape = shape
    self.start = start
  }
}

/// Every kind of layer that a topology may name.
public let layerKinds: [any Layer.Type] = [
  Dense.self,
  Scale.self,
]
