import Kernels

/// f(x) = 1 / (1 + e^−x), the logistic function.
public struct Sigmoid: ElementwiseActivation {
  public init() {}

  public var word: String { "sigmoid" }

  public func value<R: Real>(_ x: R) -> R { logistic(x) }

  public func slope<R: Real>(output y: R) -> R { y * (1 - y) }
}

/// 1 / (1 + e^−x), from an exponential that never overflows, so that both tails keep their precision.
func logistic<R: Real>(_ x: R) -> R {
  if x >= 0 { return 1 / (1 + R.exp(-x)) }
  let power = R.exp(x)
  return power / (1 + power)
}
