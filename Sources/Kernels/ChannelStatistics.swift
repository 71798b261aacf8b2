import Tensors

/// Tensors [N, C, …] as N · C planes of S elements, for layers that treat every channel by itself.
///
/// Every channel's sums are computed by one thread, example after example, so that nothing depends on how many
/// threads there are.
extension Tensor {
  /// The mean of every channel, and the mean of the squares of the distances to it: [C] each.
  ///
  /// Computed in two passes, as the difference of two large sums would lose what matters.
  public func channelStatistics(_ workers: Workers) -> (mean: Tensor, variance: Tensor) {
    var mean = Tensor(uninitialized: [shape[1]], dtype)
    var variance = Tensor(uninitialized: [shape[1]], dtype)
    dispatch(
      dtype,
      f32: { channelStatistics(&mean, &variance, of: Float.self, workers) },
      f64: { channelStatistics(&mean, &variance, of: Double.self, workers) })
    return (mean, variance)
  }

  private func channelStatistics<R: Real>(
    _ mean: inout Tensor, _ variance: inout Tensor, of type: R.Type, _ workers: Workers
  ) {
    let planes = Planes(shape)
    withValues(of: type) { x in
      mean.withMutableValues(of: type) { mean in
        variance.withMutableValues(of: type) { variance in
          planes.overChannels(x, workers) { channels, planes in
            planes.sums(channels) { x, start, _ in
              laneSum(x + start, planes.size)
            } store: {
              mean[$0] = R($1 / planes.elementsOfChannel)
            }
            planes.sums(channels) {
              laneSquares($0 + $1, minus: mean[$2], planes.size)
            } store: {
              variance[$0] = R($1 / planes.elementsOfChannel)
            }
          }
        }
      }
    }
  }

  /// For every channel Σ δ and Σ δ (x − mean), where self is δ and `input` x: [C] each.
  public func channelSums(
    with input: Tensor, mean: Tensor, _ workers: Workers
  ) -> (sum: Tensor, product: Tensor) {
    var sum = Tensor(uninitialized: mean.shape, dtype)
    var product = Tensor(uninitialized: mean.shape, dtype)
    dispatch(
      dtype,
      f32: { channelSums(input, mean, &sum, &product, of: Float.self, workers) },
      f64: { channelSums(input, mean, &sum, &product, of: Double.self, workers) })
    return (sum, product)
  }

  private func channelSums<R: Real>(
    _ input: Tensor, _ mean: Tensor, _ sum: inout Tensor, _ product: inout Tensor,
    of type: R.Type, _ workers: Workers
  ) {
    let planes = Planes(shape)
    let mean = mean.values(of: type)
    withValues(of: type) { delta in
      input.withValues(of: type) { x in
        guard let inputs = x.baseAddress else { return }
        sum.withMutableValues(of: type) { sum in
          product.withMutableValues(of: type) { product in
            planes.overChannels(delta, workers) { channels, planes in
              planes.sums(channels) { x, start, _ in
                laneSum(x + start, planes.size)
              } store: {
                sum[$0] = R($1)
              }
              planes.sums(channels) {
                laneProducts($0 + $1, inputs + $1, minus: mean[$2], planes.size)
              } store: {
                product[$0] = R($1)
              }
            }
          }
        }
      }
    }
  }

  /// scale[c] · (x − mean[c]) + offset[c] for every element x of channel c.
  public func channelsMapped(
    minus mean: Tensor, times scale: Tensor, plus offset: Tensor, _ workers: Workers
  ) -> Tensor {
    var result = Tensor(uninitialized: shape, dtype)
    dispatch(
      dtype,
      f32: { mapChannels(mean, scale, offset, &result, of: Float.self, workers) },
      f64: { mapChannels(mean, scale, offset, &result, of: Double.self, workers) })
    return result
  }

