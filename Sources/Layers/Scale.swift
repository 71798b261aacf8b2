import Compute
import Tensors

/// Every input multiplied by one constant of the topology, and another one added: `scale FACTOR [offset=NUMBER]`.
///
/// `scale 1/255` makes 0…1 of bytes, `scale 1/255 offset=-0.5` makes −0.5…0.5. The factor is a decimal number or a quotient of
/// two; both constants are rounded first to F64 and then to the model's dtype.
public struct Scale: Layer {
  public let output: Shape
  private let factor: Double
  private let offset: Double

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = input
    factor = try words.factor("the factor")
    offset = try words.number("offset", otherwise: 0)
  }

  /// Bytes are made numbers as they are read.
  public func accepts(_ dtype: DType) -> Bool { dtype == .u8 }

  /// output = factor · input + offset
  public func forward(_ call: ForwardCall) {
    if offset == 0 {
      map(call, by: Times(factor: factor))
    } else {
      map(call, by: Line(factor: factor, offset: offset))
    }
  }

  private func map(_ call: ForwardCall, by f: some ElementFunction) {
    if call.input.dtype == .u8 {
      call.input.mapBytes(by: f, into: &call.output, call.context.workers)
    } else {
      call.input.map(by: f, into: &call.output, call.context.workers)
    }
  }

  /// ∂input = factor · delta
  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    call.outputGradient.map(
      by: Times(factor: factor), into: &call.inputGradient, call.context.workers)
  }
}

private struct Line: ElementFunction {
  let factor: Double
  let offset: Double

  func callAsFunction<R: Real>(_ x: R) -> R { x * R(factor) + R(offset) }
}
