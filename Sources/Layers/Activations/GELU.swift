import Compute

/// f(x) = x Φ(x), where Φ is the standard normal distribution function.
///
/// Computed exactly, by the error function, as PyTorch's GELU and ONNX's Gelu do by default; not by the
/// approximation ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))), which both also have and which differs by up to 5e-4.
///
/// Source: Hendrycks, Gimpel 2016, Gaussian error linear units, section 2.
public struct GELU: ElementwiseActivationBySum {
  public init() {}

  public var word: String { "gelu" }

  public var spread: VarianceScaling { .he() }

  public func value<R: Real>(_ x: R) -> R { x * distribution(x) }

  /// Φ(x) + x φ(x), where φ(x) = e^(−x²/2) / √(2π) is the density.
  public func slope<R: Real>(sum x: R) -> R {
    distribution(x) + x * (R(0.398_942_280_401_432_7) * R.exp(-x * x / 2))
  }

  /// Φ(x) = ½ erfc(−x/√2), which unlike ½ (1 + erf(x/√2)) keeps its precision far below 0.
  private func distribution<R: Real>(_ x: R) -> R {
    R.erfc(x * R(-0.707_106_781_186_547_6)) / 2
  }
}
