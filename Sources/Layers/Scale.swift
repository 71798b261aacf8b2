import Kernels
import Tensors

/// Every input multiplied by one constant of the topology, and another one added: `scale FACTOR [offset=NUMBER]`.
///
/// `scale 1/255` makes 0…1 of bytes, `scale 1/255 offset=-0.5` makes −0.5…0.5. The factor is a decimal number or a quotient of
/// two; both constants are rounded first to F64 and then to the model's dtype.
public struct Scale: InPlaceLayer {
  public static let word = "scale"

  public let output: Shape
  private let factor: Double
  private let offset: Double

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = input
    factor = try words.factor("the factor")
    offset = try words.number("offset", otherwise: 0)
  }

  public var backwardReadsInputs: Bool { false }

  public var takesBytes: Bool { true }

  /// sum = factor · input + offset
  public func forward(
    _ input: Tensor, _ parameters: [Tensor], into sum: inout Tensor, _ pass: Pass
  ) {
    if offset == 0 {
      map(input, by: Times(factor: factor), into: &sum, pass.workers)
    } else {
      map(input, by: Line(factor: factor, offset: offset), into: &sum, pass.workers)
    }
  }

  private func map(
    _ input: Tensor, by f: some ElementFunction, into sum: inout Tensor, _ workers: Workers
  ) {
    if input.dtype == .u8 {
      input.mapBytes(by: f, into: &sum, workers)
    } else {
      input.map(by: f, into: &sum, workers)
    }
  }

  public func backward(
    delta: Tensor, input: Tensor, into gradients: inout [Tensor], _ pass: Pass
  ) {}

  /// ∂input = factor · delta
  public func inputGradient(
    delta: Tensor, input: Tensor, _ parameters: [Tensor], into gradient: inout Tensor, _ pass: Pass
  ) {
    delta.map(by: Times(factor: factor), into: &gradient, pass.workers)
  }
}

private struct Line: ElementFunction {
  let factor: Double
  let offset: Double

  func callAsFunction<R: Real>(_ x: R) -> R { x * R(factor) + R(offset) }
}
