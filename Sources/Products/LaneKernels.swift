import Kernels
import Lanes16
import Lanes8

/// The kernels of `Lanes8` or of `Lanes16`, in F32: the same sources, compiled for one kind of processor each.
///
/// See there what each of them computes.
public struct LaneKernels: Sendable {
  /// Numbers in a register.
  public let lanes: Int
  let tileHeight, placesTogether, tapsTogether, deltasTogether: Int
  let spread:
    @Sendable (
      _ source: UnsafePointer<Float>, _ examples: Int, _ exampleStride: Int,
      _ targets: UnsafePointer<Int32>, _ elements: Int, _ registers: UnsafeMutablePointer<Float>
    ) -> Void
  let collect:
    @Sendable (
      _ registers: UnsafePointer<Float>, _ elements: Int, _ result: UnsafeMutablePointer<Float>,
      _ examples: Int, _ exampleStride: Int
    ) -> Void
  let clear:
    @Sendable (
      _ registers: UnsafeMutablePointer<Float>, _ planes: Int, _ stride: Int,
      _ offsets: UnsafePointer<Int32>, _ count: Int
    ) -> Void
  let convolve:
    @Sendable (
      _ x: UnsafePointer<Float>, _ bases: UnsafePointer<Int>, _ targets: UnsafePointer<Int>,
      _ positions: Int, _ taps: UnsafePointer<Int>, _ count: Int, _ weight: UnsafePointer<Float>,
      _ bias: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>, _ stride: Int,
      _ rows: Int
    ) -> Void
  let correlate:
    @Sendable (
      _ delta: UnsafePointer<Float>, _ stride: Int, _ x: UnsafePointer<Float>,
      _ bases: UnsafePointer<Int>, _ positions: Int, _ taps: UnsafePointer<Int>, _ count: Int,
      _ sums: UnsafeMutablePointer<Float>, _ adding: Bool, _ rows: Int
    ) -> Void
  let filterTiles,
    expandTiles:
      @Sendable (
        _ x: UnsafePointer<Float>, _ width: Int, _ bases: UnsafePointer<Int>, _ tiles: Int,
        _ result: UnsafeMutablePointer<Float>, _ columns: UnsafePointer<Int>, _ matrix: Int,
        _ room: UnsafeMutablePointer<Float>
      ) -> Void
  let narrowTiles:
    @Sendable (
      _ m: UnsafePointer<Float>, _ tiles: Int, _ bias: UnsafePointer<Float>,
      _ targets: UnsafePointer<Int>, _ result: UnsafeMutablePointer<Float>, _ stride: Int,
      _ rows: Int, _ room: UnsafeMutablePointer<Float>
    ) -> Void
  let widenKernels:
    @Sendable (
      _ kernels: UnsafePointer<Float>, _ rows: Int, _ rowStride: Int, _ channels: Int,
      _ channelStride: Int, _ mirrored: Bool, _ result: UnsafeMutablePointer<Float>,
      _ room: UnsafeMutablePointer<Float>
    ) -> Void
  let narrowKernels:
    @Sendable (
      _ m: UnsafePointer<Float>, _ count: Int, _ result: UnsafeMutablePointer<Float>,
      _ room: UnsafeMutablePointer<Float>
    ) -> Void

  /// What is done to signals that lie in registers.
  let channels: ChannelKernels

