import Compute
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
  /// - Throws: `TopologyError`.
  func configured(_ words: inout LayerWords, output: Shape) throws -> any Loss

  /// Whether `values` reads the sum, so that a trace must carry it.
  var needsSum: Bool { get }

  /// What is wrong with it after a last layer of this activation and output (per example); nil when nothing.
  func objection(to activation: any Activation, output: Shape) -> String?

  /// Refuses targets that the loss is not defined for.
  ///
  /// - Throws: `LossError`.
  func check(target: Tensor) throws

  /// The loss of every example: [N].
  ///
  /// - Parameters:
  ///   - sum: nil unless `needsSum`.
  ///   - losses: becomes the result, where it can in the memory that it has.
  func values(
    output: Tensor, sum: Tensor?, target: Tensor, into losses: inout Tensor, _ workers: ThreadPool)

  /// Whether `derivative` is ∂loss/∂sum: loss and activation differentiated in one, where each alone would lose
  /// precision. Else it is ∂loss/∂output, and the last activation's derivative is still to be applied.
  var derivesBySum: Bool { get }

  /// Where the errors start on their way back.
  ///
  /// - Parameter result: becomes the derivative in the output's shape, where it can in the memory that it has.
  func derivative(output: Tensor, target: Tensor, into result: inout Tensor, _ workers: ThreadPool)
}

/// The derivative of a loss, per example and in the output's shape.
public enum LossDerivative: Sendable {
  /// ∂loss/∂output.
  case error(Tensor)

  /// ∂loss/∂sum.
  case delta(Tensor)
}

extension Loss {
  public func configured(_ words: inout LayerWords, output: Shape) throws -> any Loss { self }
  public var needsSum: Bool { false }

  public func objection(to activation: any Activation, output: Shape) -> String? { nil }

  public func check(target: Tensor) throws {}

  public var derivesBySum: Bool { false }

  /// The loss of every example: [N].
  ///
  /// - Parameter sum: nil unless `needsSum`.
  public func values(
    output: Tensor, sum: Tensor?, target: Tensor, _ workers: ThreadPool
  ) -> Tensor {
    var losses = Tensor(uninitialized: [output.shape[0]], output.dtype)
    values(output: output, sum: sum, target: target, into: &losses, workers)
    return losses
  }

  /// Where the errors start on their way back.
  public func derivative(
    output: Tensor, target: Tensor, _ workers: ThreadPool
  ) -> LossDerivative {
    var result = Tensor(uninitialized: output.shape, output.dtype)
    derivative(output: output, target: target, into: &result, workers)
    return derivesBySum ? .delta(result) : .error(result)
  }
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
  func perExample(
    _ target: Tensor, by f: some RowPairFunction, into losses: inout Tensor, _ workers: ThreadPool
  ) {
    let isSo = losses.shape.rank == 1 && losses.shape[0] == shape[0]
    combineRows(
      width: shape.count / shape[0], with: target, into: &losses,
      isSo ? losses.shape : [shape[0]], by: f, workers)
  }
}
