import Compute

/// f(x) = x σ(x) with σ(x) = 1 / (1 + e^−x), also known as swish.
///
/// Source: Elfwing, Uchibe, Doya 2018, Sigmoid-weighted linear units for neural network function approximation
/// in reinforcement learning, section 2.
public struct SiLU: ElementwiseActivationBySum {
  public init() {}

  public var word: String { "silu" }

  public var spread: VarianceScaling { .he() }

  public func value<R: Real>(_ x: R) -> R { x * logistic(x) }

  /// σ(x) (1 + x σ(−x)), as 1 − σ(x) = σ(−x).
  public func slope<R: Real>(sum x: R) -> R {
    let power = R.exp(-abs(x))
    let (above, below): (R, R) = x >= 0 ? (1, power) : (power, 1)
    return above / (1 + power) * (1 + x * (below / (1 + power)))
  }
}
