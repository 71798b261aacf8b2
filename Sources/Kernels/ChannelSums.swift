import Tensors

extension Tensor {
  /// The sum over everything but the second axis: [N, C, …] gives [C].
  ///
  /// Added in double precision, in four sums that are added up at the end, and rounded once.
  public func summedOverPictures(_ workers: Workers) -> Tensor {
    precondition(shape.rank >= 2, "sum over pictures of \(shape)")
    var result = Tensor(uninitialized: [shape[1]], dtype)
    dispatch(
      dtype,
      f32: { sumPictures(into: &result, of: Float.self, workers) },
      f64: { sumPictures(into: &result, of: Double.self, workers) })
    return result
  }

  private func sumPictures<R: Real>(
    into result: inout Tensor, of type: R.Type, _ workers: Workers
  ) {
    let (examples, channels) = (shape[0], shape[1])
    let size = shape.perExample.perExample.count
    withValues(of: type) { x in
      result.withMutableValues(of: type) { result in
        workers.run(pieces: channels) { channel in
          // One sum would wait for every addition.
          var sums = SIMD4<Double>.zero
          for example in 0..<examples {
            let start = (example * channels + channel) * size
            let whole = start + size / 4 * 4
            for element in stride(from: start, to: whole, by: 4) {
              sums[0] += Double(x[element])
              sums[1] += Double(x[element + 1])
              sums[2] += Double(x[element + 2])
              sums[3] += Double(x[element + 3])
            }
            for element in whole..<start + size { sums[0] += Double(x[element]) }
          }
          result[channel] = R((sums[0] + sums[1]) + (sums[2] + sums[3]))
        }
      }
    }
  }
}
