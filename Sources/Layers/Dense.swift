import Kernels
import Products
import Tensors

/// A fully connected layer: every output is a weighted sum of every input, plus a bias.
///
/// `dense OUTPUTS [bias=no]`. With N examples, I inputs (an input of more axes is flattened) and O outputs,
/// weight [O, I] and bias [O].
public struct Dense: InPlaceLayer {
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
    _ input: Tensor, _ parameters: [Tensor], into sum: inout Tensor, _ pass: Pass
  ) {
    input.multiply(
      byTransposed: parameters[0], plus: hasBias ? parameters[1] : nil, into: &sum, pass.workers)
  }

  /// ∂weight = deltaᵀ · input, ∂bias = Σ delta over the examples
  public func backward(
    delta: Tensor, input: Tensor, into gradients: inout [Tensor], _ pass: Pass
  ) {
    delta.multiplyTransposed(by: input, into: &gradients[0], pass.workers)
    if hasBias { delta.sumOverExamples(into: &gradients[1], pass.workers) }
  }

  /// ∂input = delta · weight
  public func inputGradient(
    delta: Tensor, input: Tensor, _ parameters: [Tensor], into gradient: inout Tensor, _ pass: Pass
  ) {
    gradient.become(uninitialized: input.shape, input.dtype)
    delta.multiply(by: parameters[0], into: &gradient, pass.workers)
  }
}

extension [String: Tensor] {
  /// The tensor of this name, which the network has checked to be there.
  func named(_ name: String) -> Tensor {
    guard let tensor = self[name] else { preconditionFailure("no parameter '\(name)'") }
    return tensor
  }
}
