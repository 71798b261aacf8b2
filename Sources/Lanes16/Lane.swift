// Compiled twice: as `Lanes16` for processors with AVX-512 and, through links, as `Lanes8` for
// those with AVX2. Nothing but pointers and numbers crosses the border of these modules: a generic
// function that both and the rest of the program specialize could be linked from the wrong one.

import Microkernels

/// Numbers in one register: the same element of so many examples.
#if LANES_16
  typealias Lane = SIMD16<Float>
  typealias LaneOfBytes = SIMD16<UInt8>
  private typealias Words = SIMD16<UInt16>
  private typealias PairsOfBytes = SIMD32<UInt8>
  private typealias PairsOfWords = SIMD32<UInt16>
#else
  typealias Lane = SIMD8<Float>
  typealias LaneOfBytes = SIMD8<UInt8>
  private typealias Words = SIMD8<UInt16>
  private typealias PairsOfBytes = SIMD16<UInt8>
  private typealias PairsOfWords = SIMD16<UInt16>
#endif

/// Examples side by side in a register.
let lanes = Lane.scalarCount

extension CompiledKernels: LaneMicrokernels {
  public static var lanes: Int { Lane.scalarCount }
  public static var tileHeight: Int { rowsOfTile }
  public static var placesTogether: Int { Row3.count }
  public static var tapsTogether: Int { Taps.count }
  public static var deltasTogether: Int { rowsOfDeltas }
}

extension UnsafePointer<Float> {
  /// What lies here, wherever that is.
  @inline(__always)
  var lane: Lane { UnsafeRawPointer(self).loadUnaligned(as: Lane.self) }

  /// The same memory, register by register.
  @inline(__always)
  var inLanes: UnsafePointer<Lane> { UnsafeRawPointer(self).assumingMemoryBound(to: Lane.self) }
}

extension UnsafeMutablePointer<Float> {
  @inline(__always)
  func store(_ lane: Lane) { UnsafeMutableRawPointer(self).storeBytes(of: lane, as: Lane.self) }

  @inline(__always)
  var inLanes: UnsafeMutablePointer<Lane> {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Lane.self)
  }
}

extension Lane {
  /// max(0, x), if it is to be so.
  @inline(__always)
  func rectified(_ isRectified: Bool) -> Lane {
    isRectified ? replacing(with: Lane(), where: self .< Lane()) : self
  }

  /// What of an error passes back through a rectifier of this sum, if there is one.
  @inline(__always)
  func delta(_ error: Lane, _ isRectified: Bool) -> Lane {
    if !isRectified { return error }
    return error * Lane().replacing(with: Lane(repeating: 1), where: self .> Lane())
  }
}

// By halves, which become one instruction each; the standard library's conversions go element by
// element.
extension Lane.MaskStorage {
  /// Numbers from 0 to 255.
  @inline(__always)
  init(bytes: LaneOfBytes) {
    var (pairs, pairsOfWords) = (PairsOfBytes(), PairsOfWords())
    pairs.evenHalf = bytes
    pairsOfWords.evenHalf = unsafeBitCast(pairs, to: Words.self)
    self = unsafeBitCast(pairsOfWords, to: Self.self)
  }

  /// The lowest byte of every number.
  @inline(__always)
  var lowestBytes: LaneOfBytes {
    let words = unsafeBitCast(self, to: PairsOfWords.self).evenHalf
    return unsafeBitCast(words, to: PairsOfBytes.self).evenHalf
  }
}

/// Several registers that are added to together. What is written out here by hand, and not kept in
/// an array, stays in the processor's registers.
protocol Row {
  static var count: Int { get }
  init(repeating number: Float)
  /// The registers at `x[offsets[0] + shift]`, `x[offsets[1] + shift]`, …
  init(_ x: UnsafePointer<Lane>, at offsets: UnsafePointer<Int>, plus shift: Int)
  mutating func add(_ x: Self, times weight: Float)
  mutating func add(_ x: Self, times weight: Lane)
  /// Writes the registers to `target[offsets[0]]`, `target[offsets[1]]`, …
  func store(_ target: UnsafeMutablePointer<Lane>, at offsets: UnsafePointer<Int>)
}

struct Row1: Row {
  var a: Lane

  static var count: Int { 1 }
  @inline(__always) init(repeating number: Float) { a = Lane(repeating: number) }
  @inline(__always)
  init(_ x: UnsafePointer<Lane>, at offsets: UnsafePointer<Int>, plus shift: Int) {
    a = x[offsets[0] &+ shift]
  }
  @inline(__always) mutating func add(_ x: Self, times weight: Float) { a.addProduct(x.a, weight) }
  @inline(__always) mutating func add(_ x: Self, times weight: Lane) { a.addProduct(x.a, weight) }
  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Lane>, at offsets: UnsafePointer<Int>) {
    target[offsets[0]] = a
  }
}

struct Row3: Row {
  var a, b, c: Lane

  static var count: Int { 3 }
  @inline(__always)
  init(repeating number: Float) {
    a = Lane(repeating: number)
    b = a
    c = a
  }
  @inline(__always)
  init(_ x: UnsafePointer<Lane>, at offsets: UnsafePointer<Int>, plus shift: Int) {
    a = x[offsets[0] &+ shift]
    b = x[offsets[1] &+ shift]
    c = x[offsets[2] &+ shift]
  }
  @inline(__always)
  mutating func add(_ x: Self, times weight: Float) {
    a.addProduct(x.a, weight)
    b.addProduct(x.b, weight)
    c.addProduct(x.c, weight)
  }
  @inline(__always)
  mutating func add(_ x: Self, times weight: Lane) {
    a.addProduct(x.a, weight)
    b.addProduct(x.b, weight)
    c.addProduct(x.c, weight)
  }
  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Lane>, at offsets: UnsafePointer<Int>) {
    target[offsets[0]] = a
    target[offsets[1]] = b
    target[offsets[2]] = c
  }
}

/// Two rows as one.
struct PairOfRows<R: Row>: Row {
  var low, high: R

  static var count: Int { 2 * R.count }
  @inline(__always)
  init(repeating number: Float) {
    low = R(repeating: number)
    high = low
  }
  @inline(__always)
  init(_ x: UnsafePointer<Lane>, at offsets: UnsafePointer<Int>, plus shift: Int) {
    low = R(x, at: offsets, plus: shift)
    high = R(x, at: offsets + R.count, plus: shift)
  }
  @inline(__always)
  mutating func add(_ x: Self, times weight: Float) {
    low.add(x.low, times: weight)
    high.add(x.high, times: weight)
  }
  @inline(__always)
  mutating func add(_ x: Self, times weight: Lane) {
    low.add(x.low, times: weight)
    high.add(x.high, times: weight)
  }
  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Lane>, at offsets: UnsafePointer<Int>) {
    low.store(target, at: offsets)
    high.store(target, at: offsets + R.count)
  }
}
