import Kernels
import Layers
import Tensors

/// A measure of how far outputs lie from their targets: a number per example, to be made small.
///
/// N examples with K outputs each; output, sum and target are [N, …] of one shape and dtype, where the sum
/// is what the last activation was given.
public protocol Loss: Sendable {
  /// The word in the topology.
  var word: String { get }

  /// The loss with the options that stand in its line.
  ///
  /// - Parameter output: the shape of one example that leaves the network.
  /// - Throws: `TopologyFault`.
  func configured(_ words: inout LayerWords, output: Shape) throws -> any Loss

  /// Whether `values` reads the sum, so that a trace must carry it.
  var needsSum: Bool { get }

  /// What is wrong with it after a last layer of this activation and output (per example); nil when nothing.
  func objection(to activation: any Activation, output: Shape) -> String?

  /// Refuses targets that the loss is not defined for.
  ///
  /// - Throws: `LossFault`.
  func check(target: Tensor) throws

  /// The loss of every example: [N].
  ///
  /// - Parameter sum: nil unless `needsSum`.
  func values(output: Tensor, sum: Tensor?, target: Tensor, _ workers: Workers) -> Tensor

  /// Where the errors start on their way back.
  func derivative(output: Tensor, target: Tensor, _ workers: Workers) -> LossDerivative
}

/// The derivative of a loss, per example and in the output's shape.
public enum LossDerivative: Sendable {
  /// ∂loss/∂output: the last activation's derivative is still to be applied.
  case error(Tensor)

  /// ∂loss/∂sum: loss and activation differentiated in one, where each alone would lose precision.
  case delta(Tensor)
}

extension Loss {
  public func configured(_ words: inout LayerWords, output: Shape) throws -> any Loss { self }
  public var needsSum: Bool { false }

  public func objection(to activation: any Activation, output: Shape) -> String? { nil }

  public func check(target: Tensor) throws {}
}

/// Every loss that a topology may name, as it is without options.
public let losses: [any Loss] = [
  AbsoluteError(),
  BinaryCrossEntropy(),
  CrossEntropy(),
  Hinge(),
  Huber(),
  SquaredError(),
]

/// The derivative of most losses.
struct Difference: PairFunction {
  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R { output - target }
}

/// Adds up a term per output.
struct SumOfTerms<Term: PairFunction>: RowPairFunction {
  let term: Term

  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, _ target: UnsafeBufferPointer<R>,
    into loss: UnsafeMutableBufferPointer<R>
  ) {
    var sum: R = 0
    for k in x.indices { sum += term(x[k], target[k]) }
    loss[0] = sum
  }
}

extension Tensor {
  /// A number per example from all of its elements and those of its target.
  func perExample(_ target: Tensor, by f: some RowPairFunction, _ workers: Workers) -> Tensor {
    combinedRows(
      width: shape.perExample.count, with: target, into: [shape[0]], by: f, workers)
  }
}
