import Compute
import Tensors

/// yₖ = e^xₖ / Σⱼ e^xⱼ along the last axis: numbers that are positive and add up to 1.
public struct Softmax: Activation {
  public init() {}

  public var word: String { "softmax" }

  public func objection(to output: Shape) -> String? {
    output.dimensions.last ?? 1 > 1 ? nil : "'softmax' of a single output is always 1"
  }

  public func apply(to sum: inout Tensor, _ workers: ThreadPool) {
    let width = lastAxis(of: sum)
    sum.mapRows(width: width, by: NormalizedExponentials(), workers)
  }

  /// δⱼ = Σₖ eₖ ∂yₖ/∂xⱼ with ∂yₖ/∂xⱼ = yₖ (1ₖ₌ⱼ − yⱼ), so δⱼ = yⱼ (eⱼ − Σₖ eₖ yₖ).
  public func makeDelta(
    of error: inout Tensor, sum: Tensor?, output: Tensor, _ workers: ThreadPool
  ) {
    error.combineRows(width: lastAxis(of: output), with: output, by: JacobianProduct(), workers)
  }

  public func derivative(sum: Tensor?, output: Tensor, _ workers: ThreadPool) -> Tensor? { nil }

  private func lastAxis(of tensor: Tensor) -> Int { tensor.shape[tensor.shape.rank - 1] }
}

private struct NormalizedExponentials: RowFunction {
  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, into y: UnsafeMutableBufferPointer<R>
  ) {
    // Less the largest, no exponential overflows and at least one is 1.
    var largest = x[0]
    for value in x where value > largest { largest = value }
    var sum: R = 0
    for k in x.indices {
      y[k] = R.exp(x[k] - largest)
      sum += y[k]
    }
    for k in y.indices { y[k] /= sum }
  }
}

private struct JacobianProduct: RowPairFunction {
  func callAsFunction<R: Real>(
    _ error: UnsafeBufferPointer<R>, _ y: UnsafeBufferPointer<R>,
    into delta: UnsafeMutableBufferPointer<R>
  ) {
    var mean: R = 0
    for k in y.indices { mean += error[k] * y[k] }
    for k in y.indices { delta[k] = y[k] * (error[k] - mean) }
  }
}
