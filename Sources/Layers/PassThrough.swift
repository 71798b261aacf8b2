import Tensors

/// A layer that changes nothing: what an activation on a line of its own, such as `relu`, acts upon.
public struct PassThrough: Layer {
  /// The kind of line that begins with an activation's word.
  public static let kind = LayerKind("pass", Self.init)

  public let output: Shape

  public init(_ words: inout LayerWords, input: Shape) { output = input }

  public func sharesInput(_ mode: Mode) -> Bool { true }

  public func forward(_ call: ForwardCall) { call.output = call.input }

  public func backward(_ call: BackwardCall) {
    if call.wantsInputGradient { call.inputGradient = call.outputGradient }
  }
}
