import Compute
import Tensors

/// Σₖ h(outputₖ − targetₖ), after any activation, where h(d) = ½ d² for |d| ≤ delta, otherwise delta (|d| − ½ delta):
/// a square near the target and a straight line far from it, so that few wild targets do not rule the rest.
///
/// `huber [delta=1]`, above 0. PyTorch's HuberLoss with reduction none, added up over the outputs; not its
/// SmoothL1Loss, which is the same divided by delta.
///
/// Source: Huber 1964, Robust estimation of a location parameter, section 2.
public struct Huber: PairLoss {
  private let delta: Double

  public init(delta: Double = 1) { self.delta = delta }

  public var word: String { "huber" }

  public func configured(_ words: inout LayerWords, output: Shape) throws -> any Loss {
    Self(
      delta: try words.number("delta", otherwise: delta, "above 0, within F32") {
        Float($0) > 0
      })
  }

  var term: HuberTerm { HuberTerm(delta: delta) }

  /// ∂loss/∂outputₖ = outputₖ − targetₖ, cut off at ±delta
  var slope: CutOffDifference { CutOffDifference(limit: delta) }
}

struct HuberTerm: PairFunction {
  let delta: Double

  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R {
    let distance = abs(output - target)
    return distance > R(delta)
      ? R(delta) * (distance - R(delta) / 2) : distance * distance / 2
  }
}

struct CutOffDifference: PairFunction {
  let limit: Double

  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R {
    let difference = output - target
    let notBelow = difference < -R(limit) ? -R(limit) : difference
    return notBelow > R(limit) ? R(limit) : notBelow
  }
}
