import Compute
import Tensors

/// The mean of every channel of an image, as an image of one element: `global-avgpool` makes C×1×1 of C×H×W.
///
/// Source: Lin, Chen, Yan 2014, Network in network, section 3.2.
public struct GlobalAvgPool: Layer {
  private let pool: AvgPool

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    pool = AvgPool(
      Window(height: Window.Axis(input[1]), width: Window.Axis(input[2])), over: input)
  }

  public var output: Shape { pool.output }

  /// output[c] = Σ input[c, y, x] / (H · W)
  public func forward(_ call: ForwardCall) { pool.forward(call) }

  /// ∂input[c, y, x] = delta[c] / (H · W)
  public func backward(_ call: BackwardCall) { pool.backward(call) }
}
