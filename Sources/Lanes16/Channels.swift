// What batch normalization does to a channel's plane in registers. Every example's numbers are
// added up in the order in which the module `Kernels` adds up a row of them, so that both give the
// same bytes.

import CProcessor

/// Numbers of a register in double precision.
private struct Doubles {
  #if LANES_16
    private typealias Half = SIMD8<Double>
  #else
    private typealias Half = SIMD4<Double>
  #endif
  private var low, high: Half

  static var zero: Doubles { Doubles(Lane()) }

  @inline(__always)
  init(_ x: Lane) {
    #if LANES_16
      low = nn_doubles8(x.lowHalf)
      high = nn_doubles8(x.highHalf)
    #else
      low = nn_doubles4(x.lowHalf)
      high = nn_doubles4(x.highHalf)
    #endif
  }

  @inline(__always)
  static func += (x: inout Doubles, y: Doubles) {
    x.low += y.low
    x.high += y.high
  }

  @inline(__always)
  static func + (x: Doubles, y: Doubles) -> Doubles {
    var sum = x
    sum += y
    return sum
  }

  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Double>) {
    let target = UnsafeMutableRawPointer(target)
    target.storeBytes(of: low, as: Half.self)
    target.storeBytes(of: high, toByteOffset: MemoryLayout<Half>.size, as: Half.self)
  }
}

/// What stands in `Kernels` as `laneSum`: sixteen sums, each of every sixteenth term, which come
/// together in double precision, and then the last terms. Four of them at a time are the sums of a
/// sum.
@inline(__always)
private func laneSum(_ count: Int, _ term: (Int) -> Lane) -> Doubles {
  laneSums(count) { (term($0), Lane()) }.0
}

/// Two sums at once.
@inline(__always)
private func laneSums(_ count: Int, _ term: (Int) -> (Lane, Lane)) -> (Doubles, Doubles) {
  let whole = count & ~15
  @inline(__always)
  func quarter(_ first: Int) -> (Doubles, Doubles) {
    var (a, b, c, d) = (Lane(), Lane(), Lane(), Lane())
    var (e, f, g, h) = (a, b, c, d)
    @inline(__always)
    func add(_ terms: (Lane, Lane), _ x: inout Lane, _ y: inout Lane) {
      x += terms.0
      y += terms.1
    }
    var index = first
    while index < whole {
      add(term(index), &a, &e)
      add(term(index &+ 4), &b, &f)
      add(term(index &+ 8), &c, &g)
      add(term(index &+ 12), &d, &h)
      index &+= 16
    }
    return (
      (Doubles(a) + Doubles(c)) + (Doubles(b) + Doubles(d)),
      (Doubles(e) + Doubles(g)) + (Doubles(f) + Doubles(h))
    )
  }
  let (first, second, third, fourth) = (quarter(0), quarter(1), quarter(2), quarter(3))
  var sum = (first.0 + third.0) + (second.0 + fourth.0)
  var other = (first.1 + third.1) + (second.1 + fourth.1)
  for index in whole..<count {
    let terms = term(index)
    sum += Doubles(terms.0)
    other += Doubles(terms.1)
  }
  return (sum, other)
}

extension CompiledKernels {
  /// By lane Σ xᵢ of `count` registers.
  public static func sum(
    _ x: UnsafePointer<Float>, count: Int, into sums: UnsafeMutablePointer<Double>
  ) {
    let x = x.inLanes
    laneSum(count) { x[$0] }.store(sums)
  }

  /// By lane Σ (xᵢ − shift)².
  public static func sumOfSquares(
    _ x: UnsafePointer<Float>, minus shift: Float, count: Int,
    into sums: UnsafeMutablePointer<Double>
  ) {
    let (x, shift) = (x.inLanes, Lane(repeating: shift))
    laneSum(count) {
      let distance = x[$0] - shift
      return distance * distance
    }.store(sums)
  }

