import Compute
import Tensors

/// The largest element under a window that moves over every channel of an image.
///
/// `maxpool HEIGHTxWIDTH [stride=] [pad=0]`; the stride is the window's size unless given, padding counts as −∞ and is at
/// most half the window, and sizes round down as in PyTorch.
public struct MaxPool: Layer {
  public let output: Shape
  let input: Shape
  let window: Window

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    self.input = input
    window = try words.poolingWindow(over: input)
    output = [
      input[0], window.height.places(over: input[1]), window.width.places(over: input[2]),
    ]
  }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads(inputs: true)
  }

  /// output[c, y, x] = max of input[c, …] under the window at y, x
  public func forward(_ call: ForwardCall) {
    images(call.input).maxPool(window, into: &call.output, call.context.workers)
  }

  /// Every delta goes to the element that was the largest, the first in row-major order among equals.
  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    call.outputGradient.passToWinners(
      of: images(call.input), window, into: &call.inputGradient, call.context.workers)
    call.inputGradient = call.inputGradient.reshaped(call.input.shape)
  }

  private func images(_ input: Tensor) -> Tensor {
    input.reshaped(self.input.batched(input.shape[0]))
  }
}
