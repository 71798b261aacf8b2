import Kernels
import Tensors

/// The same numbers under another shape: `reshape 1x28x28`. The element order, row-major, stays.
public struct Reshape: SingleInputLayer {
  public static let word = "reshape"

  public let output: Shape

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = try words.shape("the new shape")
    if output.count != input.count {
      throw words.objection(
        "'reshape \(output.topologyText)' has \(output.count) elements, the \(input.topologyText) "
          + "that reach it are \(input.count)")
    }
  }

  public var backwardReadsInputs: Bool { false }

  public func handsOnMemory(in mode: Mode) -> Bool { true }

  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    LayerOutput(input.reshaped(output.batched(input.shape[0])))
  }

  public func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient {
    LayerGradient(input: wantsInputGradient ? delta.reshaped(input.shape) : nil)
  }
}
