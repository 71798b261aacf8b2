import Compute
import Tensors

/// RMSprop: every element moves by its gradient over that gradient's usual size.
///
///     square_mean ← smoothing · square_mean + (1 − smoothing) · gradient²
///     parameter   ← parameter − rate · gradient / (√square_mean + epsilon)
///
/// Hinton's lecture 6e, 2012; as PyTorch has it, neither centered nor with momentum. Smoothing is PyTorch's alpha.
public struct RMSprop: Optimizer {
  public static let word = "rmsprop"
  public static let defaults: [RuleSetting: Double] = [.smoothing: 0.99, .epsilon: 1e-8]
  public static let stateNames = ["square_mean"]

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: Workers
  ) {
    correction.apply(
      Even(rate: rate, smoothing: settings[.smoothing], epsilon: settings[.epsilon]), workers)
  }
}

private struct Even: StepFunction {
  let rate, smoothing, epsilon: Double

  func callAsFunction<R: Real>(_ gradient: R, _ squareMean: inout R, _ second: inout R) -> R {
    squareMean = R(smoothing) * squareMean + R(1 - smoothing) * gradient * gradient
    return R(rate) * gradient / (squareMean.squareRoot() + R(epsilon))
  }
}
