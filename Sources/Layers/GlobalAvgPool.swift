import Kernels
import Tensors

/// The mean of every channel of a picture, as a picture of one element: `global-avgpool` makes C×1×1 of C×H×W.
///
/// Source: Lin, Chen, Yan 2014, Network in network, section 3.2.
public struct GlobalAvgPool: SingleInputLayer {
  public static let word = "global-avgpool"

  public let output: Shape
  private let input: Shape
  private let window: Window

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    self.input = input
    window = Window(height: Window.Axis(input[1]), width: Window.Axis(input[2]))
    output = [input[0], 1, 1]
  }

  public var backwardReadsInputs: Bool { false }

  /// sum[c] = Σ input[c, y, x] / (H · W)
  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    LayerOutput(pictures(input).averagePooled(window, pass.workers))
  }

  /// ∂input[c, y, x] = delta[c] / (H · W)
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
