import Compute

/// f(x) = 1 / (1 + e^−x), the logistic function.
public struct Sigmoid: ElementwiseActivation {
  public init() {}

  public var word: String { "sigmoid" }

  public func value<R: Real>(_ x: R) -> R { logistic(x) }

  public func slope<R: Real>(output y: R) -> R { y * (1 - y) }
}

/// 1 / (1 + e^−x), from an exponential that never overflows, so that both tails keep their precision; without a
/// branch, which would be mispredicted half the time.
func logistic<R: Real>(_ x: R) -> R {
  let power = R.exp(-abs(x))
  return (x >= 0 ? 1 : power) / (1 + power)
}
