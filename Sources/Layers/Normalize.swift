import Compute
import Tensors

/// Every channel less a constant and divided by another: `normalize mean=M,… std=S,…`, one number for all channels or
/// one each.
///
/// The constants are usually the mean and the standard deviation of the training data. Without them the line is a gap that
/// `nn-init --fit DATASET` fills in. C channels, the first axis of an example.
public struct Normalize: Layer {
  public let output: Shape

  /// Whether the topology states the constants.
  public let isFitted: Bool

  /// One for all channels, or one each: a line must not take the memory of as many channels as it claims.
  private let mean: [Double]
  private let deviation: [Double]

  private var channels: Int { output[0] }

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = input
    let channels = input[0]
    let expected = "\(channels == 1 ? "a number" : "1 or \(channels) numbers, joined by commas")"
    let mean = try words.numbers("mean", expected + " within F32") {
      [1, channels].contains($0.count)
    }
    let deviation = try words.numbers("std", expected + " above 0 within F32") {
      [1, channels].contains($0.count) && $0.allSatisfy { Float($0).isNormal && $0 > 0 }
    }
    guard (mean == nil) == (deviation == nil) else {
      throw words.objection("'mean=' and 'std=' go together, found only one of them")
    }
    isFitted = mean != nil
    (self.mean, self.deviation) = (mean ?? [0], deviation ?? [0])
  }

  /// output = (input − mean) / std
  public func forward(_ call: ForwardCall) {
    call.output = mapped(call.input, minus: mean, call.context)
  }

  /// ∂input = delta / std
  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    call.inputGradient = mapped(call.outputGradient, minus: [0], call.context)
  }

  private func mapped(_ tensor: Tensor, minus mean: [Double], _ context: Context) -> Tensor {
    precondition(isFitted, "normalize without its constants")
    func constants(_ numbers: [Double]) -> Tensor {
      Tensor(numbers.count == channels ? numbers : Array(repeating: numbers[0], count: channels))
        .converted(to: tensor.dtype)
    }
    return tensor.reshaped([tensor.shape[0], channels, output.perExample.count])
      .channelsMapped(
        minus: constants(mean), times: constants(deviation.map { 1 / $0 }),
        plus: constants([0]), context.workers
      ).reshaped(tensor.shape)
  }
}
