import Products
import Tensors

/// A layer that changes nothing: what an activation on a line of its own, such as `relu`, acts upon.
public struct PassThrough: SingleInputLayer, LaneLayer {
  public static let word = "pass"

  public let output: Shape

  public init(_ words: inout LayerWords, input: Shape) { output = input }

  public var backwardReadsInputs: Bool { false }

  public func handsOnMemory(in mode: Mode) -> Bool { true }

  public func inLanes(
    _ kernels: LaneKernels, behind included: (any Activation)?, before activation: any Activation
  ) -> LaneForm {
    LaneForm(self)
  }

  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    LayerOutput(input)
  }

  public func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient {
    LayerGradient(input: wantsInputGradient ? delta : nil)
  }
}
