import Kernels

/// f(x) = max(0, x); the derivative at 0 is taken as 0. NaN stays NaN.
public struct ReLU: ElementwiseActivation {
  public init() {}

  public var word: String { "relu" }

  public var spread: Spread { .he }

  public func value<R: Real>(_ x: R) -> R { x < 0 ? 0 : x }

  public func slope<R: Real>(output y: R) -> R { y > 0 ? 1 : 0 }
}
