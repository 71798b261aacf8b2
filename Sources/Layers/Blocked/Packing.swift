import Compute
import Tensors

/// Packs examples into blocked layout: [N, …] becomes [N / lanes, …, lanes].
public struct Pack: Layer {
  public let output: Shape
  private let kernels: LaneKernels

  /// - Parameter example: the shape of one example.
  public init(_ example: Shape, _ kernels: LaneKernels) {
    (output, self.kernels) = (example, kernels)
  }

  public func forward(_ call: ForwardCall) {
    kernels.spread(call.input, into: &call.output, call.context.workers)
  }

  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    kernels.collect(
      call.outputGradient, as: call.input.shape.perExample, into: &call.inputGradient,
      call.context.workers)
  }
}

/// Unpacks what lies in blocked layout: [N / lanes, …, lanes] becomes [N, …].
public struct Unpack: Layer {
  public let output: Shape
  private let kernels: LaneKernels

  /// - Parameter example: the shape of one example.
  public init(_ example: Shape, _ kernels: LaneKernels) {
    (output, self.kernels) = (example, kernels)
  }

  public func forward(_ call: ForwardCall) {
    kernels.collect(call.input, as: output, into: &call.output, call.context.workers)
  }

  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    kernels.spread(call.outputGradient, into: &call.inputGradient, call.context.workers)
    call.inputGradient = call.inputGradient.reshaped(call.input.shape)
  }
}
