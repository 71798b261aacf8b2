import Kernels
import Tensors

/// The largest element under a window that moves over pictures in registers, [N / lanes, C, H, W, lanes], in F32, and perhaps a
/// rectifier before it. Every number is the same as that of `Tensor.maxPooled` and `maxPoolGradient`, and of max(0, x) before.
public struct LaneMaxPooling: Sendable {
  let kernels: LaneKernels
  /// [C, H, W] and [C, H', W'].
  public let input, output: Shape
  var channels: Int { input[0] }
  /// Of every row of places the first row that it covers, and how many; columns alike.
  private let rows, columns: [Int32]
  /// Whether its places are a picture's tiles of 2 × 2.
  let areSquares: Bool
  let isRectified: Bool

  /// Whether all elements under such a window have numbers that a winner can be noted by.
  public static func isAble(_ window: Window) -> Bool {
    window.height.length * window.width.length <= 128
  }

  /// - Parameters:
  ///   - window: one that `isAble` lets pass, without dilation; the padding is at most half its length.
  ///   - input: [C, H, W]
  ///   - isRectified: whether max(0, x) is what is pooled.
  public init(_ kernels: LaneKernels, _ window: Window, input: Shape, isRectified: Bool) {
    (self.kernels, self.isRectified) = (kernels, isRectified)
    self.input = input
    output = [input[0], window.height.places(over: input[1]), window.width.places(over: input[2])]
    rows = Self.covered(window.height, over: input[1])
    columns = Self.covered(window.width, over: input[2])
    areSquares = window.isHalving
  }

  private static func covered(_ axis: Window.Axis, over extent: Int) -> [Int32] {
    (0..<axis.places(over: extent)).flatMap { place in
      let covered = axis.covered(at: place, over: extent)
      return [Int32(covered.lowerBound), Int32(covered.count)]
    }
  }

  /// What so many examples are pooled as.
  public func shape(of examples: Int) -> Shape { kernels.shape(of: input, examples) }

  /// That of so many examples when they are pooled.
  func shape(pooled examples: Int) -> Shape { kernels.shape(of: output, examples) }

  var plane: Int { input[1] * input[2] }
  var count: Int { output[1] * output[2] }

  /// As `maxPooled`.
  public func forward(_ pictures: Tensor, into result: inout Tensor, _ workers: Workers) {
    pool(pictures, into: &result, winners: nil, workers)
  }

  /// As `maxPooled`, and notes which elements won.
  ///
  /// - Parameter winners: becomes their numbers, bytes in the result's shape: see `Lanes16.maxPool`.
  public func forward(
    _ pictures: Tensor, into result: inout Tensor, noting winners: inout Tensor, _ workers: Workers
  ) {
    winners.become(uninitialized: shape(pooled: pictures.examples(.inLanes)), .u8)
    winners.withMutableValues(of: UInt8.self) {
      pool(pictures, into: &result, winners: $0.baseAddress, workers)
    }
  }

  private func pool(
    _ pictures: Tensor, into result: inout Tensor, winners: UnsafeMutablePointer<UInt8>?,
    _ workers: Workers
  ) {
    let pooled = PooledResult(pooling: self, winners: winners)
    let size = input.count * kernels.lanes
    result.become(uninitialized: shape(pooled: pictures.examples(.inLanes)), .f32)
    withPointers(pictures, into: &result, of: Float.self) { x, result in
      workers.run(pieces: pictures.shape[0]) { picture in
        pooled.pool(x + picture * size, 0..<channels, 0..<plane, of: picture, into: result)
      }
    }
  }

  /// As `maxPoolGradient`; with a rectifier, of what comes before that.
  ///
  /// - Parameter winners: as `forward` noted them.
  public func inputGradient(
    delta: Tensor, winners: Tensor, into result: inout Tensor, _ workers: Workers
  ) {
    let size = input.count * kernels.lanes
    result.become(uninitialized: shape(of: delta.examples(.inLanes)), .f32)
    withPointers(delta, into: &result, of: Float.self) { delta, result in
      withDeltas(winners) { deltas in
        workers.run(pieces: winners.shape[0]) { picture in
          deltas.spread(delta, 0..<channels, of: picture, into: result + picture * size)
        }
      }
    }
  }

  /// As `summedOverPictures` of what `inputGradient` gives, which need not be there.
  public func summedOverPictures(delta: Tensor, winners: Tensor, _ workers: Workers) -> Tensor {
    let lanes = kernels.lanes
    return delta.withValues(of: Float.self) { delta in
      guard let delta = delta.baseAddress else { preconditionFailure("no deltas") }
      return withDeltas(winners) { deltas in
        kernels.summedOverPlanes(blocks: winners.shape[0], channels, workers) { plane, sums in
          Scratch.with(self.plane * lanes, of: Float.self) { error in
            let (picture, channel) = plane.quotientAndRemainder(dividingBy: channels)
            deltas.spread(delta, channel..<channel + 1, of: picture, into: error)
            kernels.compiled.sumInDoubles(error, count: self.plane, into: sums)
          }
        }
      }
    }
  }

  /// Where the window lies on a plane, as `LaneMicrokernels.maxPool` wants it.
  struct Places {
    let width: Int
    let rows, columns: UnsafePointer<Int32>
    var height: Int
    let across: Int
    let areSquares: Bool
  }

  func withPlaces(_ body: (Places) -> Void) {
    rows.withUnsafeBufferPointer { rows in
      columns.withUnsafeBufferPointer { columns in
        guard let rows = rows.baseAddress, let columns = columns.baseAddress else { return }
        body(
          Places(
            width: input[2], rows: rows, columns: columns, height: output[1], across: output[2],
            areSquares: areSquares))
      }
    }
  }
}
