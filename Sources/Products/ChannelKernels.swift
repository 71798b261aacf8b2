import Lanes16
import Lanes8

/// The kernels of `Lanes8` or of `Lanes16` for what stands between convolutions. They are called with a plane at a time: `count`
/// registers, one for each element of a channel. See there what each of them computes.
struct ChannelKernels: Sendable {
  /// A channel's y = scale · (x − mean) + bias, of which a rectifier perhaps takes what is below 0.
  struct Line {
    let mean, scale, bias: Float
    let isRectified: Bool
  }

  typealias Plane = UnsafePointer<Float>
  typealias Result = UnsafeMutablePointer<Float>
  /// By lane.
  typealias Sums = UnsafeMutablePointer<Double>

  let sum: @Sendable (_ x: Plane, _ count: Int, _ sums: Sums) -> Void
  let sumOfSquares: @Sendable (_ x: Plane, _ shift: Float, _ count: Int, _ sums: Sums) -> Void
  let sumInDoubles: @Sendable (_ x: Plane, _ count: Int, _ sums: Sums) -> Void
  let normalize: @Sendable (_ x: Plane, _ count: Int, _ line: Line, _ y: Result) -> Void
  let sumsOfErrors:
    @Sendable (
      _ error: Plane, _ x: Plane, _ count: Int, _ line: Line, _ sums: Sums, _ products: Sums
    ) -> Void
  let passBack:
    @Sendable (
      _ error: Plane, _ x: Plane, _ count: Int, _ line: Line, _ offset: Float, _ slope: Float,
      _ result: Result
    ) -> Void
  /// Where a window lies on a plane: see `Lanes16.maxPool`.
  struct Places {
    let width: Int
    let rows, columns: UnsafePointer<Int32>
    var height: Int
    let across: Int
    let areSquares, areRectified: Bool
  }

  /// By lane and place.
  typealias Winners = UnsafeMutablePointer<UInt8>

  let maxPool:
    @Sendable (_ x: Plane, _ places: Places, _ result: Result, _ winners: Winners?) -> Void
  let passToWinners:
    @Sendable (
      _ delta: Plane, _ winners: UnsafePointer<UInt8>, _ elements: Int, _ places: Places,
      _ result: Result
    ) -> Void

  static let eight = ChannelKernels(
    sum: { Lanes8.sum($0, count: $1, into: $2) },
    sumOfSquares: { Lanes8.sumOfSquares($0, minus: $1, count: $2, into: $3) },
    sumInDoubles: { Lanes8.sumInDoubles($0, count: $1, into: $2) },
    normalize: { x, count, line, y in
      Lanes8.normalize(
        x, count: count, mean: line.mean, scale: line.scale, bias: line.bias,
        isRectified: line.isRectified, into: y)
    },
    sumsOfErrors: { error, x, count, line, sums, products in
      Lanes8.sumsOfErrors(
        error, x, count: count, mean: line.mean, scale: line.scale, bias: line.bias,
        isRectified: line.isRectified, into: sums, products)
    },
    passBack: { error, x, count, line, offset, slope, result in
      Lanes8.passBack(
        error, x, count: count, mean: line.mean, scale: line.scale, bias: line.bias,
        isRectified: line.isRectified, offset: offset, slope: slope, into: result)
    },
    maxPool: { x, places, result, winners in
      Lanes8.maxPool(
        x, width: places.width, rows: places.rows, height: places.height, columns: places.columns,
        across: places.across, areSquares: places.areSquares, isRectified: places.areRectified,
        into: result, winners: winners)
    },
    passToWinners: { delta, winners, elements, places, result in
      Lanes8.passToWinners(
        delta, winners, elements: elements, width: places.width, rows: places.rows,
        height: places.height, columns: places.columns, across: places.across,
        areSquares: places.areSquares, into: result)
    })

  static let sixteen = ChannelKernels(
    sum: { Lanes16.sum($0, count: $1, into: $2) },
    sumOfSquares: { Lanes16.sumOfSquares($0, minus: $1, count: $2, into: $3) },
    sumInDoubles: { Lanes16.sumInDoubles($0, count: $1, into: $2) },
    normalize: { x, count, line, y in
      Lanes16.normalize(
        x, count: count, mean: line.mean, scale: line.scale, bias: line.bias,
        isRectified: line.isRectified, into: y)
    },
    sumsOfErrors: { error, x, count, line, sums, products in
      Lanes16.sumsOfErrors(
        error, x, count: count, mean: line.mean, scale: line.scale, bias: line.bias,
        isRectified: line.isRectified, into: sums, products)
    },
    passBack: { error, x, count, line, offset, slope, result in
      Lanes16.passBack(
        error, x, count: count, mean: line.mean, scale: line.scale, bias: line.bias,
        isRectified: line.isRectified, offset: offset, slope: slope, into: result)
    },
    maxPool: { x, places, result, winners in
      Lanes16.maxPool(
        x, width: places.width, rows: places.rows, height: places.height, columns: places.columns,
        across: places.across, areSquares: places.areSquares, isRectified: places.areRectified,
        into: result, winners: winners)
    },
    passToWinners: { delta, winners, elements, places, result in
      Lanes16.passToWinners(
        delta, winners, elements: elements, width: places.width, rows: places.rows,
        height: places.height, columns: places.columns, across: places.across,
        areSquares: places.areSquares, into: result)
    })
}
