import Compute
import Tensors

/// Every example, or every part of it, brought to mean 0 and variance 1, then scaled and shifted as learned:
/// `layernorm [axes=K] [epsilon=1e-5]`.
///
/// A part is what the last K axes span, by default all of an example; of a sequence, `axes=1` normalizes every step by
/// itself. weight γ and bias β have the shape of a part. Mean and variance are those of its D numbers, divided by D, in
/// training and in use alike: PyTorch's and ONNX's.
/// Source: Ba, Kiros, Hinton 2016, Layer normalization, equation 4.
public struct LayerNorm: Layer {
  public let output: Shape
  private let part: Shape
  private let epsilon: Double

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = input
    let axes = try words.number(
      "axes", otherwise: Double(input.rank), "from 1 to the \(input.rank) axes of \(input)"
    ) { $0 == $0.rounded() && $0 >= 1 && $0 <= Double(input.rank) }
    part = Shape(Array(input.dimensions.suffix(Int(axes))))
    epsilon = try words.number("epsilon", otherwise: 1e-5, "above 0") { $0 > 0 }
    if part.count < 2 {
      throw words.objection("'layernorm' over 1 number is always 0: found \(part) of \(input)")
    }
  }

  public var parameters: [Parameter] {
    [Parameter("weight", part, .constant(1)), Parameter("bias", part, .constant(0))]
  }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads(inputs: true, parameters: wantsInputGradient ? [0] : [])
  }

  /// y = γ x̂ + β with x̂ = (x − μ) / √(σ² + ε)
  public func forward(_ call: ForwardCall) {
    let workers = call.context.workers
    let normalized = rows(call.input).mappedRows(
      width: part.count, by: Normalized(epsilon: epsilon), workers)
    call.output = normalized.columnsMapped(
      times: flat(call.parameters[0]), plus: flat(call.parameters[1]), workers
    ).reshaped(output.batched(call.input.shape[0]))
  }

  /// ∂γ = Σ δ x̂, ∂β = Σ δ over the examples and parts;
  /// with ε̂ = γ δ: ∂x = (ε̂ − mean ε̂ − x̂ mean(ε̂ x̂)) / √(σ² + ε)
  public func backward(_ call: BackwardCall) {
    let workers = call.context.workers
    let (x, delta) = (rows(call.input), rows(call.outputGradient))
    let normalized = x.mappedRows(width: part.count, by: Normalized(epsilon: epsilon), workers)
    call.parameterGradients[0] = delta.combined(with: normalized, by: Multiplication(), workers)
      .summedOverExamples(workers).reshaped(part)
    call.parameterGradients[1] = delta.summedOverExamples(workers).reshaped(part)
    guard call.wantsInputGradient else { return }
    let weight = flat(call.parameters[0])
    let error = delta.columnsMapped(
      times: weight, plus: Tensor(zeros: weight.shape, weight.dtype), workers)
    call.inputGradient = error.combinedRows(
      width: part.count, with: x, into: x.shape, by: InputGradient(epsilon: epsilon), workers
    ).reshaped(call.input.shape)
  }

  private func rows(_ tensor: Tensor) -> Tensor {
    tensor.reshaped([tensor.shape.count / part.count, part.count])
  }

  private func flat(_ tensor: Tensor) -> Tensor { tensor.reshaped([part.count]) }
}

/// Mean and 1 / √(variance + ε) of a row, both in Double.
private func moments<R: Real>(_ x: UnsafeBufferPointer<R>, epsilon: Double) -> (Double, Double) {
  let count = Double(x.count)
  let mean = x.reduce(0) { $0 + Double($1) } / count
  let variance = x.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
  return (mean, 1 / (variance + epsilon).squareRoot())
}

private struct Normalized: RowFunction {
  let epsilon: Double

  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, into y: UnsafeMutableBufferPointer<R>
  ) {
    let (mean, scale) = moments(x, epsilon: epsilon)
    for index in x.indices { y[index] = R((Double(x[index]) - mean) * scale) }
  }
}

private struct InputGradient: RowPairFunction {
  let epsilon: Double

  func callAsFunction<R: Real>(
    _ error: UnsafeBufferPointer<R>, _ x: UnsafeBufferPointer<R>,
    into gradient: UnsafeMutableBufferPointer<R>
  ) {
    let (mean, scale) = moments(x, epsilon: epsilon)
    let count = Double(x.count)
    var (sum, product) = (0.0, 0.0)
    for index in x.indices {
      sum += Double(error[index])
      product += Double(error[index]) * (Double(x[index]) - mean) * scale
    }
    for index in x.indices {
      let normalized = (Double(x[index]) - mean) * scale
      gradient[index] = R(
        scale * (Double(error[index]) - sum / count - normalized * product / count))
    }
  }
}
