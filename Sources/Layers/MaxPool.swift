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
  let window: Window
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
    form.pooling = inLanes(kernels, behind: included)
    return LaneForm(form)
  }

  func inLanes(_ kernels: LaneKernels, behind included: (any Activation)?) -> LaneMaxPooling {
    LaneMaxPooling(kernels, window, input: input, isRectified: included is ReLU)
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
    precondition(pooling == nil, "a maxpool in registers goes by its notes")
    delta.passToWinners(of: pictures(input), window, into: &gradient, pass.workers)
    gradient = gradient.reshaped(input.shape)
  }

  /// Which elements won, in registers; example after example they are found in the input again.
  public var note: String? { pooling == nil ? nil : "winner" }

  private var poolingWithNotes: LaneMaxPooling {
    guard let pooling else { preconditionFailure("a maxpool that notes nothing") }
    return pooling
  }

  public var backwardReadsInputs: Bool { pooling == nil }

  public func forward(
    _ input: Tensor, _ parameters: [Tensor], noting notes: inout Tensor, into sum: inout Tensor,
    _ pass: Pass
  ) {
    poolingWithNotes.forward(pictures(input), into: &sum, noting: &notes, pass.workers)
  }

  public func backward(
    delta: Tensor, input: Tensor, noted notes: Tensor, into gradients: inout [Tensor], _ pass: Pass
  ) {}

  public func inputGradient(
    delta: Tensor, input: Tensor, noted notes: Tensor, _ parameters: [Tensor],
    into gradient: inout Tensor, _ pass: Pass
  ) {
    poolingWithNotes.inputGradient(delta: delta, winners: notes, into: &gradient, pass.workers)
    gradient = gradient.reshaped(input.shape)
  }

  private func pictures(_ input: Tensor) -> Tensor {
    let shape = self.input
    return input.reshaped(
      pooling?.shape(of: input.shape.count / shape.count) ?? shape.batched(input.shape[0]))
  }
}
