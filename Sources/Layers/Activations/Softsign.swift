import Compute

/// f(x) = x / (1 + |x|).
///
/// Source: Glorot, Bengio 2010, Understanding the difficulty of training deep feedforward neural networks,
/// section 2.3 (after Bergstra).
public struct Softsign: ElementwiseActivation {
  public init() {}

  public var word: String { "softsign" }

  public func value<R: Real>(_ x: R) -> R { x / (1 + abs(x)) }

  /// 1 / (1 + |x|)² = (1 − |f(x)|)²
  public func slope<R: Real>(output y: R) -> R { (1 - abs(y)) * (1 - abs(y)) }
}
