import Compute
import Tensors

/// `conv` on images in blocked layout: [N / lanes, C, H, W, lanes]. Every number is that of `Conv`.
public struct BlockedConv: Layer {
  private let conv: Conv
  private let kernels: LaneKernels

  /// nil where the convolution has not these kernels.
  public init?(_ conv: Conv, _ kernels: LaneKernels) {
    if !conv.convolution.hasKernels(kernels) { return nil }
    (self.conv, self.kernels) = (conv, kernels)
  }

  public var output: Shape { conv.output }
  public var parameters: [Parameter] { conv.parameters }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    conv.backwardReads(mode, wantsInputGradient: wantsInputGradient)
  }

  public func scratchBytes(examples: Int, _ dtype: DType, threads: Int) -> Double {
    conv.scratchBytes(examples: examples, dtype, threads: threads)
  }

  public func forward(_ call: ForwardCall) {
    conv.convolution.forward(
      conv.blockedImages(call.input, kernels), call.parameters[0],
      plus: conv.hasBias ? call.parameters[1] : nil, into: &call.output, call.context.workers,
      in: .blocked)
  }

  public func backward(_ call: BackwardCall) {
    let (delta, workers) = (call.outputGradient, call.context.workers)
    call.parameterGradients[0] = conv.convolution.weightGradient(
      delta: delta, input: conv.blockedImages(call.input, kernels), workers, in: .blocked)
    if conv.hasBias { call.parameterGradients[1] = kernels.summedOverPictures(delta, workers) }
    guard call.wantsInputGradient else { return }
    conv.convolution.inputGradient(
      delta: delta, call.parameters[0], into: &call.inputGradient, workers, in: .blocked)
    call.inputGradient = call.inputGradient.reshaped(call.input.shape)
  }
}

extension Conv {
  /// The input as images in blocked layout, whatever its shape is.
  func blockedImages(_ input: Tensor, _ kernels: LaneKernels) -> Tensor {
    input.reshaped(
      kernels.shape(of: convolution.input, input.shape.count / convolution.input.count))
  }
}
