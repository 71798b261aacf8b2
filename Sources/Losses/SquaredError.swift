import Kernels
import Tensors

/// ½ Σₖ (outputₖ − targetₖ)², after any activation.
public struct SquaredError: Loss {
  public init() {}

  public var word: String { "squared" }

  public func values(output: Tensor, sum: Tensor?, target: Tensor, _ workers: Workers) -> Tensor {
    output.perExample(target, by: SumOfTerms(term: HalfSquare()), workers)
  }

  /// ∂loss/∂outputₖ = outputₖ − targetₖ
  public func derivative(output: Tensor, target: Tensor, _ workers: Workers) -> LossDerivative {
    .error(output.combined(with: target, by: Difference(), workers))
  }
}

private struct HalfSquare: PairFunction {
  func callAsFunction<R: Real>(_ output: R, _ target: R) -> R {
    let difference = output - target
    return difference * difference / 2
  }
}
