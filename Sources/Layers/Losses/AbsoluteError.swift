import Compute
import Tensors

/// Σₖ |outputₖ − targetₖ|, after any activation.
public struct AbsoluteError: PairLoss {
  public init() {}

  public var word: String { "absolute" }

  var term: Distance { Distance() }

  /// ∂loss/∂outputₖ = the sign of outputₖ − targetₖ, 0 where they are equal
  var slope: Sign { Sign() }
}

struct Distance: PairFunction {
  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R { abs(output - target) }
}

struct Sign: PairFunction {
  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R {
    let difference = output - target
    let notAbove: R = difference < 0 ? -1 : difference
    return difference > 0 ? 1 : notAbove
  }
}
