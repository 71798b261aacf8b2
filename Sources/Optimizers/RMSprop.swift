import Compute
import Tensors

/// RMSprop: every element moves by its gradient over that gradient's usual size.
///
///     square_mean ← alpha · square_mean + (1 − alpha) · gradient²
///     parameter   ← parameter − rate · gradient / (√square_mean + epsilon)
///
/// Hinton's lecture 6e, 2012; as PyTorch has it, neither centered nor with momentum.
public struct RMSprop: Optimizer {
  public static let word = "rmsprop"
  public static let defaults: [RuleSetting: Double] = [.alpha: 0.99, .epsilon: 1e-8]
  public static let stateNames = ["square_mean"]

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool
  ) {
    correction.apply(
      RMSpropStep(rate: rate, alpha: settings[.alpha], epsilon: settings[.epsilon]), workers)
  }
}

private struct RMSpropStep: StepFunction {
  let rate, alpha, epsilon: Double

  func callAsFunction<R: Real>(_ gradient: R, _ squareMean: inout R, _ second: inout R) -> R {
    squareMean = R(alpha) * squareMean + R(1 - alpha) * gradient * gradient
    return R(rate) * gradient / (squareMean.squareRoot() + R(epsilon))
  }
}
