import Compute
import Tensors

/// The mean under a window that moves over every channel of an image.
///
/// `avgpool HEIGHTxWIDTH [stride=] [pad=0]`; the stride is the window's size unless given, padding is at most half the window
/// and counts as zeros (PyTorch's default; ONNX's is to leave it out), and sizes round down as in PyTorch.
public struct AvgPool: Layer {
  public let output: Shape
  private let input: Shape
  private let window: Window

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    self.init(try words.poolingWindow(over: input), over: input)
  }

  /// The mean under a window that moves over an image.
  init(_ window: Window, over input: Shape) {
    (self.input, self.window) = (input, window)
    output = [
      input[0], window.height.places(over: input[1]), window.width.places(over: input[2]),
    ]
  }

  /// output[c, y, x] = Σ input[c, …] under the window at y, x / (height · width)
  public func forward(_ call: ForwardCall) {
    call.output = call.input.reshaped(input.batched(call.input.shape[0]))
      .averagePooled(window, call.context.workers)
  }

  /// ∂input[c, …] = Σ delta[c, y, x] / (height · width) over the places that cover the element
  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    let delta = call.outputGradient
    call.inputGradient = delta.averagePoolGradient(
      over: input.batched(delta.shape[0]), window, call.context.workers
    ).reshaped(call.input.shape)
  }
}
