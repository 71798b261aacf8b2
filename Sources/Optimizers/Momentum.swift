import Compute
import Tensors

/// Gradient descent with momentum, as PyTorch's SGD has it, without dampening:
///
///     velocity  ← momentum · velocity + gradient
///     parameter ← parameter − rate · velocity
///
/// Polyak 1964; the rate stands outside the velocity, so a schedule acts on the whole step at once.
public struct Momentum: Optimizer {
  public static let word = "momentum"
  public static let defaults: [RuleSetting: Double] = [.momentum: 0.9]
  public static let stateNames = ["velocity"]

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool
  ) {
    correction.apply(MomentumStep(rate: rate, momentum: settings[.momentum]), workers)
  }
}

private struct MomentumStep: StepFunction {
  let rate, momentum: Double

  func callAsFunction<R: Real>(_ gradient: R, _ velocity: inout R, _ second: inout R) -> R {
    velocity = R(momentum) * velocity + gradient
    return R(rate) * velocity
  }
}
