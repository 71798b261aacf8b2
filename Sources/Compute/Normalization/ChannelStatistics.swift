import Tensors

/// Tensors [N, C, …] as N · C planes of S elements, for layers that treat every channel by itself.
///
/// Every channel's sums are computed by one thread, example after example, so that nothing depends on how many
/// threads there are.
extension Tensor {
  /// The mean of every channel, and the mean of the squares of the distances to it: [C] each.
  ///
  /// Computed in two passes, as the difference of two large sums would lose what matters.
  public func channelStatistics(_ workers: ThreadPool) -> (mean: Tensor, variance: Tensor) {
    var mean = Tensor(uninitialized: [shape[1]], dtype)
    var variance = Tensor(uninitialized: [shape[1]], dtype)
    dispatch(
      dtype,
      f32: { channelStatistics(&mean, &variance, of: Float.self, workers) },
      f64: { channelStatistics(&mean, &variance, of: Double.self, workers) })
    return (mean, variance)
  }

  private func channelStatistics<R: Real>(
    _ mean: inout Tensor, _ variance: inout Tensor, of type: R.Type, _ workers: ThreadPool
  ) {
    let planes = Planes(shape)
    withValues(of: type) { x in
      mean.withMutableValues(of: type) { mean in
        variance.withMutableValues(of: type) { variance in
          planes.overChannels(x, workers) { channels, planes in
            planes.statistics(channels, into: mean, variance)
          }
        }
      }
    }
  }

  /// scale[c] · (x − mean[c]) + offset[c] for every element x of channel c.
  public func channelsMapped(
    minus mean: Tensor, times scale: Tensor, plus offset: Tensor, _ workers: ThreadPool
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
    _ workers: ThreadPool
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
}

/// How the elements of [N, C, …] lie: N · C planes of `size` elements.
struct Planes {
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
    _ x: UnsafeBufferPointer<R>, _ workers: ThreadPool, _ body: (Channels<R>, Planes) -> Void
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
  /// - Parameter term: of the elements' start, a plane's first element and its channel: a sum, or several.
  @inline(__always)
  func sums<R: Real, Sum: SumOfPlanes>(
    _ channels: Channels<R>, _ term: (UnsafePointer<R>, Int, Int) -> Sum,
    store: (Int, Sum) -> Void
  ) {
    withUnsafeTemporaryAllocation(of: Sum.self, capacity: channels.range.count) { sums in
      sums.initialize(repeating: Sum.zero)
      for example in 0..<examples {
        for channel in channels.range {
          sums[channel - channels.range.lowerBound] += term(
            channels.x, (example * self.channels + channel) * size, channel)
        }
      }
      for channel in channels.range { store(channel, sums[channel - channels.range.lowerBound]) }
    }
  }

  /// The mean of each channel, and the mean of the squares of the distances to it.
  func statistics<R: Real>(
    _ channels: Channels<R>, into mean: UnsafeMutableBufferPointer<R>,
    _ variance: UnsafeMutableBufferPointer<R>
  ) {
    sums(channels) { x, start, _ in
      laneSum(x + start, size)
    } store: {
      mean[$0] = R($1 / elementsOfChannel)
    }
    sums(channels) {
      laneSquares($0 + $1, minus: mean[$2], size)
    } store: {
      variance[$0] = R($1 / elementsOfChannel)
    }
  }

  /// Calls `body` with the elements of every plane of the channels, and with its channel.
  @inline(__always)
  func forEach(_ channels: Range<Int>, _ body: (_ elements: Range<Int>, _ channel: Int) -> Void) {
    for example in 0..<examples {
      for channel in channels {
        let start = (example * self.channels + channel) * size
        body(start..<start + size, channel)
      }
    }
  }
}

/// What planes are added up in.
protocol SumOfPlanes: BitwiseCopyable {
  static var zero: Self { get }
  static func += (sum: inout Self, term: Self)
}

extension Double: SumOfPlanes {}
extension SIMD2<Double>: SumOfPlanes {}
