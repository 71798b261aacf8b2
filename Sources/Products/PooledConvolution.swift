import Kernels
import Tensors

// A convolution in lanes and the maxpool behind it at once: of what is pooled only a tile is ever in memory, the winners of the
// windows and, on the way back, a picture that lies in the nearer caches. Every number is that of one after the other.

extension Convolution {
  /// Whether what it gives in lanes can be pooled before it is written anywhere.
  public func canBePooled(by window: Window) -> Bool { lanes != nil && window.isHalving }

  /// As `forward` in lanes and `LaneMaxPooling.forward` of that.
  ///
  /// - Parameters:
  ///   - pooling: by a window that `canBePooled` lets pass.
  ///   - winners: becomes the numbers of the elements that won.
  public func forward(
    _ input: Tensor, _ weight: Tensor, plus bias: Tensor?, pooledBy pooling: LaneMaxPooling,
    noting winners: inout Tensor, into result: inout Tensor, _ workers: Workers
  ) {
    winners.become(uninitialized: pooling.shape(pooled: input.examples(.inLanes)), .u8)
    winners.withMutableValues(of: UInt8.self) {
      forward(
        input, weight, bias, PooledResult(pooling: pooling, winners: $0.baseAddress),
        into: &result, workers)
    }
  }

  /// As the other, where nobody asks which elements won.
  public func forward(
    _ input: Tensor, _ weight: Tensor, plus bias: Tensor?, pooledBy pooling: LaneMaxPooling,
    into result: inout Tensor, _ workers: Workers
  ) {
    forward(
      input, weight, bias, PooledResult(pooling: pooling, winners: nil), into: &result, workers)
  }

  private func forward(
    _ input: Tensor, _ weight: Tensor, _ bias: Tensor?, _ pooled: PooledResult,
    into result: inout Tensor, _ workers: Workers
  ) {
    let examples = check(input, self.input, weight, .inLanes)
    result.become(uninitialized: pooled.pooling.shape(pooled: examples), .f32)
    if let inTiles {
      inTiles.forward(input, weight, bias, into: &result, .inLanes, workers, pooled: pooled)
    } else {
      inLanes?.forward(input, weight, bias, into: &result, .inLanes, workers, pooled: pooled)
    }
  }

  /// As `inputGradient` of what `LaneMaxPooling.inputGradient` gives.
  ///
  /// - Parameter delta: of the pooled result.
  public func inputGradient(
    delta: Tensor, winners: Tensor, of pooling: LaneMaxPooling, _ weight: Tensor,
    into result: inout Tensor, _ workers: Workers
  ) {
    result.become(uninitialized: batch(of: input, delta.examples(.inLanes), .inLanes), .f32)
    pooling.withDeltas(winners) { pooled in
      if let inTiles {
        inTiles.inputGradient(delta, weight, into: &result, .inLanes, workers, pooled: pooled)
      } else {
        inLanes?.inputGradient(delta, weight, into: &result, .inLanes, workers, pooled: pooled)
      }
    }
  }

  /// As `weightGradient` of what `LaneMaxPooling.inputGradient` gives.
  ///
  /// - Parameter delta: of the pooled result.
  public func weightGradient(
    delta: Tensor, winners: Tensor, of pooling: LaneMaxPooling, input: Tensor, _ workers: Workers
  ) -> Tensor {
    _ = check(input, self.input, nil, .inLanes)
    return pooling.withDeltas(winners) { pooled in
      let found =
        inTiles?.weightGradient(delta, input, .inLanes, workers, pooled: pooled)
        ?? inLanes?.weightGradient(delta, input, .inLanes, workers, pooled: pooled)
      guard let found else { preconditionFailure("a convolution without kernels") }
      return found
    }
  }
}

/// Deltas of what was pooled.
struct PooledDeltas {
  let pooling: LaneMaxPooling
  /// As the pooling noted them, of all pictures.
  let winners: UnsafePointer<UInt8>

  /// What passes back to some channels, a plane after the other.
  ///
  /// - Parameters:
  ///   - deltas: of all pictures.
  ///   - picture: its number, each of as many examples as there are lanes.
  func spread(
    _ deltas: UnsafePointer<Float>, _ channels: Range<Int>, of picture: Int,
    into room: UnsafeMutablePointer<Float>
  ) {
    let (kernels, plane) = (pooling.kernels, pooling.plane)
    pooling.withPlaces { places in
      for (number, channel) in channels.enumerated() {
        let start = (picture * pooling.channels + channel) * pooling.count * kernels.lanes
        kernels.compiled.passToWinners(
          deltas + start, winners + start, elements: plane, width: places.width,
          rows: places.rows, height: places.height, columns: places.columns,
          across: places.across, areSquares: places.areSquares,
          into: room + number * plane * kernels.lanes)
      }
    }
  }
}

/// What becomes of pictures that are pooled whole, or, by tiles of 2 × 2, part by part.
struct PooledResult {
  let pooling: LaneMaxPooling
  /// Of all pictures; nil where nobody asks which elements won.
  let winners: UnsafeMutablePointer<UInt8>?

  /// Pools some rows of some channels.
  ///
  /// - Parameters:
  ///   - rows: the channels one after the other.
  ///   - elements: which of a channel's those are.
  ///   - picture: its number, each of as many examples as there are lanes.
  ///   - result: of all pictures.
  func pool(
    _ x: UnsafePointer<Float>, _ channels: Range<Int>, _ elements: Range<Int>, of picture: Int,
    into result: UnsafeMutablePointer<Float>
  ) {
    let (kernels, width) = (pooling.kernels, pooling.input[2])
    var pooled = 0..<pooling.output[1]
    if elements.count < pooling.plane {
      let rows = elements.lowerBound / width..<elements.upperBound / width
      precondition(pooling.areSquares && rows.lowerBound % 2 == 0, "rows \(rows) by themselves")
      pooled = rows.lowerBound / 2..<min(pooled.upperBound, rows.upperBound / 2)
      if pooled.isEmpty { return }
    }
    pooling.withPlaces { places in
      var places = places
      places.height = pooled.count
      for (number, channel) in channels.enumerated() {
        let place = (picture * pooling.channels + channel) * pooling.count
        let start = (place + pooled.lowerBound * pooling.output[2]) * kernels.lanes
        kernels.compiled.maxPool(
          x + number * elements.count * kernels.lanes, width: places.width, rows: places.rows,
          height: places.height, columns: places.columns, across: places.across,
          areSquares: places.areSquares, isRectified: pooling.isRectified, into: result + start,
          winners: winners.map { $0 + start })
      }
    }
  }
}

extension LaneMaxPooling {
  /// - Parameter winners: as `forward` noted them.
  func withDeltas<Result>(_ winners: Tensor, _ body: (PooledDeltas) -> Result) -> Result {
    winners.withValues(of: UInt8.self) { winners in
      guard let winners = winners.baseAddress else { preconditionFailure("no winners") }
      return body(PooledDeltas(pooling: self, winners: winners))
    }
  }
}
