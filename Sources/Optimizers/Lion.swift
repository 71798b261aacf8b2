import Compute
import Tensors

/// Lion: every element moves by the rate, in the direction in which the mean of its gradients, this one
/// counted more, points.
///
///     parameter     ← parameter − rate · sign(beta1 · gradient_mean + (1 − beta1) · gradient)
///     gradient_mean ← beta2 · gradient_mean + (1 − beta2) · gradient
///
/// Chen and others 2023, Symbolic discovery of optimization algorithms, algorithm 2, where the decoupled
/// decay is `--weight-decay`, 0 unless given. The rate is to be 3 to 10 times smaller than Adam's.
public struct Lion: Optimizer {
  public static let word = "lion"
  public static let defaults: [RuleSetting: Double] = [.beta1: 0.9, .beta2: 0.99]
  public static let stateNames = ["gradient_mean"]

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool
  ) {
    correction.apply(
      LionStep(rate: rate, beta1: settings[.beta1], beta2: settings[.beta2]), workers)
  }
}

private struct LionStep: StepFunction {
  let rate, beta1, beta2: Double

  func callAsFunction<R: Real>(_ gradient: R, _ mean: inout R, _ second: inout R) -> R {
    let direction = R(beta1) * mean + R(1 - beta1) * gradient
    mean = R(beta2) * mean + R(1 - beta2) * gradient
    // NaN stays NaN.
    return direction > 0 ? R(rate) : direction < 0 ? -R(rate) : direction
  }
}
