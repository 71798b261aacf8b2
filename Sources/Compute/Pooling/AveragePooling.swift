import Tensors

extension Tensor {
  /// The mean under a window: [N, C, H, W] gives [N, C, H', W'].
  ///
  /// The sum is divided by the window's whole size, so that padding counts as zeros: PyTorch's default
  /// (`count_include_pad`), while ONNX counts only what lies on the picture unless told otherwise. Added in double
  /// precision.
  ///
  /// - Parameter window: without dilation; the padding is at most half its length.
  public func averagePooled(_ window: Window, _ workers: ThreadPool) -> Tensor {
    let pooling = Pooling(window, over: shape)
    var result = Tensor(uninitialized: pooling.result, dtype)
    dispatch(
      dtype,
      f32: { averagePool(pooling, into: &result, of: Float.self, workers) },
      f64: { averagePool(pooling, into: &result, of: Double.self, workers) })
    return result
  }

  private func averagePool<R: Real>(
    _ pooling: Pooling, into result: inout Tensor, of type: R.Type, _ workers: ThreadPool
  ) {
    let size = Double(pooling.window.height.length * pooling.window.width.length)
    withValues(of: type) { x in
      result.withMutableValues(of: type) { result in
        guard let x = x.baseAddress, let result = result.baseAddress else { return }
        pooling.run(workers) { picture in
          let x = x + picture * pooling.height * pooling.width
          let result = result + picture * pooling.rows * pooling.columns
          pooling.forEachPlace { place, rows, columns in
            var sum = 0.0
            for row in rows {
              for column in columns { sum += Double(x[row * pooling.width + column]) }
            }
            result[place] = R(sum / size)
          }
        }
      }
    }
  }

  /// The gradient that passes to the input of `averagePooled`: every delta goes in equal parts to all that its
  /// place covers.
  ///
  /// - Parameter shape: the input's, [N, C, H, W].
  public func averagePoolGradient(
    over shape: Shape, _ window: Window, _ workers: ThreadPool
  ) -> Tensor {
    let pooling = Pooling(window, over: shape)
    precondition(self.shape == pooling.result, "delta \(self.shape) of pooled \(shape)")
    var result = Tensor(uninitialized: shape, dtype)
    dispatch(
      dtype,
      f32: { passInParts(pooling, into: &result, of: Float.self, workers) },
      f64: { passInParts(pooling, into: &result, of: Double.self, workers) })
    return result
  }

  private func passInParts<R: Real>(
    _ pooling: Pooling, into result: inout Tensor, of type: R.Type, _ workers: ThreadPool
  ) {
    let parts = R(pooling.window.height.length * pooling.window.width.length)
    let size = pooling.height * pooling.width
    withValues(of: type) { delta in
      result.withMutableValues(of: type) { result in
        guard let delta = delta.baseAddress, let result = result.baseAddress else { return }
        pooling.run(workers) { picture in
          let delta = delta + picture * pooling.rows * pooling.columns
          let result = result + picture * size
          result.update(repeating: 0, count: size)
          pooling.forEachPlace { place, rows, columns in
            let part = delta[place] / parts
            for row in rows {
              for column in columns { result[row * pooling.width + column] += part }
            }
          }
        }
      }
    }
  }
}
