import Tensors

/// A type whose exponential, sigmoid and tanh are computed for eight numbers at once.
///
/// The functions are written once, for both types, below; a type states the constants and the
/// polynomial.
public protocol VectorReal: Real {
  /// The integer of as many bits.
  associatedtype Pattern: FixedWidthInteger & SIMDScalar

  /// eʳ − 1 for |r| ≤ ln 2 / 2, with a small relative error near 0 too.
  static func exponentialMinusOne(nearZero r: SIMD8<Self>) -> SIMD8<Self>

  /// The nearest x whose eˣ is a normal number. (In generic code comparisons would go number by
  /// number.)
  static func limitedExponent(_ x: SIMD8<Self>) -> SIMD8<Self>

  /// ln 2 in two parts; the product of the first with a whole number of a few bits is exact.
  static var ln2: (high: Self, low: Self) { get }

  /// 1.5 · 2ᵐ with m bits of mantissa: added to a small number, it leaves that rounded to a whole
  /// one in the last bits.
  static var roundingOffset: Self { get }
}

/// Source of the polynomial: Moshier, Cephes, expf.
extension Float: VectorReal {
  public typealias Pattern = Int32

  @inlinable public static var ln2: (high: Float, low: Float) { (0.693_359_375, -2.121_944_4e-4) }
  @inlinable public static var roundingOffset: Float { 12_582_912 }

  @inlinable @inline(__always)
  public static func limitedExponent(_ x: SIMD8<Float>) -> SIMD8<Float> {
    x.replacing(with: 88, where: x .> 88).replacing(with: -87.3, where: x .< -87.3)
  }

  @inlinable @inline(__always)
  public static func exponentialMinusOne(nearZero r: SIMD8<Float>) -> SIMD8<Float> {
    var p = SIMD8<Float>(repeating: 1.987_569_1e-4)
    p = p * r + 1.398_199_9e-3
    p = p * r + 8.333_452e-3
    p = p * r + 4.166_579_6e-2
    p = p * r + 0.166_666_65
    p = p * r + 0.5
    return p * (r * r) + r
  }
}

/// Source of the rational function: Moshier, Cephes, exp.
extension Double: VectorReal {
  public typealias Pattern = Int64

  @inlinable public static var ln2: (high: Double, low: Double) {
    (6.931_457_519_531_25e-1, 1.428_606_820_309_417_23e-6)
  }
  @inlinable public static var roundingOffset: Double { 6_755_399_441_055_744 }

  @inlinable @inline(__always)
  public static func limitedExponent(_ x: SIMD8<Double>) -> SIMD8<Double> {
    x.replacing(with: 709, where: x .> 709).replacing(with: -708, where: x .< -708)
  }

  @inlinable @inline(__always)
  public static func exponentialMinusOne(nearZero r: SIMD8<Double>) -> SIMD8<Double> {
    let square = r * r
    var p = SIMD8<Double>(repeating: 1.261_771_930_748_105_908_78e-4)
    p = p * square + 3.029_944_077_074_419_613_00e-2
    p = (p * square + 9.999_999_999_999_999_999_10e-1) * r
    var q = SIMD8<Double>(repeating: 3.001_985_051_386_644_550_42e-6)
    q = q * square + 2.524_483_403_496_841_041_92e-3
    q = q * square + 2.272_655_482_081_550_287_66e-1
    q = q * square + 2
    return 2 * p / (q - p)
  }
}

/// The results are within a few units in the last place of the exact ones, and do not depend on a
/// number's place. NaN stays NaN.
extension SIMD8 where Scalar: VectorReal {
  /// eˣ, and for x outside of −87.3…88 in F32, −708…709 in F64, that of the nearer limit.
  @inlinable @inline(__always)
  public func exponential() -> Self {
    let (power, rest) = exponentialParts()
    return power * rest + power
  }

  /// 1 / (1 + e⁻ˣ)
  @inlinable @inline(__always)
  public func sigmoid() -> Self { 1 / (1 + (0 - self).exponential()) }

  /// tanh x = −m / (m + 2) with m = e⁻²ˣ − 1, for x ≥ 0; m keeps its precision near 0.
  @inlinable @inline(__always)
  public func tanh() -> Self {
    let pattern = unsafeBitCast(self, to: SIMD8<Scalar.Pattern>.self)
    let sign = pattern & SIMD8<Scalar.Pattern>(repeating: .min)
    let size = unsafeBitCast(pattern & SIMD8<Scalar.Pattern>(repeating: .max), to: Self.self)
    let (power, rest) = (-2 * size).exponentialParts()
    let m = power * rest + (power - 1)
    let result = unsafeBitCast(m / (m + 2), to: SIMD8<Scalar.Pattern>.self)
    return unsafeBitCast(
      result & SIMD8<Scalar.Pattern>(repeating: .max) | sign, to: Self.self)
  }

  /// eˣ = 2ⁿ (1 + q), with a whole n and |q| < ½: the pair of 2ⁿ and q.
  @inlinable @inline(__always)
  func exponentialParts() -> (power: Self, rest: Self) {
    let x = Scalar.limitedExponent(self)
    let offset = Self(repeating: Scalar.roundingOffset)
    let shifted = x * Scalar(1.442_695_040_888_963_407) + offset
    let n = shifted - offset
    let r = (x - n * Scalar.ln2.high) - n * Scalar.ln2.low
    let exponent =
      unsafeBitCast(shifted, to: SIMD8<Scalar.Pattern>.self)
      &- unsafeBitCast(offset, to: SIMD8<Scalar.Pattern>.self)
    let bits = Scalar.Pattern(Scalar.significandBitCount)
    let one = unsafeBitCast(Self(repeating: 1), to: SIMD8<Scalar.Pattern>.self)
    // 2ⁿ is 1 with n added to its exponent.
    let power = unsafeBitCast(one &+ exponent &<< bits, to: Self.self)
    return (power, Scalar.exponentialMinusOne(nearZero: r))
  }
}
