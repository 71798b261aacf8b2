import Compute
import Tensors

/// Gradient descent: parameter − rate · gradient. Stochastic, as each step sees one batch.
public struct SGD: Optimizer {
  public static let word = "sgd"

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool
  ) {
    correction.descend(rate: rate, workers)
  }
}
