import Compute

/// f(x) = x tanh(softplus(x)) with softplus(x) = log(1 + e^x).
///
/// Source: Misra 2020, Mish: a self regularized non-monotonic activation function, equation 1.
public struct Mish: ElementwiseActivationBySum {
  public init() {}

  public var word: String { "mish" }

  public var spread: VarianceScaling { .he() }

  public func value<R: Real>(_ x: R) -> R { x * gate(x).tanh }

  /// tanh(s) + x σ(x) (1 − tanh²(s)) with s = softplus(x).
  public func slope<R: Real>(sum x: R) -> R {
    let (tanh, sech2) = gate(x)
    return tanh + x * logistic(x) * sech2
  }

  /// tanh(softplus(x)) and 1 − tanh²(softplus(x)), from p = e^−|x|, which never overflows.
  ///
  /// With u = 1 + e^x: tanh(log u) = (u² − 1) / (u² + 1) and 1 − tanh² = 4 u² / (u² + 1)².
  private func gate<R: Real>(_ x: R) -> (tanh: R, sech2: R) {
    let p = R.exp(-abs(x))
    if x >= 0 {
      // Above and below divided by e^2x: u² − 1 = 1 + 2p, u² + 1 = 1 + 2p + 2p².
      let (above, below) = (1 + 2 * p, 1 + 2 * p + 2 * p * p)
      return (above / below, 4 * (1 + p) * (1 + p) * p * p / (below * below))
    }
    // p = e^x: u² − 1 = p (2 + p), u² + 1 = 2 + 2p + p².
    let below = 2 + 2 * p + p * p
    return (p * (2 + p) / below, 4 * (1 + p) * (1 + p) / (below * below))
  }
}
