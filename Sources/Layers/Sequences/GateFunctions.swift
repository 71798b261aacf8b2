import Kernels
import Products

/// The functions of gates over rows of numbers, many at a time where the type has a way to.
protocol GateReal: BLASReal {
  /// x becomes 1 / (1 + e⁻ˣ), for `count` numbers.
  static func sigmoid(_ x: UnsafeMutablePointer<Self>, count: Int)

  /// x becomes tanh x, for `count` numbers.
  static func tanh(_ x: UnsafeMutablePointer<Self>, count: Int)
}

extension Double: GateReal {
  static func sigmoid(_ x: UnsafeMutablePointer<Double>, count: Int) {
    for index in 0..<count { x[index] = 1 / (1 + exp(-x[index])) }
  }

  static func tanh(_ x: UnsafeMutablePointer<Double>, count: Int) {
    for index in 0..<count { x[index] = tanh(x[index]) }
  }
}

/// The C library's functions take one number at a time, and would take as long as the products. The results are
/// within 2 units in the last place of the exact ones, and do not depend on a number's place in the row.
extension Float: GateReal {
  static func sigmoid(_ x: UnsafeMutablePointer<Float>, count: Int) {
    eightAtATime(x, count) { 1 / (1 + exponential(-$0)) }
  }

  static func tanh(_ x: UnsafeMutablePointer<Float>, count: Int) {
    eightAtATime(x, count) { x in
      let square = x * x
      // Near 0 the quotient would lose digits. Source of the polynomial: Moshier, Cephes, tanhf.
      var near = SIMD8<Float>(repeating: -5.704_988_7e-3)
      near = near * square + 2.063_908_9e-2
      near = near * square - 5.373_971_5e-2
      near = near * square + 0.133_314_42
      near = near * square - 0.333_332_82
      near = near * square * x + x
      let size = x.replacing(with: -x, where: x .< 0)
      let far = 1 - 2 / (exponential(2 * size) + 1)
      return far.replacing(with: -far, where: x .< 0).replacing(with: near, where: size .< 0.625)
    }
  }

  @inline(__always)
  private static func eightAtATime(
    _ x: UnsafeMutablePointer<Float>, _ count: Int, _ f: (SIMD8<Float>) -> SIMD8<Float>
  ) {
    let memory = UnsafeMutableRawPointer(x)
    let size = MemoryLayout<Float>.stride
    var index = 0
    while index + 8 <= count {
      let values = memory.loadUnaligned(fromByteOffset: index * size, as: SIMD8<Float>.self)
      memory.storeBytes(of: f(values), toByteOffset: index * size, as: SIMD8<Float>.self)
      index += 8
    }
    if index < count {
      var values = SIMD8<Float>()
      for lane in 0..<count - index { values[lane] = x[index + lane] }
      values = f(values)
      for lane in 0..<count - index { x[index + lane] = values[lane] }
    }
  }

  /// eˣ, with x held within −87.3 and 88, where the result is a normal number; NaN stays NaN.
  ///
  /// eˣ = 2ⁿ eʳ with a whole n and |r| ≤ ln 2 / 2. Source of the polynomial: Moshier, Cephes, expf.
  @inline(__always)
  private static func exponential(_ x: SIMD8<Float>) -> SIMD8<Float> {
    let x = x.replacing(with: 88, where: x .> 88).replacing(with: -87.3, where: x .< -87.3)
    // Added to a number of this size, a small one is rounded to a whole one, which stands in the last bits.
    let large = SIMD8<Float>(repeating: 12_582_912)
    let shifted = x * 1.442_695_04 + large
    let n = shifted - large
    // ln 2 in two parts, of which the first times n is exact.
    let r = (x - n * 0.693_359_375) + n * 2.121_944_4e-4
    var p = SIMD8<Float>(repeating: 1.987_569_1e-4)
    p = p * r + 1.398_199_9e-3
    p = p * r + 8.333_452e-3
    p = p * r + 4.166_579_6e-2
    p = p * r + 0.166_666_65
    p = p * r + 0.5
    p = p * r * r + r + 1
    let exponent =
      unsafeBitCast(shifted, to: SIMD8<Int32>.self) &- unsafeBitCast(large, to: SIMD8<Int32>.self)
    return p * unsafeBitCast((exponent &+ 127) &<< 23, to: SIMD8<Float>.self)
  }
}
