import Compute
import Foundation
import Testing

/// The functions of eight numbers at once against the C library's.
struct VectorFunctionsTests {
  /// Both signs of 0, 2⁻³⁰ to 2⁷ in steps of 2%, the limits of the exponential.
  static let numbers: [Float] = {
    let powers = stride(from: -30, through: 7, by: 1.0 / 32).map { Float(exp2($0)) }
    let positive = powers + [0, 0.625, Float(0.625).nextDown, 87.3, 88, 90, 3e38]
    return positive + positive.map { -$0 }
  }()

  static let doubles: [Double] = {
    let powers = stride(from: -60, through: 10, by: 1.0 / 32).map { exp2($0) }
    let positive = powers + [0, 0.625, 708, 709, 720, 1e308]
    return positive + positive.map { -$0 }
  }()

  /// Each number in the lane of its place.
  private func values<R: VectorReal>(
    _ numbers: [R], _ f: (SIMD8<R>) -> SIMD8<R>
  ) -> [R] {
    numbers.indices.map { index in
      let first = index & ~7
      var x = SIMD8<R>()
      for lane in 0..<8 where first + lane < numbers.count { x[lane] = numbers[first + lane] }
      return f(x)[index - first]
    }
  }

  // MARK: F32, against double precision

  @Test func sigmoidIsExactToTwoUnits() {
    check({ $0.sigmoid() }, { 1 / (1 + exp(-$0)) }, units: 2)
  }

  @Test func tanhIsExactToTwoUnits() {
    check({ $0.tanh() }, { tanh($0) }, units: 2)
  }

  @Test func exponentialIsExactToTwoUnits() {
    check({ $0.exponential() }, { exp(min(max($0, Double(Float(-87.3))), 88)) }, units: 2)
  }

  private func check(
    _ f: (SIMD8<Float>) -> SIMD8<Float>, _ expected: (Double) -> Double, units: Float
  ) {
    for (x, y) in zip(Self.numbers, values(Self.numbers, f)) {
      let exact = Float(expected(Double(x)))
      // Below the smallest normal number of e⁸⁸'s reciprocal, all is 0 to a gate.
      let allowed = max(units * exact.ulp, 1e-38)
      #expect(abs(y - exact) <= allowed, "\(x): \(y), exactly \(exact)")
    }
  }

  // MARK: F64

  @Test func doublesAreExactTo1e15() {
    check({ $0.sigmoid() }, { 1 / (1 + exp(-$0)) })
    check({ $0.tanh() }, { tanh($0) })
    check({ $0.exponential() }, { exp(min(max($0, -708), 709)) })
  }

  private func check(_ f: (SIMD8<Double>) -> SIMD8<Double>, _ expected: (Double) -> Double) {
    for (x, y) in zip(Self.doubles, values(Self.doubles, f)) {
      let exact = expected(x)
      #expect(abs(y - exact) <= max(1e-15 * abs(exact), 1e-307), "\(x): \(y), exactly \(exact)")
    }
  }

  // MARK: Special numbers

  @Test func aNumbersLaneDoesNotMatter() {
    let together = values(Self.numbers) { $0.tanh() }
    for (x, y) in zip(Self.numbers, together) {
      for lane in 0..<8 {
        var alone = SIMD8<Float>(repeating: 0.25)
        alone[lane] = x
        #expect(alone.tanh()[lane].bitPattern == y.bitPattern)
      }
    }
  }

  @Test func tanhKeepsTheSignOf0() {
    for zero in [0.0, -0.0] {
      #expect(SIMD8(repeating: Float(zero)).tanh()[3].bitPattern == Float(zero).bitPattern)
      #expect(SIMD8(repeating: zero).tanh()[3].bitPattern == zero.bitPattern)
    }
  }

  @Test func notANumberStaysOne() {
    #expect(values([Float.nan]) { $0.tanh() }[0].isNaN)
    #expect(values([Float.nan]) { $0.sigmoid() }[0].isNaN)
    #expect(values([Float.nan]) { $0.exponential() }[0].isNaN)
    #expect(values([Double.nan]) { $0.tanh() }[0].isNaN)
    #expect(values([Double.nan]) { $0.sigmoid() }[0].isNaN)
  }

  @Test func infinitySaturates() {
    #expect(values([.infinity, -.infinity] as [Float]) { $0.tanh() } == [1, -1])
    #expect(values([.infinity, -.infinity] as [Double]) { $0.tanh() } == [1, -1])
    #expect(values([.infinity] as [Float]) { $0.sigmoid() } == [1])
  }
}
