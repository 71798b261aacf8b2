import Compute

/// f(x) = tanh x.
public struct Tanh: ElementwiseActivation {
  public init() {}

  public var word: String { "tanh" }

  public func value<R: Real>(_ x: R) -> R { R.tanh(x) }

  public func slope<R: Real>(output y: R) -> R { 1 - y * y }
}
