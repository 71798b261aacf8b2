import Kernels
import Products
import Tensors

/// A fully connected layer: every output is a weighted sum of every input, plus a bias.
///
/// `dense OUTPUTS [bias=no]`. With N examples, I inputs (an input of more axes is flattened) and O outputs,
/// weight [O, I] and bias [O].
public struct Dense: SingleInputLayer {
  public static let word = "dense"

  private let inputs: Int
  private let outputs: Int
  private let hasBias: Bool

  public init(_ words: inout LayerWords, input: Shape) throws {
    inputs = input.count
    outputs = try words.count("the number of outputs")
    hasBias = try words.choice("bias", among: ["yes", "no"], otherwise: "yes") == "yes"
    try words.check(elements: [outputs, inputs], of: "weight")
  }

  public var output: Shape { [outputs] }

  public var parameters: [Parameter] {
    let weight = Parameter("weight", [outputs, inputs], .spread(fanIn: inputs, fanOut: outputs))
    return hasBias ? [weight, Parameter("bias", [outputs], .constant(0))] : [weight]
  }

  public func parametersForBackward(_ mode: Mode, wantsInputGradient: Bool) -> [String] {
    wantsInputGradient ? ["weight"] : []
  }

  /// sum = input · weightᵀ + bias
  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    LayerOutput(
      flat(input).timesTransposed(
        parameters.named("weight"), plus: hasBias ? parameters.named("bias") : nil, pass.workers))
  }

  /// ∂weight = deltaᵀ · input, ∂bias = Σ delta over the examples, ∂input = delta · weight
  public func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient {
    var gradients = ["weight": delta.transposedTimes(flat(input), pass.workers)]
    if hasBias { gradients["bias"] = delta.summedOverExamples(pass.workers) }
    let inputGradient =
      wantsInputGradient
      ? delta.times(parameters.named("weight"), pass.workers).reshaped(input.shape) : nil
    return LayerGradient(parameters: gradients, input: inputGradient)
  }

  private func flat(_ input: Tensor) -> Tensor { input.reshaped([input.shape[0], inputs]) }
}

extension [String: Tensor] {
  /// The tensor of this name, which the network has checked to be there.
  func named(_ name: String) -> Tensor {
    guard let tensor = self[name] else { preconditionFailure("no parameter '\(name)'") }
    return tensor
  }
}
