import Compute
import Tensors

/// The sum of several layers' outputs, element by element: `add NAME…` adds those of the named layers to what
/// reaches the line. All must have one shape.
///
/// Source: He, Zhang, Ren, Sun 2016, Deep residual learning for image recognition, section 3.2.
public struct Add: Layer {
  public let output: Shape

  public init(_ words: inout LayerWords, inputs: [LayerInput]) throws {
    output = inputs[0].shape
    for input in inputs.dropFirst() where input.shape != output {
      throw words.conflict(inputs[0], input, expected: "the same shape")
    }
  }

  public func forward(_ call: ForwardCall) {
    let (first, workers) = (call.inputs[0], call.context.workers)
    first.combine(
      with: call.inputs[1].reshaped(first.shape), by: Addition(), into: &call.output, workers)
    for index in 2..<max(2, call.inputs.count) {
      call.output.combine(
        with: call.inputs[index].reshaped(first.shape), by: Addition(), workers)
    }
  }

  /// The gradient of every input is delta itself.
  public func backward(_ call: BackwardCall) {
    for index in 0..<call.inputs.count where call.wanted[index] {
      call.inputGradients[index] = call.outputGradient.reshaped(call.inputs[index].shape)
    }
  }
}
