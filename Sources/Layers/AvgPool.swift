import Kernels
import Tensors

/// The mean under a window that moves over every channel of a picture.
///
/// `avgpool HEIGHTxWIDTH [stride=] [pad=0]`; the stride is the window's size unless given, padding is at most half the window
/// and counts as zeros (PyTorch's default; ONNX's is to leave it out), and sizes round down as in PyTorch.
public struct AvgPool: SingleInputLayer {
  public static let word = "avgpool"

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

  public var backwardReadsInputs: Bool { false }

  /// sum[c, y, x] = Σ input[c, …] under the window at y, x / (height · width)
  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    LayerOutput(pictures(input).averagePooled(window, pass.workers))
  }

  /// ∂input[c, …] = Σ delta[c, y, x] / (height · width) over the places that cover the element
  public func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient {
    if !wantsInputGradient { return LayerGradient(input: nil) }
    let gradient = delta.averagePoolGradient(
      over: self.input.batched(delta.shape[0]), window, pass.workers)
    return LayerGradient(input: gradient.reshaped(input.shape))
  }

  private func pictures(_ input: Tensor) -> Tensor {
    input.reshaped(self.input.batched(input.shape[0]))
  }
}
