import Compute
import Tensors

/// f(x) = 1 for x > 0, otherwise 0: the perceptron's threshold. At 0 it does not fire; NaN stays NaN.
public struct Step: Activation {
  public init() {}

  public var word: String { "step" }

  public var isElementwise: Bool { true }

  public var reasonWithoutDerivative: String? {
    "'step' has no derivative to learn by: it is flat everywhere but at 0, where it jumps"
  }

  public func apply(to sum: inout Tensor, _ workers: ThreadPool) {
    sum.map(by: Threshold(), workers)
  }

  public func makeDelta(
    of error: inout Tensor, sum: Tensor?, output: Tensor, _ workers: ThreadPool
  ) {
    preconditionFailure("delta of a step")
  }

  public func derivative(sum: Tensor?, output: Tensor, _ workers: ThreadPool) -> Tensor? { nil }
}

private struct Threshold: ElementFunction {
  func callAsFunction<R: Real>(_ x: R) -> R { x > 0 ? 1 : x <= 0 ? 0 : x }
}
