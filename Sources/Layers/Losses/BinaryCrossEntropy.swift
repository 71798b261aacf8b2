import Compute
import Tensors

/// −Σₖ (targetₖ log σ(sumₖ) + (1 − targetₖ) log(1 − σ(sumₖ))), after sigmoid; every target is a probability.
public struct BinaryCrossEntropy: Loss {
  public init() {}

  public var word: String { "binary-cross-entropy" }

  public var needsSum: Bool { true }

  public var derivesBySum: Bool { true }

  public func objection(to activation: any Activation, output: Shape) -> String? {
    activation.word == Sigmoid().word
      ? nil : "'\(word)' needs 'sigmoid' as the last activation, found '\(activation.word)'"
  }

  public func check(target: Tensor) throws {
    try check(target: target) { (0...1).contains($0) ? nil : "from 0 to 1" }
  }

  /// From the sums, as softplus(sumₖ) − targetₖ sumₖ, with an exponential that never overflows.
  public func values(
    output: Tensor, sum: Tensor?, target: Tensor, into losses: inout Tensor, _ workers: ThreadPool
  ) {
    guard let sum else { preconditionFailure("binary-cross-entropy without the sum") }
    sum.perExample(target, by: SumOfTerms(term: SoftplusLoss()), into: &losses, workers)
  }

  /// ∂loss/∂sumₖ = σ(sumₖ) − targetₖ
  public func derivative(
    output: Tensor, target: Tensor, into result: inout Tensor, _ workers: ThreadPool
  ) {
    output.combine(with: target, by: Difference(), into: &result, workers)
  }
}

private struct SoftplusLoss: PairFunction {
  /// softplus(x) = log(1 + e^x) = max(x, 0) + log(1 + e^−|x|)
  func callAsFunction<R: Real>(_ x: R, _ target: R) -> R {
    (x > 0 ? x : 0) - x * target + R.log1p(R.exp(-abs(x)))
  }
}
