import Compute
import Tensors

/// Nesterov's momentum, as PyTorch's SGD has it, without dampening:
///
///     velocity  ← momentum · velocity + gradient
///     parameter ← parameter − rate · (gradient + momentum · velocity)
///
/// Sutskever et al. 2013, section 2. The velocity is that of the rule momentum: one goes on from the other's.
public struct Nesterov: Optimizer {
  public static let word = "nesterov"
  public static let defaults: [RuleSetting: Double] = [.momentum: 0.9]
  public static let stateNames = ["velocity"]

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool
  ) {
    correction.apply(NesterovStep(rate: rate, momentum: settings[.momentum]), workers)
  }
}

private struct NesterovStep: StepFunction {
  let rate, momentum: Double

  func callAsFunction<R: Real>(_ gradient: R, _ velocity: inout R, _ second: inout R) -> R {
    velocity = R(momentum) * velocity + gradient
    return R(rate) * (gradient + R(momentum) * velocity)
  }
}
