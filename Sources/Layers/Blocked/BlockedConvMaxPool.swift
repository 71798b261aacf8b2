import Compute
import Tensors

/// `conv`, perhaps `relu`, and `maxpool` in one, on images in blocked layout. Every number is that of one after the other.
///
/// What the convolution computes is pooled before it is written: of its output only a tile is ever in memory. Backward
/// goes by the argmax of each window.
public struct BlockedConvMaxPool: Layer {
  private let conv: Conv
  private let pooling: LaneMaxPooling
  private let kernels: LaneKernels

  /// nil where the two do not fit together, or not with these kernels.
  ///
  /// - Parameter isRectified: whether a `relu` stands between the two.
  public init?(_ conv: Conv, _ pool: MaxPool, isRectified: Bool, _ kernels: LaneKernels) {
    guard conv.convolution.hasKernels(kernels), conv.convolution.canBePooled(by: pool.window),
      LaneMaxPooling.isAble(pool.window)
    else { return nil }
    (self.conv, self.kernels) = (conv, kernels)
    pooling = LaneMaxPooling(kernels, pool.window, input: pool.input, isRectified: isRectified)
  }

  public var output: Shape { pooling.output }
  public var parameters: [Parameter] { conv.parameters }

  public func saved(_ mode: Mode) -> [SavedTensor] {
    [SavedTensor("argmax", output, isPerExample: true, .u8)]
  }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    conv.backwardReads(mode, wantsInputGradient: wantsInputGradient)
  }

  public func scratchBytes(examples: Int, _ dtype: DType, threads: Int) -> Double {
    conv.scratchBytes(examples: examples, dtype, threads: threads)
  }

  public func forward(_ call: ForwardCall) {
    let (images, workers) = (conv.blockedImages(call.input, kernels), call.context.workers)
    let bias = conv.hasBias ? call.parameters[1] : nil
    if call.isSaving {
      conv.convolution.forward(
        images, call.parameters[0], plus: bias, pooledBy: pooling, noting: &call.saved[0],
        into: &call.output, workers)
    } else {
      conv.convolution.forward(
        images, call.parameters[0], plus: bias, pooledBy: pooling, into: &call.output, workers)
    }
  }

  public func backward(_ call: BackwardCall) {
    let (delta, argmax, workers) = (call.outputGradient, call.saved[0], call.context.workers)
    call.parameterGradients[0] = conv.convolution.weightGradient(
      delta: delta, winners: argmax, of: pooling,
      input: conv.blockedImages(call.input, kernels), workers)
    if conv.hasBias {
      call.parameterGradients[1] = pooling.summedOverPictures(
        delta: delta, winners: argmax, workers)
    }
    guard call.wantsInputGradient else { return }
    conv.convolution.inputGradient(
      delta: delta, winners: argmax, of: pooling, call.parameters[0], into: &call.inputGradient,
      workers)
    call.inputGradient = call.inputGradient.reshaped(call.input.shape)
  }
}
