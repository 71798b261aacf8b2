// What the microkernels are, for all compilations of them: `Lanes16`, `Lanes8` and `Lanes4`. What
// each computes stands with its source, in `Lanes16`.
//
// Only requirements: a generic function or a default would be compiled once, for whichever
// processor.

/// Products of matrices, for registers of any width.
public protocol ProductMicrokernels: Sendable {
  /// The numbers of scratch that a product takes.
  static func productScratch(rows: Int, columns: Int, terms: Int) -> Int

  /// result = a · b, or result + a · b where `adding`.
  ///
  /// - Parameters:
  ///   - a: the element of a row and a term is `row · aDown + term · aRight` elements from here; one of the two is 1.
  ///   - b: alike, of a term and a column.
  ///   - result: [rows, columns], its rows `stride` elements apart.
  ///   - scratch: as many numbers as `productScratch` says.
  static func multiply(
    _ a: UnsafePointer<Float>, aDown: Int, aRight: Int, rows: Int, _ b: UnsafePointer<Float>,
    bDown: Int, bRight: Int, columns: Int, terms: Int, into result: UnsafeMutablePointer<Float>,
    stride: Int, adding: Bool, scratch: UnsafeMutablePointer<Float>)

  /// The same in F64.
  static func multiply(
    _ a: UnsafePointer<Double>, aDown: Int, aRight: Int, rows: Int, _ b: UnsafePointer<Double>,
    bDown: Int, bRight: Int, columns: Int, terms: Int, into result: UnsafeMutablePointer<Double>,
    stride: Int, adding: Bool, scratch: UnsafeMutablePointer<Double>)
}

/// All that is computed in F32 with the same element of several examples in a register.
public protocol LaneMicrokernels: ProductMicrokernels {
  /// Numbers in a register.
  static var lanes: Int { get }
  /// Output channels, and places of a window, that `convolve` computes together.
  static var tileHeight: Int { get }
  static var placesTogether: Int { get }
  /// Elements of the kernel, and output channels, that `correlate` computes together.
  static var tapsTogether: Int { get }
  static var deltasTogether: Int { get }

  static func spread(
    _ source: UnsafePointer<Float>, examples: Int, exampleStride: Int,
    to targets: UnsafePointer<Int32>, elements: Int, in registers: UnsafeMutablePointer<Float>)
  static func collect(
    _ registers: UnsafePointer<Float>, elements: Int, into result: UnsafeMutablePointer<Float>,
    examples: Int, exampleStride: Int)
  static func clear(
    _ registers: UnsafeMutablePointer<Float>, planes: Int, stride: Int,
    at offsets: UnsafePointer<Int32>, count: Int)

  static func convolve(
    _ x: UnsafePointer<Float>, bases: UnsafePointer<Int>, targets: UnsafePointer<Int>,
    positions: Int, taps: UnsafePointer<Int>, count: Int, weight: UnsafePointer<Float>,
    bias: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, stride: Int, rows: Int)
  static func correlate(
    delta: UnsafePointer<Float>, stride: Int, x: UnsafePointer<Float>, bases: UnsafePointer<Int>,
    positions: Int, taps: UnsafePointer<Int>, count: Int, into sums: UnsafeMutablePointer<Float>,
    adding: Bool, rows: Int)

  static func filterTiles(
    _ x: UnsafePointer<Float>, width: Int, bases: UnsafePointer<Int>, tiles: Int,
    into result: UnsafeMutablePointer<Float>, columns: UnsafePointer<Int>, matrix: Int,
    room: UnsafeMutablePointer<Float>)
  static func expandTiles(
    _ y: UnsafePointer<Float>, width: Int, bases: UnsafePointer<Int>, tiles: Int,
    into result: UnsafeMutablePointer<Float>, columns: UnsafePointer<Int>, matrix: Int,
    room: UnsafeMutablePointer<Float>)
  static func narrowTiles(
    _ m: UnsafePointer<Float>, tiles: Int, bias: UnsafePointer<Float>, targets: UnsafePointer<Int>,
    into result: UnsafeMutablePointer<Float>, stride: Int, rows: Int,
    room: UnsafeMutablePointer<Float>)
  static func widenKernels(
    _ kernels: UnsafePointer<Float>, rows: Int, rowStride: Int, channels: Int, channelStride: Int,
    mirrored: Bool, into result: UnsafeMutablePointer<Float>, room: UnsafeMutablePointer<Float>)
  static func narrowKernels(
    _ m: UnsafePointer<Float>, count: Int, into result: UnsafeMutablePointer<Float>,
    room: UnsafeMutablePointer<Float>)

  static func sum(
    _ x: UnsafePointer<Float>, count: Int, into sums: UnsafeMutablePointer<Double>)
  static func sumOfSquares(
    _ x: UnsafePointer<Float>, minus shift: Float, count: Int,
    into sums: UnsafeMutablePointer<Double>)
  static func sumInDoubles(
    _ x: UnsafePointer<Float>, count: Int, into sums: UnsafeMutablePointer<Double>)
  static func normalize(
    _ x: UnsafePointer<Float>, count: Int, mean: Float, scale: Float, bias: Float,
    isRectified: Bool, into y: UnsafeMutablePointer<Float>)
  static func sumsOfErrors(
    _ error: UnsafePointer<Float>, _ x: UnsafePointer<Float>, count: Int, mean: Float,
    scale: Float, bias: Float, isRectified: Bool, into sums: UnsafeMutablePointer<Double>,
    _ products: UnsafeMutablePointer<Double>)
  static func passBack(
    _ error: UnsafePointer<Float>, _ x: UnsafePointer<Float>, count: Int, mean: Float,
    scale: Float, bias: Float, isRectified: Bool, offset: Float, slope: Float,
    into result: UnsafeMutablePointer<Float>)

  static func maxPool(
    _ x: UnsafePointer<Float>, width: Int, rows: UnsafePointer<Int32>, height: Int,
    columns: UnsafePointer<Int32>, across: Int, areSquares: Bool, isRectified: Bool,
    into result: UnsafeMutablePointer<Float>, winners: UnsafeMutablePointer<UInt8>?)
  static func passToWinners(
    _ delta: UnsafePointer<Float>, _ winners: UnsafePointer<UInt8>, elements: Int, width: Int,
    rows: UnsafePointer<Int32>, height: Int, columns: UnsafePointer<Int32>, across: Int,
    areSquares: Bool, into result: UnsafeMutablePointer<Float>)

  static func descend(
    _ old: UnsafePointer<Float>, by gradient: UnsafePointer<Float>, count: Int, share: Float,
    rate: Float, into new: UnsafeMutablePointer<Float>
  ) -> Bool
}
