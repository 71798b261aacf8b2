import Tensors

/// A layer of one input whose results go to memory that the caller keeps from step to step.
///
/// Parameters and their gradients are in the order of `parameters`. A layer keeps nothing from forward to backward, and
/// draws nothing.
public protocol InPlaceLayer: SingleInputLayer {
  /// Whether `forward(_:_:into:_:)` takes bytes too, and makes numbers of the sum's type of them; such a layer has no parameters.
  var takesBytes: Bool { get }

  /// - Parameter sum: becomes [N] + the layer's output, where it can in the memory that it has.
  func forward(_ input: Tensor, _ parameters: [Tensor], into sum: inout Tensor, _ pass: Pass)

  /// ∂loss/∂parameter, summed over the examples.
  ///
  /// - Parameter gradients: a tensor for each parameter, in its shape and dtype.
  func backward(delta: Tensor, input: Tensor, into gradients: inout [Tensor], _ pass: Pass)

  /// ∂loss/∂input.
  ///
  /// - Parameters:
  ///   - parameters: as for `forward`; only those of `parametersForBackward` are read.
  ///   - gradient: becomes the result in the input's shape, where it can in the memory that it has.
  func inputGradient(
    delta: Tensor, input: Tensor, _ parameters: [Tensor], into gradient: inout Tensor, _ pass: Pass)
}

extension InPlaceLayer {
  public var takesBytes: Bool { false }

  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    var sum = Tensor(uninitialized: [0], input.dtype)
    forward(input, self.parameters.map { parameters.named($0.name) }, into: &sum, pass)
    return LayerOutput(sum)
  }

  public func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient {
    let own = self.parameters
    let none = Tensor(uninitialized: [0], delta.dtype)
    var gradients = own.map { Tensor(uninitialized: $0.shape, delta.dtype) }
    backward(delta: delta, input: input, into: &gradients, pass)
    let named = Dictionary(uniqueKeysWithValues: zip(own.map(\.name), gradients))
    if !wantsInputGradient { return LayerGradient(parameters: named, input: nil) }
    var gradient = none
    inputGradient(
      delta: delta, input: input, own.map { parameters[$0.name] ?? none }, into: &gradient, pass)
    return LayerGradient(parameters: named, input: gradient)
  }
}

/// A layer in place that can note, on its way forward, what it needs on the way back besides its input: bytes in the shape of
/// its sum.
public protocol NotingLayer: InPlaceLayer {
  /// What its notes are called in a trace; nil when it notes nothing, and none of these may be called.
  var note: String? { get }

  /// As `forward(_:_:into:_:)`.
  func forward(
    _ input: Tensor, _ parameters: [Tensor], noting notes: inout Tensor, into sum: inout Tensor,
    _ pass: Pass)

  /// As `backward(delta:input:into:_:)`.
  func backward(
    delta: Tensor, input: Tensor, noted notes: Tensor, into gradients: inout [Tensor], _ pass: Pass)

  /// As `inputGradient(delta:input:_:into:_:)`.
  func inputGradient(
    delta: Tensor, input: Tensor, noted notes: Tensor, _ parameters: [Tensor],
    into gradient: inout Tensor, _ pass: Pass)
}
