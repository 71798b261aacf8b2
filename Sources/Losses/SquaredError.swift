import Kernels
import Tensors

/// ½ Σₖ (outputₖ − targetₖ)², after any activation.
public struct SquaredError: Loss {
  public init() {}

  public var word: String { "squared" }

  public func values(
    output: Tensor, sum: Tensor?, target: Tensor, into losses: inout Tensor, _ workers: Workers
  ) {
    output.perExample(target, by: SumOfTerms(term: HalfSquare()), into: &losses, workers)
  }

  /// ∂loss/∂outputₖ = outputₖ − targetₖ
  public func derivative(
    output: Tensor, target: Tensor, into result: inout Tensor, _ workers: Workers
  ) {
    output.combine(with: target, by: Difference(), into: &result, workers)
  }
}

private struct HalfSquare: PairFunction {
  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R {
    let difference = output - target
    return difference * difference / 2
  }
}
