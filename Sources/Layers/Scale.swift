import Kernels
import Tensors

/// Multiplication of every input by one constant of the topology, such as `scale 1/255`.
///
/// The factor is a decimal number or a quotient of two, rounded first to F64 and then to the model's dtype.
public struct Scale: Layer {
  public static let word = "scale"

  public let output: Shape
  private let factor: Double

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = input
    factor = try words.factor("the factor")
  }

  public var parameters: [Parameter] { [] }

  public var parametersForBackward: [String] { [] }

  /// sum = factor · input
  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ workers: Workers
  ) -> Tensor {
    input.mapped(by: Multiplication(factor: factor), workers)
  }

  /// ∂input = factor · delta
  public func backward(
    delta: Tensor, input: Tensor, _ parameters: [String: Tensor], wantsInputGradient: Bool,
    _ workers: Workers
  ) -> LayerGradient {
    LayerGradient(
      parameters: [:],
      input: wantsInputGradient ? delta.mapped(by: Multiplication(factor: factor), workers) : nil)
  }
}

private struct Multiplication: ElementFunction {
  let factor: Double

  func callAsFunction<R: Real>(_ x: R) -> R { x * R(factor) }
}
