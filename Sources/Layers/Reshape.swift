import Compute
import Tensors

/// The same numbers under another shape: `reshape 1x28x28`. The element order, row-major, stays.
public struct Reshape: Layer {
  public let output: Shape

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = try words.shape("the new shape")
    if output.count != input.count {
      throw words.objection(
        "'reshape \(output.topologyText)' has \(output.count) elements, the \(input.topologyText) "
          + "that reach it are \(input.count)")
    }
  }

  public func sharesInput(_ mode: Mode) -> Bool { true }

  public func forward(_ call: ForwardCall) {
    call.output = call.input.reshaped(output.batched(call.input.shape[0]))
  }

  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    call.inputGradient = call.outputGradient.reshaped(call.input.shape)
  }
}
