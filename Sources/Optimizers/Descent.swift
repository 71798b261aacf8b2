import Kernels
import Products
import Tensors

extension Correction {
  /// parameter − rate · gradient.
  ///
  /// - Parameter kernels: for F32 and a preparation that does nothing but take the mean, with the
  ///   same bytes, and in the same pass whether the results are finite; nil for the loop.
  mutating func descend(
    rate: Double, _ workers: Workers, with kernels: LaneKernels? = .best
  ) {
    if let kernels, parameter.dtype == .f32, let mean = Mean<Float>(preparation) {
      descend(rate: Float(rate), share: mean.share, workers, kernels)
    } else {
      apply(Descent(rate: rate), workers)
    }
  }
}

private struct Descent: StepFunction {
  let rate: Double

  func callAsFunction<R: Real>(_ gradient: R, _ first: inout R, _ second: inout R) -> R {
    R(rate) * gradient
  }
}
