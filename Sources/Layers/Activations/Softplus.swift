import Compute

/// f(x) = log(1 + e^x), the smooth rectifier, without overflow and exact in both tails.
///
/// Source: Dugas, Bengio, Bélisle, Nadeau, Garcia 2001, Incorporating second-order functional knowledge for
/// better option pricing.
public struct Softplus: ElementwiseActivation {
  public init() {}

  public var word: String { "softplus" }

  /// max(x, 0) + log(1 + e^−|x|)
  public func value<R: Real>(_ x: R) -> R { (x < 0 ? 0 : x) + R.log1p(R.exp(-abs(x))) }

  /// 1 / (1 + e^−x) = 1 − e^−f(x)
  public func slope<R: Real>(output y: R) -> R { -R.expm1(-y) }
}
