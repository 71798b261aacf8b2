import Compute

/// f(x) = x for x > 0, otherwise alpha · (e^x − 1).
///
/// `elu [alpha=1]`, above 0. With another alpha than 1 there is a kink at 0, where the derivative is taken as
/// alpha.
///
/// Source: Clevert, Unterthiner, Hochreiter 2016, Fast and accurate deep network learning by exponential linear
/// units, section 3; as there, weights are spread after He.
public struct ELU: ElementwiseActivation {
  private let alpha: Double

  public init(alpha: Double = 1) { self.alpha = alpha }

  public var word: String { "elu" }

  public func configured(_ words: inout LayerWords) throws -> any Activation {
    Self(
      alpha: try words.number("alpha", otherwise: alpha, "above 0, within F32") {
        Float($0) > 0
      })
  }

  public var spread: VarianceScaling { .he() }

  public func value<R: Real>(_ x: R) -> R { x > 0 ? x : R(alpha) * R.expm1(x) }

  /// alpha · e^x = f(x) + alpha below 0.
  public func slope<R: Real>(output y: R) -> R { y > 0 ? 1 : y + R(alpha) }
}

/// f(x) = λ x for x > 0, otherwise λ α (e^x − 1), with the two constants that keep mean 0 and variance 1 from layer
/// to layer; the derivative at the kink at 0 is taken as λ α.
///
/// That holds for start values of variance 1 / fan-in. They are drawn uniformly like those before all other
/// activations: the proof knows of their mean and variance only.
///
/// Source: Klambauer, Unterthiner, Mayr, Hochreiter 2017, Self-normalizing neural networks, equation 2;
/// the constants in closed form in its appendix A1.
public struct SELU: ElementwiseActivation {
  private static let lambda = 1.050_700_987_355_480_5
  private static let lambdaAlpha = lambda * 1.673_263_242_354_377_2

  public init() {}

  public var word: String { "selu" }

  public var spread: VarianceScaling { .leCun }

  public func value<R: Real>(_ x: R) -> R {
    x > 0 ? R(Self.lambda) * x : R(Self.lambdaAlpha) * R.expm1(x)
  }

  /// λ α e^x = f(x) + λ α below 0.
  public func slope<R: Real>(output y: R) -> R {
    y > 0 ? R(Self.lambda) : y + R(Self.lambdaAlpha)
  }
}
