import Tensors

extension Tensor {
  /// The sum over everything but the second axis: [N, C, …] gives [C].
  ///
  /// Added in double precision, and rounded once.
  public func summedOverPictures(_ workers: ThreadPool) -> Tensor {
    precondition(shape.rank >= 2, "sum over pictures of \(shape)")
    var result = Tensor(uninitialized: [shape[1]], dtype)
    dispatch(
      dtype,
      f32: { sumPictures(into: &result, of: Float.self, workers) },
      f64: { sumPictures(into: &result, of: Double.self, workers) })
    return result
  }

  /// Some examples after the other give a sum for every channel, and these are added up at the end: as a thread that
  /// computes with examples has them at hand.
  private func sumPictures<R: Real>(
    into result: inout Tensor, of type: R.Type, _ workers: ThreadPool
  ) {
    let (examples, channels) = (shape[0], shape[1])
    let size = shape.perExample.perExample.count
    let pieces = (examples + picturesPerPiece - 1) / picturesPerPiece
    withValues(of: type) { x in
      guard let x = x.baseAddress else { preconditionFailure("a sum of no pictures") }
      withUnsafeTemporaryAllocation(of: Double.self, capacity: pieces * channels) { sums in
        nonisolated(unsafe) let sums = sums
        workers.run(cutting: examples, into: picturesPerPiece) { range in
          let first = range.lowerBound / picturesPerPiece * channels
          for channel in 0..<channels {
            var sum = 0.0
            for example in range {
              sum += doubleSum(x + (example * channels + channel) * size, size)
            }
            sums[first + channel] = sum
          }
        }
        result.withMutableValues(of: type) { result in
          for channel in 0..<channels {
            result[channel] = R((0..<pieces).reduce(0) { $0 + sums[$1 * channels + channel] })
          }
        }
      }
    }
  }
}

/// Examples in one piece of a sum over pictures.
public let picturesPerPiece = 16
