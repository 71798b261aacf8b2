import Kernels
import Tensors

/// What a step makes of the gradients that were summed over its examples.
public enum Reduction: String, CaseIterable, Sendable {
  /// Divided by the number of examples.
  case mean

  /// As it is.
  case sum

  /// - Parameters:
  ///   - gradient: summed over the examples.
  ///   - examples: at least 1.
  public func reduced(_ gradient: Tensor, examples: Int, _ workers: Workers) -> Tensor {
    precondition(examples >= 1, "a gradient over \(examples) examples")
    switch self {
    case .mean: return gradient.mapped(by: Division(divisor: examples), workers)
    case .sum: return gradient
    }
  }
}

private struct Division: ElementFunction {
  let divisor: Int

  func callAsFunction<R: Real>(_ x: R) -> R { x / R(divisor) }
}
