import Kernels
import Products
import Tensors

/// The largest element under a window that moves over every channel of a picture.
///
/// `maxpool HEIGHTxWIDTH [stride=] [pad=0]`; the stride is the window's size unless given, padding counts as −∞ and is at
/// most half the window, and sizes round down as in PyTorch.
public struct MaxPool: NotingLayer, LaneLayer {
  public static let word = "maxpool"

  public let output: Shape
  private let input: Shape
  private let window: Window
  /// How it computes on signals in registers; nil for batches example after example.
  private var pooling: LaneMaxPooling?

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    self.input = input
    window = try words.poolingWindow(over: input)
    output = [
      input[0], window.height.places(over: input[1]), window.width.places(over: input[2]),
    ]
  }

  public func isAble(_ kernels: LaneKernels) -> Bool { LaneMaxPooling.isAble(window) }

  public func canInclude(_ activation: any Activation) -> Bool { activation is ReLU }

  public func inLanes(
    _ kernels: LaneKernels, behind included: (any Activation)?, before activation: any Activation
  ) -> LaneForm {
    var form = self
    form.pooling = LaneMaxPooling(
      kernels, window, input: input, isRectified: included is ReLU)
    return LaneForm(form)
  }

  /// sum[c, y, x] = max of input[c, …] under the window at y, x
  public func forward(
    _ input: Tensor, _ parameters: [Tensor], into sum: inout Tensor, _ pass: Pass
  ) {
    if let pooling {
      pooling.forward(pictures(input), into: &sum, pass.workers)
    } else {
      pictures(input).maxPool(window, into: &sum, pass.workers)
    }
  }

  public func backward(
    delta: Tensor, input: Tensor, into gradients: inout [Tensor], _ pass: Pass
  ) {}

  /// Every delta goes to the element that won, the first in row-major order among equals.
  public func inputGradient(
    delta: Tensor, input: Tensor, _ parameters: [Tensor], into gradient: inout Tensor, _ pass: Pass
  ) {
    if pooling == nil {
      delta.passToWinners(of: pictures(input), window, into: &gradient, pass.workers)
    } else {
      var (sum, winners) = (Tensor(uninitialized: [0], .f32), Tensor(uninitialized: [0], .u8))
      forward(input, noting: &winners, into: &sum, pass)
      inputGradient(delta: delta, noted: winners, into: &gradient, pass)
    }
    gradient = gradient.reshaped(input.shape)
  }

  public var note: String? { pooling == nil ? nil : "winner" }

  /// Notes which elements won.
  public func forward(
    _ input: Tensor, noting notes: inout Tensor, into sum: inout Tensor, _ pass: Pass
  ) {
    guard let pooling else { preconditionFailure("maxpool notes nothing example after example") }
    pooling.forward(pictures(input), into: &sum, noting: &notes, pass.workers)
  }

  public func inputGradient(
    delta: Tensor, noted notes: Tensor, into gradient: inout Tensor, _ pass: Pass
  ) {
    guard let pooling else { preconditionFailure("maxpool notes nothing example after example") }
    pooling.inputGradient(delta: delta, winners: notes, into: &gradient, pass.workers)
  }

  private func pictures(_ input: Tensor) -> Tensor {
    let shape = self.input
    return input.reshaped(
      pooling?.shape(of: input.shape.count / shape.count) ?? shape.batched(input.shape[0]))
  }
}
