import Compute
import Tensors

/// `maxpool`, perhaps with a `relu` before it, on images in blocked layout. Every number is that of one after the other.
public struct BlockedMaxPool: Layer {
  private let pooling: LaneMaxPooling

  /// nil where the window is too large.
  ///
  /// - Parameter isRectified: whether it also does the work of a `relu` before it.
  public init?(_ pool: MaxPool, isRectified: Bool, _ kernels: LaneKernels) {
    if !LaneMaxPooling.isAble(pool.window) { return nil }
    pooling = LaneMaxPooling(kernels, pool.window, input: pool.input, isRectified: isRectified)
  }

  public var output: Shape { pooling.output }

  public func saved(_ mode: Mode) -> [SavedTensor] {
    [SavedTensor("argmax", output, isPerExample: true, .u8)]
  }

  public func forward(_ call: ForwardCall) {
    let (images, workers) = (images(call.input), call.context.workers)
    if call.isSaving {
      pooling.forward(images, into: &call.output, noting: &call.saved[0], workers)
    } else {
      pooling.forward(images, into: &call.output, workers)
    }
  }

  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    pooling.inputGradient(
      delta: call.outputGradient, winners: call.saved[0], into: &call.inputGradient,
      call.context.workers)
    call.inputGradient = call.inputGradient.reshaped(call.input.shape)
  }

  private func images(_ input: Tensor) -> Tensor {
    input.reshaped(pooling.shape(of: input.shape.count / pooling.input.count))
  }
}
