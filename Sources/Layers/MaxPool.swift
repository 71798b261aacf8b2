import Kernels
import Tensors

/// The largest element under a window that moves over every channel of a picture.
///
/// `maxpool HEIGHTxWIDTH [stride=] [pad=0]`; the stride is the window's size unless given, padding counts as −∞ and is at
/// most half the window, and sizes round down as in PyTorch.
public struct MaxPool: SingleInputLayer {
  public static let word = "maxpool"

  public let output: Shape
  private let input: Shape
  private let window: Window

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    self.input = input
    window = try words.poolingWindow(over: input)
    output = [
      input[0], window.height.places(over: input[1]), window.width.places(over: input[2]),
    ]
  }

  /// sum[c, y, x] = max of input[c, …] under the window at y, x
  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    LayerOutput(pictures(input).maxPooled(window, pass.workers))
  }

  /// Every delta goes to the element that won, the first in row-major order among equals.
  public func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient {
    if !wantsInputGradient { return LayerGradient(input: nil) }
    let gradient = delta.maxPoolGradient(input: pictures(input), window, pass.workers)
    return LayerGradient(input: gradient.reshaped(input.shape))
  }

  private func pictures(_ input: Tensor) -> Tensor {
    input.reshaped(self.input.batched(input.shape[0]))
  }
}
