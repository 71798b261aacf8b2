import Compute
import Tensors

/// The mean of every channel of an image, as an image of one element: `global-avgpool` makes C×1×1 of C×H×W.
///
/// Source: Lin, Chen, Yan 2014, Network in network, section 3.2.
public struct GlobalAvgPool: Layer {
  public let output: Shape
  private let input: Shape
  private let window: Window

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    self.input = input
    window = Window(height: Window.Axis(input[1]), width: Window.Axis(input[2]))
    output = [input[0], 1, 1]
  }

  /// output[c] = Σ input[c, y, x] / (H · W)
  public func forward(_ call: ForwardCall) {
    call.output = call.input.reshaped(input.batched(call.input.shape[0]))
      .averagePooled(window, call.context.workers)
  }

  /// ∂input[c, y, x] = delta[c] / (H · W)
  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    let delta = call.outputGradient
    call.inputGradient = delta.averagePoolGradient(
      over: input.batched(delta.shape[0]), window, call.context.workers
    ).reshaped(call.input.shape)
  }
}