  /// By lane Σ xᵢ, added up in double precision as `doubleSum` in `Kernels` does.
  public static func sumInDoubles(
    _ x: UnsafePointer<Float>, count: Int, into sums: UnsafeMutablePointer<Double>
  ) {
    let x = x.inLanes
    let whole = count & ~7
    @inline(__always)
    func quarter(_ first: Int) -> Doubles {
      var (a, b) = (Doubles.zero, Doubles.zero)
      var index = first
      while index < whole {
        a += Doubles(x[index])
        b += Doubles(x[index &+ 4])
        index &+= 8
      }
      return a + b
    }
    var sum = (quarter(0) + quarter(2)) + (quarter(1) + quarter(3))
    for index in whole..<count { sum += Doubles(x[index]) }
    sum.store(sums)
  }
}

/// A channel's y = scale · (x − mean) + bias, of which a rectifier perhaps takes what is below 0.
private struct Normalization {
  let mean, scale, bias: Lane

  @inline(__always)
  init(_ mean: Float, _ scale: Float, _ bias: Float) {
    self.mean = Lane(repeating: mean)
    self.scale = Lane(repeating: scale)
    self.bias = Lane(repeating: bias)
  }

  @inline(__always)
  func callAsFunction(_ x: Lane) -> Lane { scale * (x - mean) + bias }
}

extension CompiledKernels {
  /// y = scale · (x − mean) + bias of `count` registers; where `isRectified`, 0 for what is below.
  public static func normalize(
    _ x: UnsafePointer<Float>, count: Int, mean: Float, scale: Float, bias: Float,
    isRectified: Bool, into y: UnsafeMutablePointer<Float>
  ) {
    let (x, y) = (x.inLanes, y.inLanes)
    let normalized = Normalization(mean, scale, bias)
    if isRectified {
      for index in 0..<count {
        y[index] = normalized(x[index]).rectified(true)
      }
    } else {
      for index in 0..<count { y[index] = normalized(x[index]) }
    }
  }

  /// By lane Σ δᵢ and Σ δᵢ (xᵢ − mean), where δ is the error, or what of it passes the rectifier of
  /// `normalize`.
  public static func sumsOfErrors(
    _ error: UnsafePointer<Float>, _ x: UnsafePointer<Float>, count: Int, mean: Float, scale: Float,
    bias: Float, isRectified: Bool, into sums: UnsafeMutablePointer<Double>,
    _ products: UnsafeMutablePointer<Double>
  ) {
    let (error, x) = (error.inLanes, x.inLanes)
    let normalized = Normalization(mean, scale, bias)
    @inline(__always)
    func both(_ isRectified: Bool) {
      let (sum, product) = laneSums(count) {
        let delta = normalized(x[$0]).delta(error[$0], isRectified)
        return (delta, delta * (x[$0] - normalized.mean))
      }
      sum.store(sums)
      product.store(products)
    }
    if isRectified { both(true) } else { both(false) }
  }

  /// scale · (δ − offset − slope · (x − mean)) of `count` registers.
  public static func passBack(
    _ error: UnsafePointer<Float>, _ x: UnsafePointer<Float>, count: Int, mean: Float, scale: Float,
    bias: Float, isRectified: Bool, offset: Float, slope: Float,
    into result: UnsafeMutablePointer<Float>
  ) {
    let (error, x, result) = (error.inLanes, x.inLanes, result.inLanes)
    let normalized = Normalization(mean, scale, bias)
    let (offset, slope) = (Lane(repeating: offset), Lane(repeating: slope))
    @inline(__always)
    func all(_ isRectified: Bool) {
      for index in 0..<count {
        let delta = normalized(x[index]).delta(error[index], isRectified)
        result[index] = normalized.scale * (delta - offset - slope * (x[index] - normalized.mean))
      }
    }
    if isRectified { all(true) } else { all(false) }
  }
}
