import Compute
import Tensors

/// ½ Σₖ (outputₖ − targetₖ)², after any activation.
public struct SquaredError: PairLoss {
  public init() {}

  public var word: String { "squared" }

  var term: HalfSquare { HalfSquare() }

  /// ∂loss/∂outputₖ = outputₖ − targetₖ
  var slope: Difference { Difference() }
}

struct HalfSquare: PairFunction {
  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R {
    let difference = output - target
    return difference * difference / 2
  }
}
