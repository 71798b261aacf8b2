import Kernels
import Tensors

/// Σₖ |outputₖ − targetₖ|, after any activation.
public struct AbsoluteError: Loss {
  public init() {}

  public var word: String { "absolute" }

  public func values(
    output: Tensor, sum: Tensor?, target: Tensor, into losses: inout Tensor, _ workers: Workers
  ) {
    output.perExample(target, by: SumOfTerms(term: Distance()), into: &losses, workers)
  }

  /// ∂loss/∂outputₖ = the sign of outputₖ − targetₖ, 0 where they are equal
  public func derivative(
    output: Tensor, target: Tensor, into result: inout Tensor, _ workers: Workers
  ) {
    output.combine(with: target, by: Sign(), into: &result, workers)
  }
}

private struct Distance: PairFunction {
  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R { abs(output - target) }
}

private struct Sign: PairFunction {
  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R {
    let difference = output - target
    let notAbove: R = difference < 0 ? -1 : difference
    return difference > 0 ? 1 : notAbove
  }
}
