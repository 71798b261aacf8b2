import Compute
import Tensors

/// Adagrad: the more an element has been moved, the less it moves.
///
///     square_sum ← square_sum + gradient²
///     parameter  ← parameter − rate · gradient / (√square_sum + epsilon)
///
/// Duchi et al. 2011; as PyTorch has it, without decay of the rate.
public struct Adagrad: Optimizer {
  public static let word = "adagrad"
  public static let defaults: [RuleSetting: Double] = [.epsilon: 1e-10]
  public static let stateNames = ["square_sum"]

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool
  ) {
    correction.apply(AdagradStep(rate: rate, epsilon: settings[.epsilon]), workers)
  }
}

private struct AdagradStep: StepFunction {
  let rate, epsilon: Double

  func callAsFunction<R: Real>(_ gradient: R, _ squareSum: inout R, _ second: inout R) -> R {
    squareSum += gradient * gradient
    return R(rate) * gradient / (squareSum.squareRoot() + R(epsilon))
  }
}