  private func mapChannels<R: Real>(
    _ mean: Tensor, _ scale: Tensor, _ offset: Tensor, _ result: inout Tensor, of type: R.Type,
    _ workers: Workers
  ) {
    let planes = Planes(shape)
    let (mean, scale, offset) = (
      mean.values(of: type), scale.values(of: type), offset.values(of: type)
    )
    withValues(of: type) { x in
      result.withMutableValues(of: type) { y in
        guard let x = x.baseAddress, let y = y.baseAddress else { return }
        workers.run(overRows: planes.count, width: planes.size) { plane in
          let channel = plane % planes.channels
          let (m, a, b) = (mean[channel], scale[channel], offset[channel])
          for index in plane * planes.size..<(plane + 1) * planes.size {
            y[index] = a * (x[index] - m) + b
          }
        }
      }
    }
  }

  /// scale[c] · (δ − offset[c] − slope[c] · (x − mean[c])), where self is δ and `input` x.
  public func channelsMapped(
    with input: Tensor, minus mean: Tensor, scale: Tensor, offset: Tensor, slope: Tensor,
    _ workers: Workers
  ) -> Tensor {
    var result = Tensor(uninitialized: shape, dtype)
    dispatch(
      dtype,
      f32: { map(input, mean, scale, offset, slope, &result, of: Float.self, workers) },
      f64: { map(input, mean, scale, offset, slope, &result, of: Double.self, workers) })
    return result
  }

  private func map<R: Real>(
    _ input: Tensor, _ mean: Tensor, _ scale: Tensor, _ offset: Tensor, _ slope: Tensor,
    _ result: inout Tensor, of type: R.Type, _ workers: Workers
  ) {
    let planes = Planes(shape)
    let (mean, scale) = (mean.values(of: type), scale.values(of: type))
    let (offset, slope) = (offset.values(of: type), slope.values(of: type))
    withValues(of: type) { delta in
      input.withValues(of: type) { x in
        result.withMutableValues(of: type) { y in
          guard let delta = delta.baseAddress, let x = x.baseAddress, let y = y.baseAddress
          else { return }
          workers.run(overRows: planes.count, width: planes.size) { plane in
            let channel = plane % planes.channels
            let (m, a, b, s) = (mean[channel], scale[channel], offset[channel], slope[channel])
            for index in plane * planes.size..<(plane + 1) * planes.size {
              y[index] = a * (delta[index] - b - s * (x[index] - m))
            }
          }
        }
      }
    }
  }
}

/// How the elements of [N, C, …] lie: N · C planes of `size` elements.
private struct Planes {
  let examples, channels, size: Int
  var count: Int { examples * channels }
  var elementsOfChannel: Double { Double(examples * size) }

  init(_ shape: Shape) {
    examples = shape[0]
    channels = shape[1]
    size = shape.perExample.perExample.count
  }

  /// Calls `body` with ranges of channels; short planes go several to a piece, as they lie side by side.
  func overChannels<R: Real>(
    _ x: UnsafeBufferPointer<R>, _ workers: Workers, _ body: (Channels<R>, Planes) -> Void
  ) {
    guard let x = x.baseAddress else { return }
    workers.run(cutting: channels, into: max(1, 64 / size)) {
      body(Channels(x: x, range: $0), self)
    }
  }

  struct Channels<R: Real> {
    let x: UnsafePointer<R>
    let range: Range<Int>
  }

  /// Adds up `term` over the planes of each channel, example after example, and hands the sums to `store`.
  ///
  /// - Parameter term: of the elements' start, a plane's first element and its channel.
  @inline(__always)
  func sums<R: Real>(
    _ channels: Channels<R>, _ term: (UnsafePointer<R>, Int, Int) -> Double,
    store: (Int, Double) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: channels.range.count) { sums in
      sums.initialize(repeating: 0)
      for example in 0..<examples {
        for channel in channels.range {
          sums[channel - channels.range.lowerBound] += term(
            channels.x, (example * self.channels + channel) * size, channel)
        }
      }
      for channel in channels.range { store(channel, sums[channel - channels.range.lowerBound]) }
    }
  }
}
