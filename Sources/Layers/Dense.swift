import Compute
import Tensors

/// A fully connected layer: every output is a weighted sum of every input, plus a bias.
///
/// `dense OUTPUTS [bias=no]`. With N examples, I inputs (an input of more axes is flattened) and O outputs,
/// weight [O, I] and bias [O].
public struct Dense: Layer {
  private let inputs: Int
  private let outputCount: Int
  private let hasBias: Bool

  public init(_ words: inout LayerWords, input: Shape) throws {
    inputs = input.count
    outputCount = try words.count("the number of outputs")
    hasBias = try words.choice("bias", among: ["yes", "no"], otherwise: "yes") == "yes"
    try words.check(elements: [outputCount, inputs], of: "weight")
  }

  public var output: Shape { [outputCount] }

  public var parameters: [Parameter] {
    let weight = Parameter(
      "weight", [outputCount, inputs], .spread(fanIn: inputs, fanOut: outputCount))
    return hasBias ? [weight, Parameter("bias", [outputCount], .constant(0))] : [weight]
  }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads(inputs: true, parameters: wantsInputGradient ? [0] : [])
  }

  /// output = input · weightᵀ + bias
  public func forward(_ call: ForwardCall) {
    call.input.multiply(
      byTransposed: call.parameters[0], plus: hasBias ? call.parameters[1] : nil,
      into: &call.output, call.context.workers)
  }

  /// ∂weight = deltaᵀ · input, ∂bias = Σ delta over the examples; ∂input = delta · weight
  public func backward(_ call: BackwardCall) {
    let (delta, input, workers) = (call.outputGradient, call.input, call.context.workers)
    delta.multiplyTransposed(by: input, into: &call.parameterGradients[0], workers)
    if hasBias { delta.sumOverExamples(into: &call.parameterGradients[1], workers) }
    guard call.wantsInputGradient else { return }
    call.inputGradient.become(uninitialized: input.shape, input.dtype)
    delta.multiply(by: call.parameters[0], into: &call.inputGradient, workers)
  }
}