  /// For processors with AVX2; on arm64 for all.
  static let eight = LaneKernels(
    lanes: Lanes8.lanes, tileHeight: Lanes8.tileHeight,
    placesTogether: Lanes8.placesTogether, tapsTogether: Lanes8.tapsTogether,
    deltasTogether: Lanes8.deltasTogether,
    spread: {
      Lanes8.spread($0, examples: $1, exampleStride: $2, to: $3, elements: $4, in: $5)
    },
    collect: {
      Lanes8.collect($0, elements: $1, into: $2, examples: $3, exampleStride: $4)
    },
    clear: { Lanes8.clear($0, planes: $1, stride: $2, at: $3, count: $4) },
    convolve: {
      Lanes8.convolve(
        $0, bases: $1, targets: $2, positions: $3, taps: $4, count: $5, weight: $6, bias: $7,
        into: $8, stride: $9, rows: $10)
    },
    correlate: {
      Lanes8.correlate(
        delta: $0, stride: $1, x: $2, bases: $3, positions: $4, taps: $5, count: $6, into: $7,
        adding: $8, rows: $9)
    },
    filterTiles: {
      Lanes8.filterTiles(
        $0, width: $1, bases: $2, tiles: $3, into: $4, columns: $5, matrix: $6, room: $7)
    },
    expandTiles: {
      Lanes8.expandTiles(
        $0, width: $1, bases: $2, tiles: $3, into: $4, columns: $5, matrix: $6, room: $7)
    },
    narrowTiles: {
      Lanes8.narrowTiles(
        $0, tiles: $1, bias: $2, targets: $3, into: $4, stride: $5, rows: $6, room: $7)
    },
    widenKernels: {
      Lanes8.widenKernels(
        $0, rows: $1, rowStride: $2, channels: $3, channelStride: $4, mirrored: $5, into: $6,
        room: $7)
    },
    narrowKernels: { Lanes8.narrowKernels($0, count: $1, into: $2, room: $3) },
    channels: .eight)

  /// For processors with AVX-512.
  static let sixteen = LaneKernels(
    lanes: Lanes16.lanes, tileHeight: Lanes16.tileHeight,
    placesTogether: Lanes16.placesTogether, tapsTogether: Lanes16.tapsTogether,
    deltasTogether: Lanes16.deltasTogether,
    spread: {
      Lanes16.spread($0, examples: $1, exampleStride: $2, to: $3, elements: $4, in: $5)
    },
    collect: {
      Lanes16.collect($0, elements: $1, into: $2, examples: $3, exampleStride: $4)
    },
    clear: { Lanes16.clear($0, planes: $1, stride: $2, at: $3, count: $4) },
    convolve: {
      Lanes16.convolve(
        $0, bases: $1, targets: $2, positions: $3, taps: $4, count: $5, weight: $6, bias: $7,
        into: $8, stride: $9, rows: $10)
    },
    correlate: {
      Lanes16.correlate(
        delta: $0, stride: $1, x: $2, bases: $3, positions: $4, taps: $5, count: $6, into: $7,
        adding: $8, rows: $9)
    },
    filterTiles: {
      Lanes16.filterTiles(
        $0, width: $1, bases: $2, tiles: $3, into: $4, columns: $5, matrix: $6, room: $7)
    },
    expandTiles: {
      Lanes16.expandTiles(
        $0, width: $1, bases: $2, tiles: $3, into: $4, columns: $5, matrix: $6, room: $7)
    },
    narrowTiles: {
      Lanes16.narrowTiles(
        $0, tiles: $1, bias: $2, targets: $3, into: $4, stride: $5, rows: $6, room: $7)
    },
    widenKernels: {
      Lanes16.widenKernels(
        $0, rows: $1, rowStride: $2, channels: $3, channelStride: $4, mirrored: $5, into: $6,
        room: $7)
    },
    narrowKernels: { Lanes16.narrowKernels($0, count: $1, into: $2, room: $3) },
    channels: .sixteen)

  /// Those that this processor can run, the widest last.
  public static let supported = RegisterWidth.supported.map(of)

  /// Those of the widest registers; nil where there are none: `RegisterWidth.best`.
  public static let best = RegisterWidth.best.map(of)

  private static func of(_ width: RegisterWidth) -> LaneKernels {
    switch width {
    case .eight: eight
    case .sixteen: sixteen
    }
  }
}

// MARK: What `correlate` wants, and gives

extension LaneKernels {
  /// Taps, the last one repeated until they are a multiple of what is correlated together.
  func padded(_ taps: [Int]) -> [Int] {
    guard let last = taps.last else { return taps }
    return taps + [Int](repeating: last, count: paddedTaps(taps.count) - taps.count)
  }

  /// How many those are.
  func paddedTaps(_ count: Int) -> Int { (count + tapsTogether - 1) / tapsTogether * tapsTogether }

  /// Output channels, and those that are not there but have sums.
  func paddedOutputs(_ outputs: Int) -> Int {
    (outputs + deltasTogether - 1) / deltasTogether * deltasTogether
  }

  /// Where the sum of an output channel and a tap lies.
  func indexOfSum(_ output: Int, _ tap: Int, of taps: Int) -> Int {
    (output / deltasTogether * taps + tap) * deltasTogether + output % deltasTogether
  }
}
