import Tensors

/// Columns in one piece of a sum over rows.
private let columnsPerPiece = 256

extension Tensor {
  /// The sum over the first axis: [N, …] gives […].
  ///
  /// Every column is added from the first row to the last in double precision and rounded once, so that a
  /// whole data set as one batch loses nothing.
  public func summedOverExamples(_ workers: ThreadPool) -> Tensor {
    var result = Tensor(uninitialized: shape.perExample, dtype)
    sumOverExamples(into: &result, workers)
    return result
  }

  /// As `summedOverExamples`, into a tensor of as many elements.
  public func sumOverExamples(into result: inout Tensor, _ workers: ThreadPool) {
    precondition(
      result.shape.count * shape[0] == shape.count && result.dtype == dtype,
      "\(shape) summed over examples into \(result.shape)")
    dispatch(
      dtype,
      f32: { sumRows(into: &result, of: Float.self, workers) },
      f64: { sumRows(into: &result, of: Double.self, workers) })
  }

  private func sumRows<R: Real>(into result: inout Tensor, of type: R.Type, _ workers: ThreadPool) {
    let (rows, width) = (shape[0], result.shape.count)
    withValues(of: type) { x in
      result.withMutableValues(of: type) { result in
        workers.run(cutting: width, into: columnsPerPiece) { columns in
          withUnsafeTemporaryAllocation(of: Double.self, capacity: columns.count) { sums in
            sums.initialize(repeating: 0)
            // By four rows, that the sums are fetched and put back once for them.
            var start = columns.lowerBound
            for _ in 0..<rows / 4 {
              let (second, third, fourth) = (start + width, start + 2 * width, start + 3 * width)
              for column in 0..<columns.count {
                var sum = sums[column] + Double(x[start + column])
                sum += Double(x[second + column])
                sum += Double(x[third + column])
                sums[column] = sum + Double(x[fourth + column])
              }
              start += 4 * width
            }
            for _ in 0..<rows % 4 {
              for column in 0..<columns.count { sums[column] += Double(x[start + column]) }
              start += width
            }
            for column in 0..<columns.count {
              result[columns.lowerBound + column] = R(sums[column])
            }
          }
        }
      }
    }
  }
}

extension Tensor {
  /// scale[d] · x + offset[d] for every element x in column d: [M, D] with [D].
  public func columnsMapped(times scale: Tensor, plus offset: Tensor, _ workers: ThreadPool)
    -> Tensor
  {
    var result = Tensor(uninitialized: shape, dtype)
    dispatch(
      dtype,
      f32: { mapColumns(scale, offset, into: &result, of: Float.self, workers) },
      f64: { mapColumns(scale, offset, into: &result, of: Double.self, workers) })
    return result
  }

  private func mapColumns<R: Real>(
    _ scale: Tensor, _ offset: Tensor, into result: inout Tensor, of type: R.Type,
    _ workers: ThreadPool
  ) {
    let width = shape[1]
    withValues(of: type) { x in
      scale.withValues(of: type) { scale in
        offset.withValues(of: type) { offset in
          result.withMutableValues(of: type) { y in
            workers.run(overRows: shape[0], width: width) { row in
              let start = row * width
              for column in 0..<width {
                y[start + column] = scale[column] * x[start + column] + offset[column]
              }
            }
          }
        }
      }
    }
  }
}
