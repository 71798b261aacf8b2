import Compute
import Tensors

/// Adam with decoupled weight decay: parameter ← (1 − rate · decay) · parameter, then Adam's step.
///
/// Loshchilov and Hutter 2019, algorithm 2, as PyTorch has it. Adam with `--weight-decay` is the same; only the
/// default differs.
public struct AdamW: Optimizer {
  public static let word = "adamw"
  public static let defaults = Adam.defaults
  public static let defaultDecay = 0.01
  public static let stateNames = Adam.stateNames
  public static let countsSteps = true

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool
  ) {
    correction.apply(AdamStep(settings, rate: rate, step: step), workers)
  }
}
