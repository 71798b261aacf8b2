import Kernels
import Tensors

/// Gradient descent: parameter − rate · gradient. Stochastic, as each step sees one batch.
public struct SGD: Optimizer {
  public static let word = "sgd"

  public let rate: Double

  /// - Parameter rate: the learning rate, above 0; rounded to the parameters' dtype in every step.
  /// - Throws: `OptimizerFault.badRate`.
  public init(rate: Double) throws {
    guard rate.isFinite && rate > 0 else { throw OptimizerFault.badRate(found: rate) }
    self.rate = rate
  }

  public var settings: String { "\(Self.word) rate=\(decimal(rate))" }

  public var stateNames: [String] { [] }

  public func updated(
    _ parameter: Tensor, gradient: Tensor, state: inout [String: Tensor], step: Int,
    _ workers: Workers
  ) -> Tensor {
    parameter.combined(with: gradient, by: Descent(rate: rate), workers)
  }
}

private struct Descent: PairFunction {
  let rate: Double

  func callAsFunction<R: Real>(_ parameter: R, _ gradient: R) -> R {
    parameter - R(rate) * gradient
  }
}
