import Kernels
import Products
import Tensors

/// A convolutional layer: the same small weighted sum at every place of a picture.
///
/// `conv OUTPUTS HEIGHTxWIDTH [stride=1] [pad=0] [dilation=1] [groups=1] [bias=no]`, the middle ones with one number
/// for both axes or, as `2x1`, one for each. With N examples, C channels in, O out and G groups, weight [O, C/G,
/// height, width] and bias [O]; sizes round down as in PyTorch: (H + 2 · pad − dilation · (height − 1) − 1) / stride + 1.
///
/// Source: LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition; groups:
/// Krizhevsky, Sutskever, Hinton 2012; dilation: Yu and Koltun 2016.
public struct Conv: NotingLayer, LaneLayer {
  public static let word = "conv"

  private let convolution: Convolution
  private let hasBias: Bool
  /// Those by which it computes on signals in registers; nil for batches example after example.
  private var kernels: LaneKernels?
  /// The maxpool behind it, when it does the work of that too, in registers; with the rectifier in between.
  private var pooling: LaneMaxPooling?

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    let outputs = try words.count("the number of output channels")
    let window = try words.window(strideIsSize: false, mayHaveGaps: true, over: input).window
    let groups = try words.count("groups", otherwise: 1)
    if input[0] % groups.count != 0 || outputs % groups.count != 0 {
      throw TopologyFault.unequalGroups(
        groups.word, groups: groups.count, inputs: input[0], outputs: outputs)
    }
    hasBias = try words.choice("bias", among: ["yes", "no"], otherwise: "yes") == "yes"
    let kernel = [input[0] / groups.count, window.height.length, window.width.length]
    let places = [
      window.height.places(over: input[1]), window.width.places(over: input[2]),
    ]
    try words.check(elements: [outputs] + kernel, of: "weight")
    try words.check(elements: [outputs] + places, of: "output")
    try words.check(elements: kernel + places, of: "input under all places of the window")
    convolution = Convolution(window, input: input, outputs: outputs, groups: groups.count)
  }

  public var output: Shape { convolution.output }

  public var parameters: [Parameter] {
    let shape = convolution.weight
    let taps = shape[2] * shape[3]
    let weight = Parameter(
      "weight", shape,
      .spread(fanIn: shape[1] * taps, fanOut: shape[0] / convolution.groups * taps))
    return hasBias ? [weight, Parameter("bias", [shape[0]], .constant(0))] : [weight]
  }

  public func parametersForBackward(_ mode: Mode, wantsInputGradient: Bool) -> [String] {
    wantsInputGradient ? ["weight"] : []
  }

  public func workingMemory(
    examples: Int, _ dtype: DType, threads: Int, _ passage: Passage
  ) -> WorkingMemory {
    convolution.workingMemory(examples: examples, dtype, threads: threads, passage)
  }

  public func isAble(_ kernels: LaneKernels) -> Bool { convolution.hasKernels(kernels) }

  public var prefersLanes: Bool { true }

  public func inLanes(
    _ kernels: LaneKernels, behind included: (any Activation)?, before activation: any Activation
  ) -> LaneForm {
    var form = self
    form.kernels = kernels
    return LaneForm(form)
  }

  public func inLanes(
    _ kernels: LaneKernels, with taker: any LaneLayer, behind activation: any Activation
  ) -> (any Layer)? {
    guard let pool = taker as? MaxPool, convolution.canBePooled(by: pool.window),
      activation is Identity || pool.canInclude(activation)
    else { return nil }
    var form = self
    (form.kernels, form.pooling) = (kernels, pool.inLanes(kernels, behind: activation))
    return form
  }

  /// sum[o, y, x] = bias[o] + Σ weight[o, c, i, j] · input[c, row of y and i, column of x and j]
  public func forward(
    _ input: Tensor, _ parameters: [Tensor], into sum: inout Tensor, _ pass: Pass
  ) {
    let (input, bias) = (pictures(input), hasBias ? parameters[1] : nil)
    if let pooling {
      convolution.forward(
        input, parameters[0], plus: bias, pooledBy: pooling, into: &sum, pass.workers)
    } else {
      convolution.forward(input, parameters[0], plus: bias, into: &sum, pass.workers, in: order)
    }
  }

  /// ∂weight[o, c, i, j] = Σ delta[o, y, x] · input[c, …], ∂bias[o] = Σ delta[o, y, x]
  public func backward(
    delta: Tensor, input: Tensor, into gradients: inout [Tensor], _ pass: Pass
  ) {
    gradients[0] = convolution.weightGradient(
      delta: delta, input: pictures(input), pass.workers, in: order)
    if !hasBias { return }
    gradients[1] =
      kernels?.summedOverPictures(delta, pass.workers) ?? delta.summedOverPictures(pass.workers)
  }

  /// ∂input[c, …] = Σ weight[o, c, i, j] · delta[o, y, x]
  public func inputGradient(
    delta: Tensor, input: Tensor, _ parameters: [Tensor], into gradient: inout Tensor, _ pass: Pass
  ) {
    convolution.inputGradient(
      delta: delta, parameters[0], into: &gradient, pass.workers, in: order)
    gradient = gradient.reshaped(input.shape)
  }

  public var note: String? { pooling == nil ? nil : "winner" }

  private var poolingWithNotes: LaneMaxPooling {
    guard let pooling else { preconditionFailure("a conv that notes nothing") }
    return pooling
  }

  public func forward(
    _ input: Tensor, _ parameters: [Tensor], noting notes: inout Tensor, into sum: inout Tensor,
    _ pass: Pass
  ) {
    let pooling = poolingWithNotes
    convolution.forward(
      pictures(input), parameters[0], plus: hasBias ? parameters[1] : nil, pooledBy: pooling,
      noting: &notes, into: &sum, pass.workers)
  }

  public func backward(
    delta: Tensor, input: Tensor, noted notes: Tensor, into gradients: inout [Tensor], _ pass: Pass
  ) {
    let pooling = poolingWithNotes
    gradients[0] = convolution.weightGradient(
      delta: delta, winners: notes, of: pooling, input: pictures(input), pass.workers)
    if hasBias {
      gradients[1] = pooling.summedOverPictures(delta: delta, winners: notes, pass.workers)
    }
  }

  public func inputGradient(
    delta: Tensor, input: Tensor, noted notes: Tensor, _ parameters: [Tensor],
    into gradient: inout Tensor, _ pass: Pass
  ) {
    let pooling = poolingWithNotes
    convolution.inputGradient(
      delta: delta, winners: notes, of: pooling, parameters[0], into: &gradient, pass.workers)
    gradient = gradient.reshaped(input.shape)
  }

  private var order: BatchOrder { kernels == nil ? .byExample : .inLanes }

  private func pictures(_ input: Tensor) -> Tensor {
    let shape = convolution.input
    return input.reshaped(
      kernels?.shape(of: shape, input.shape.count / shape.count) ?? shape.batched(input.shape[0]))
  }
}
