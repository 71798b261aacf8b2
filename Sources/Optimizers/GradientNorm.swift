import Compute
import Tensors

/// The length of a gradient over many parameters, for clipping: √ of the sum of the squares of
/// clamp(g / divisor, −bound, bound).
///
/// Added up in Double, piece by piece and tensor by tensor in the order given, so that the number of threads
/// changes nothing.
public func gradientNorm(
  of gradients: [Tensor], divisor: Int, bound: Double, _ workers: ThreadPool
) -> Double {
  gradients.reduce(0) { sum, gradient in
    sum
      + dispatch(
        gradient.dtype,
        f32: { squareSum(of: gradient, Float.self, divisor, bound, workers) },
        f64: { squareSum(of: gradient, Double.self, divisor, bound, workers) })
  }.squareRoot()
}

/// What clipping to the norm `largest` leaves of a gradient of norm `norm`: PyTorch's `clip_grad_norm_`.
public func clippingFactor(norm: Double, largest: Double) -> Double {
  min(1, largest / (norm + 1e-6))
}

private func squareSum<R: Real>(
  of tensor: Tensor, _ type: R.Type, _ divisor: Int, _ bound: Double, _ workers: ThreadPool
) -> Double {
  let (divisor, bound) = (R(divisor), R(bound))
  let pieces = (tensor.shape.count + elementsPerPiece - 1) / elementsPerPiece
  var sums = [Double](repeating: 0, count: pieces)
  tensor.withValues(of: type) { values in
    sums.withUnsafeMutableBufferPointer { sums in
      workers.run(cutting: values.count, into: elementsPerPiece) { range in
        var sum = 0.0
        for i in range {
          let value = Double(min(max(values[i] / divisor, -bound), bound))
          sum += value * value
        }
        sums[range.lowerBound / elementsPerPiece] = sum
      }
    }
  }
  return sums.reduce(0, +)
}
