import Compute

/// f(x) = min(max(x/6 + 1/2, 0), 1): the sigmoid in three straight lines; the derivative at the kinks ±3 is taken
/// as 0. NaN stays NaN.
///
/// The slope is PyTorch's, of its Hardsigmoid; ONNX's HardSigmoid has the same with alpha=1/6 instead of its
/// default 0.2.
public struct HardSigmoid: ElementwiseActivation {
  public init() {}

  public var word: String { "hard-sigmoid" }

  public func value<R: Real>(_ x: R) -> R {
    let line = x / 6 + 0.5
    let cut = line < 0 ? 0 : line
    return cut > 1 ? 1 : cut
  }

  public func slope<R: Real>(output y: R) -> R { y > 0 && y < 1 ? R(1) / 6 : 0 }
}
