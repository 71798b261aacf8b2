import Compute
import Tensors

/// `batchnorm`, perhaps with a `relu` after it, in blocked layout. Every number is that of one after the other.
public struct BlockedBatchNorm: Layer {
  private let norm: BatchNorm
  private let isRectified: Bool
  private let normalization: LaneNormalization

  /// - Parameter isRectified: whether it also does the work of a `relu` after it.
  public init(_ norm: BatchNorm, isRectified: Bool, _ kernels: LaneKernels) {
    (self.norm, self.isRectified) = (norm, isRectified)
    normalization = LaneNormalization(
      kernels, as: ChannelNormalization(epsilon: norm.epsilon), isRectified: isRectified)
  }

  public var output: Shape { norm.output }
  public var parameters: [Parameter] { norm.parameters }
  public func saved(_ mode: Mode) -> [SavedTensor] { norm.saved(mode) }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    var reads = norm.backwardReads(mode, wantsInputGradient: wantsInputGradient || isRectified)
    if isRectified { reads.parameters.insert(1, at: 1) }
    return reads
  }

  public func objection(toTrainingOn examples: Int) -> String? {
    norm.objection(toTrainingOn: examples)
  }

  public func forward(_ call: ForwardCall) {
    norm.keep(
      normalization.forward(
        call.input, weight: call.parameters[0], bias: call.parameters[1],
        known: norm.knownStatistics(call), call.context.workers),
      of: call, as: call.input.shape)
  }

  public func backward(_ call: BackwardCall) {
    let (mean, variance) = norm.statistics(call)
    let needsWeight = call.wantsInputGradient || isRectified
    norm.keep(
      normalization.backward(
        error: call.outputGradient, input: call.input,
        weight: needsWeight ? call.parameters[0] : nil,
        bias: isRectified ? call.parameters[1] : nil, mean: mean, variance: variance,
        areOfInput: call.context.mode == .training,
        wantsInputGradient: call.wantsInputGradient, call.context.workers),
      of: call)
  }
}
