import Kernels
import Tensors

/// Σₖ |outputₖ − targetₖ|, after any activation.
public struct AbsoluteError: Loss {
  public init() {}

  public var word: String { "absolute" }

  public func values(output: Tensor, sum: Tensor?, target: Tensor, _ workers: Workers) -> Tensor {
    output.perExample(target, by: SumOfTerms(term: Distance()), workers)
  }

  /// ∂loss/∂outputₖ = the sign of outputₖ − targetₖ, 0 where they are equal
  public func derivative(output: Tensor, target: Tensor, _ workers: Workers) -> LossDerivative {
    .error(output.combined(with: target, by: Sign(), workers))
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
