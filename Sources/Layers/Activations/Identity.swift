import Compute
import Tensors

/// f(x) = x: the sums leave as they are.
public struct Identity: ElementwiseActivation {
  public init() {}

  public var word: String { "identity" }

  public func value<R: Real>(_ x: R) -> R { x }

  public func slope<R: Real>(output y: R) -> R { 1 }

  public func apply(to sum: inout Tensor, _ workers: ThreadPool) {}

  public func makeDelta(
    of error: inout Tensor, sum: Tensor?, output: Tensor, _ workers: ThreadPool
  ) {}
}
