import CLibrary
import Compute
import Tensors

/// Adam: the mean of the gradients over the root of the mean of their squares, t being the step.
///
///     first_moment  ← beta1 · first_moment + (1 − beta1) · gradient
///     second_moment ← beta2 · second_moment + (1 − beta2) · gradient²
///     parameter     ← parameter − rate / (1 − beta1ᵗ) · first_moment
///                                 / (√second_moment / √(1 − beta2ᵗ) + epsilon)
///
/// Kingma and Ba 2015, algorithm 1, as PyTorch has it.
public struct Adam: Optimizer {
  public static let word = "adam"
  public static let defaults: [RuleSetting: Double] = [.beta1: 0.9, .beta2: 0.999, .epsilon: 1e-8]
  public static let stateNames = ["first_moment", "second_moment"]
  public static let countsSteps = true

  public let settings: RuleSettings

  public init(_ settings: RuleSettings) { self.settings = settings }

  public func correct(
    _ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool
  ) {
    correction.apply(AdamStep(settings, rate: rate, step: step), workers)
  }
}

/// The step of Adam and of AdamW.
struct AdamStep: StepFunction {
  private let beta1, beta2, epsilon, size, root: Double

  init(_ settings: RuleSettings, rate: Double, step: Int) {
    (beta1, beta2, epsilon) = (settings[.beta1], settings[.beta2], settings[.epsilon])
    size = rate / (1 - pow(beta1, Double(step)))
    root = (1 - pow(beta2, Double(step))).squareRoot()
  }

  func callAsFunction<R: Real>(_ gradient: R, _ first: inout R, _ second: inout R) -> R {
    first = R(beta1) * first + R(1 - beta1) * gradient
    second = R(beta2) * second + R(1 - beta2) * gradient * gradient
    return R(size) * first / (second.squareRoot() / R(root) + R(epsilon))
  }
}
