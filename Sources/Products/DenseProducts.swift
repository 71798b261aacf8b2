import Kernels
import Tensors

/// Examples in one piece of a product over the batch. The result does not depend on it.
public let examplesPerPiece = 32

/// Outputs in one piece of a weight gradient. The result does not depend on it.
public let outputsPerPiece = 32

/// The fewest outputs by which a product over the batch is cut. Each thread then reads a part of
/// the weight: the one that it also updates.
private let outputsToCut = 4 * outputsPerPiece

/// The three products of a dense layer, in F32 or F64.
///
/// N examples, I inputs, O outputs; input [N, …] with I elements an example, weight [O, I], bias
/// [O], delta [N, O]. No dimension may be 0. Results go to memory that is used again.
extension Tensor {
  /// input · weightᵀ + bias: [N, O].
  public func timesTransposed(
    _ weight: Tensor, plus bias: Tensor?, _ workers: Workers,
    with kernels: ProductKernels = .best
  ) -> Tensor {
    var result = Tensor(uninitialized: [shape[0], weight.shape[0]], dtype)
    multiply(byTransposed: weight, plus: bias, into: &result, workers, with: kernels)
    return result
  }

  /// As `timesTransposed`.
  public func multiply(
    byTransposed weight: Tensor, plus bias: Tensor?, into result: inout Tensor, _ workers: Workers,
    with kernels: ProductKernels = .best
  ) {
    precondition(weight.shape.rank == 2, "\(shape) · \(weight.shape)ᵀ")
    precondition(
      bias.map { $0.shape.count == weight.shape[0] } ?? true, "bias of another length")
    result.become(rows: shape[0], columns: weight.shape[0], dtype)
    dispatch(
      dtype,
      f32: { forward(weight, bias, into: &result, of: Float.self, kernels, workers) },
      f64: { forward(weight, bias, into: &result, of: Double.self, kernels, workers) })
  }

  private func forward<R: ProductReal>(
    _ weight: Tensor, _ bias: Tensor?, into result: inout Tensor, of type: R.Type,
    _ kernels: ProductKernels, _ workers: Workers
  ) {
    withMatrices(self, weight, bias, into: &result, of: type) { input, weight, bias, result in
      func compute(_ examples: Range<Int>, _ outputs: Range<Int>) {
        let start = result + examples.lowerBound * weight.rows + outputs.lowerBound
        if let bias {
          for example in 0..<examples.count {
            (start + example * weight.rows).update(
              from: bias + outputs.lowerBound, count: outputs.count)
          }
        }
        R.multiply(
          .plain(input[rows: examples]), .transposed(weight[rows: outputs]), into: start,
          stride: weight.rows, adding: bias != nil, with: kernels)
      }
      let alone = isLittle(input.rows * input.columns * weight.rows)
      if weight.rows < outputsToCut {
        workers.run(cutting: input.rows, into: examplesPerPiece, alone: alone) {
          compute($0, 0..<weight.rows)
        }
      } else {
        workers.run(cutting: weight.rows, into: outputsPerPiece, alone: alone) {
          compute(0..<input.rows, $0)
        }
      }
    }
  }

  /// delta · weight, the gradient that passes to the input: [N, I].
  public func times(
    _ weight: Tensor, _ workers: Workers, with kernels: ProductKernels = .best
  ) -> Tensor {
    var result = Tensor(uninitialized: [shape[0], weight.shape[1]], dtype)
    multiply(by: weight, into: &result, workers, with: kernels)
    return result
  }

  /// As `times`, into a tensor of as many elements.
  public func multiply(
    by weight: Tensor, into result: inout Tensor, _ workers: Workers,
    with kernels: ProductKernels = .best
  ) {
    precondition(
      weight.shape.rank == 2 && result.shape.count == shape[0] * weight.shape[1],
      "\(shape) · \(weight.shape) into \(result.shape)")
    dispatch(
      dtype,
      f32: { inputGradient(weight, into: &result, of: Float.self, kernels, workers) },
      f64: { inputGradient(weight, into: &result, of: Double.self, kernels, workers) })
  }

  private func inputGradient<R: ProductReal>(
    _ weight: Tensor, into result: inout Tensor, of type: R.Type, _ kernels: ProductKernels,
    _ workers: Workers
  ) {
    withMatrices(self, weight, into: &result, of: type) { delta, weight, _, result in
      let alone = isLittle(delta.rows * delta.columns * weight.columns)
      workers.run(cutting: delta.rows, into: examplesPerPiece, alone: alone) { examples in
        R.multiply(
          .plain(delta[rows: examples]), .plain(weight),
          into: result + examples.lowerBound * weight.columns, stride: weight.columns,
          adding: false, with: kernels)
      }
    }
  }

  /// deltaᵀ · input, the weight's gradient summed over the examples: [O, I].
  public func transposedTimes(
    _ input: Tensor, _ workers: Workers, with kernels: ProductKernels = .best
  ) -> Tensor {
    var result = Tensor(
      uninitialized: [shape.count / shape[0], input.shape.count / input.shape[0]], dtype)
    multiplyTransposed(by: input, into: &result, workers, with: kernels)
    return result
  }

  /// As `transposedTimes`, into a tensor of as many elements.
  public func multiplyTransposed(
    by input: Tensor, into result: inout Tensor, _ workers: Workers,
    with kernels: ProductKernels = .best
  ) {
    precondition(
      result.shape.count * shape[0] * shape[0] == shape.count * input.shape.count
        && input.shape[0] == shape[0], "\(shape)ᵀ · \(input.shape) into \(result.shape)")
    dispatch(
      dtype,
      f32: { weightGradient(input, into: &result, of: Float.self, kernels, workers) },
      f64: { weightGradient(input, into: &result, of: Double.self, kernels, workers) })
  }

  private func weightGradient<R: ProductReal>(
    _ input: Tensor, into result: inout Tensor, of type: R.Type, _ kernels: ProductKernels,
    _ workers: Workers
  ) {
    withMatrices(self, input, into: &result, of: type) { delta, input, _, result in
      let alone = isLittle(delta.rows * delta.columns * input.columns)
      workers.run(cutting: delta.columns, into: outputsPerPiece, alone: alone) { outputs in
        R.multiply(
          .transposed(delta[columns: outputs]), .plain(input),
          into: result + outputs.lowerBound * input.columns, stride: input.columns,
          adding: false, with: kernels)
      }
    }
  }
}

/// Whether a product of so many multiplications is done before another thread would have begun with
/// its part.
private func isLittle(_ multiplications: Int) -> Bool { multiplications < 1 << 18 }

/// Calls `body` with the memory of two matrices, the first axis being their rows, of a bias and of
/// a packed result.
private func withMatrices<R: Real>(
  _ a: Tensor, _ b: Tensor, _ bias: Tensor? = nil, into result: inout Tensor, of type: R.Type,
  _ body: (Matrix<R>, Matrix<R>, UnsafePointer<R>?, UnsafeMutablePointer<R>) -> Void
) {
  a.withValues(of: type) { x in
    b.withValues(of: type) { y in
      result.withMutableValues(of: type) { result in
        guard let start = result.baseAddress else { preconditionFailure("an empty product") }
        let first = Matrix(x, rows: a.shape[0], columns: x.count / a.shape[0])
        let second = Matrix(y, rows: b.shape[0], columns: y.count / b.shape[0])
        if let bias {
          bias.withValues(of: type) { body(first, second, $0.baseAddress, start) }
        } else {
          body(first, second, nil, start)
        }
      }
    }
  }
}
