import Compute
import Tensors

/// A convolutional layer: the same small weighted sum at every place of a picture.
///
/// `conv OUTPUTS HEIGHTxWIDTH [stride=1] [pad=0] [dilation=1] [groups=1] [bias=no]`, the middle ones with one number
/// for both axes or, as `2x1`, one for each. With N examples, C channels in, O out and G groups, weight [O, C/G,
/// height, width] and bias [O]; sizes round down as in PyTorch: (H + 2 · pad − dilation · (height − 1) − 1) / stride + 1.
///
/// Source: LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition; groups:
/// Krizhevsky, Sutskever, Hinton 2012; dilation: Yu and Koltun 2016.
public struct Conv: Layer {
  let convolution: Convolution
  let hasBias: Bool

  public init(_ words: inout LayerWords, input: Shape) throws {
    try words.checkPicture(input)
    let outputs = try words.count("the number of output channels")
    let window = try words.window(strideIsSize: false, mayHaveGaps: true, over: input).window
    let groups = try words.count("groups", otherwise: 1)
    if input[0] % groups.count != 0 || outputs % groups.count != 0 {
      throw TopologyError.unequalGroups(
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

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads(inputs: true, parameters: wantsInputGradient ? [0] : [])
  }

  public func scratchBytes(examples: Int, _ dtype: DType, threads: Int) -> Double {
    convolution.scratchBytes(examples: examples, dtype, threads: threads)
  }

  /// output[o, y, x] = bias[o] + Σ weight[o, c, i, j] · input[c, row of y and i, column of x and j]
  public func forward(_ call: ForwardCall) {
    convolution.forward(
      images(call.input), call.parameters[0], plus: hasBias ? call.parameters[1] : nil,
      into: &call.output, call.context.workers)
  }

  /// ∂weight[o, c, i, j] = Σ delta[o, y, x] · input[c, …], ∂bias[o] = Σ delta[o, y, x];
  /// ∂input[c, …] = Σ weight[o, c, i, j] · delta[o, y, x]
  public func backward(_ call: BackwardCall) {
    let (delta, workers) = (call.outputGradient, call.context.workers)
    call.parameterGradients[0] = convolution.weightGradient(
      delta: delta, input: images(call.input), workers)
    if hasBias { call.parameterGradients[1] = delta.summedOverPictures(workers) }
    guard call.wantsInputGradient else { return }
    convolution.inputGradient(delta: delta, call.parameters[0], into: &call.inputGradient, workers)
    call.inputGradient = call.inputGradient.reshaped(call.input.shape)
  }

  private func images(_ input: Tensor) -> Tensor {
    input.reshaped(convolution.input.batched(input.shape[0]))
  }
}
