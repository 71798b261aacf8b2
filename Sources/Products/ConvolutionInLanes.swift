import Kernels
import Tensors

/// The products of a convolution whose pictures lie in registers before and behind it, the examples of a batch side by side: in
/// F32, [N / lanes, C, H, W, lanes]. Every number is the same as that of `forward` and the others.
extension Convolution {
  /// Whether there are such kernels for it.
  public func hasKernels(_ kernels: LaneKernels) -> Bool { lanes?.lanes == kernels.lanes }

  /// As `forward`, into memory that is used again.
  public func forwardInLanes(
    _ input: Tensor, _ weight: Tensor, plus bias: Tensor?, into result: inout Tensor,
    _ workers: Workers
  ) {
    result.become(uninitialized: shape(of: output, like: input), .f32)
    if let inTiles {
      inTiles.forward(input, weight, bias, into: &result, .inLanes, workers)
    } else {
      inLanes?.forward(input, weight, bias, into: &result, .inLanes, workers)
    }
  }

  /// As `inputGradient`, into memory that is used again.
  public func inputGradientInLanes(
    delta: Tensor, _ weight: Tensor, into result: inout Tensor, _ workers: Workers
  ) {
    result.become(uninitialized: shape(of: input, like: delta), .f32)
    if let inTiles {
      inTiles.inputGradient(delta, weight, into: &result, .inLanes, workers)
    } else {
      inLanes?.inputGradient(delta, weight, into: &result, .inLanes, workers)
    }
  }

  /// As `weightGradient`; packed as there.
  public func weightGradientInLanes(
    delta: Tensor, input: Tensor, _ workers: Workers
  ) -> Tensor {
    if let inTiles { return inTiles.weightGradient(delta, input, .inLanes, workers) }
    guard let inLanes else { preconditionFailure("a convolution without kernels") }
    return inLanes.weightGradient(delta, input, .inLanes, workers)
  }

  private func shape(of picture: Shape, like other: Tensor) -> Shape {
    precondition(
      lanes != nil && other.shape.rank == 5 && other.shape[4] == lanes?.lanes,
      "\(other.shape) is not in lanes")
    return Shape([other.shape[0]] + picture.dimensions + [other.shape[4]])
  }
}
