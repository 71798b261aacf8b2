import Compute

/// f(x) = max(0, x); the derivative at 0 is taken as 0. NaN stays NaN.
public struct ReLU: ElementwiseActivation {
  public init() {}

  public var word: String { "relu" }

  public var spread: VarianceScaling { .he() }

  public func value<R: Real>(_ x: R) -> R { x < 0 ? 0 : x }

  public func slope<R: Real>(output y: R) -> R { y > 0 ? 1 : 0 }
}

/// f(x) = x for x ≥ 0, otherwise slope · x; the derivative at 0 is taken as the slope. NaN stays NaN.
///
/// `leaky-relu [slope=0.01]`, above 0 and below 1, so that the output's sign tells the sum's.
///
/// Source: Maas, Hannun, Ng 2013, Rectifier nonlinearities improve neural network acoustic models, section 2.
public struct LeakyReLU: ElementwiseActivation {
  private let slope: Double

  public init(slope: Double = 0.01) { self.slope = slope }

  public var word: String { "leaky-relu" }

  public func configured(_ words: inout LayerWords) throws -> any Activation {
    Self(
      slope: try words.number("slope", otherwise: slope, "above 0 and below 1") {
        Float($0) > 0 && Float($0) < 1
      })
  }

  public var spread: VarianceScaling { .he(slope: slope) }

  public func value<R: Real>(_ x: R) -> R { x < 0 ? R(slope) * x : x }

  public func slope<R: Real>(output y: R) -> R { y > 0 ? 1 : R(slope) }
}
