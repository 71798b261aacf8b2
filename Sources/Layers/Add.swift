import Kernels
import Products
import Tensors

/// The sum of several layers' outputs, element by element: `add NAME…` adds those of the named layers to what
/// reaches the line. All must have one shape.
///
/// Source: He, Zhang, Ren, Sun 2016, Deep residual learning for image recognition, section 3.2.
public struct Add: Layer, LaneLayer {
  public static let word = "add"
  public static let joinsOthers = true

  public let output: Shape

  public init(_ words: inout LayerWords, inputs: [LayerInput]) throws {
    output = inputs[0].shape
    for input in inputs.dropFirst() where input.shape != output {
      throw words.conflict(inputs[0], input, expected: "the same shape")
    }
  }

  public var backwardReadsInputs: Bool { false }

  public func inLanes(
    _ kernels: LaneKernels, behind included: (any Activation)?, before activation: any Activation
  ) -> LaneForm {
    LaneForm(self)
  }

  public func forward(
    _ inputs: [Tensor], _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    LayerOutput(
      inputs.dropFirst().reduce(inputs[0]) {
        $0.combined(with: $1.reshaped($0.shape), by: Addition(), pass.workers)
      })
  }

  public func backward(
    delta: Tensor, inputs: [Tensor], kept: [String: Tensor], _ parameters: [String: Tensor],
    wanted: [Bool], _ pass: Pass
  ) -> LayerGradient {
    LayerGradient(inputs: wanted.map { $0 ? delta : nil })
  }
}
