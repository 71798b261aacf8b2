import Foundation
import Testing

@testable import Layers

/// The vectorized functions against the C library's in double precision.
struct GateFunctionsTests {
  /// Both signs of 0, 2⁻³⁰ to 2⁷ in steps of 2%, the places where one formula takes over from another.
  static let numbers: [Float] = {
    let powers = stride(from: -30, through: 7, by: 1.0 / 32).map { Float(exp2($0)) }
    let positive = powers + [0, 0.625, Float(0.625).nextDown, 87.3, 88, 90, 3e38]
    return positive + positive.map { -$0 }
  }()

  @Test func sigmoidIsExactToTwoUnits() {
    check({ Float.sigmoid($0, count: $1) }, { 1 / (1 + exp(-$0)) }, units: 2)
  }

  @Test func tanhIsExactToTwoUnits() {
    check({ Float.tanh($0, count: $1) }, { tanh($0) }, units: 2)
  }

  private func check(
    _ f: (UnsafeMutablePointer<Float>, Int) -> Void, _ expected: (Double) -> Double, units: Float
  ) {
    var found = Self.numbers
    found.withUnsafeMutableBufferPointer { f($0.baseAddress!, $0.count) }
    for (x, y) in zip(Self.numbers, found) {
      let exact = Float(expected(Double(x)))
      // Below the smallest normal number of e⁸⁸'s reciprocal, all is 0 to a state.
      let allowed = max(units * exact.ulp, 1e-38)
      #expect(abs(y - exact) <= allowed, "\(x): \(y), exactly \(exact)")
    }
  }

  @Test func aNumbersPlaceInTheRowDoesNotMatter() {
    var together = Self.numbers
    together.withUnsafeMutableBufferPointer { Float.tanh($0.baseAddress!, count: $0.count) }
    for (x, y) in zip(Self.numbers, together) {
      var alone = [x]
      alone.withUnsafeMutableBufferPointer { Float.tanh($0.baseAddress!, count: 1) }
      #expect(alone[0].bitPattern == y.bitPattern)
    }
  }

  @Test func notANumberStaysOne() {
    var values = [Float](repeating: .nan, count: 9)
    values.withUnsafeMutableBufferPointer { Float.tanh($0.baseAddress!, count: 9) }
    #expect(values.allSatisfy { $0.isNaN })
    values.withUnsafeMutableBufferPointer { Float.sigmoid($0.baseAddress!, count: 9) }
    #expect(values.allSatisfy { $0.isNaN })
    var doubles = [Double.nan]
    doubles.withUnsafeMutableBufferPointer { Double.sigmoid($0.baseAddress!, count: 1) }
    #expect(doubles[0].isNaN)
  }

  @Test func infinitySaturates() {
    var values: [Float] = [.infinity, -.infinity]
    values.withUnsafeMutableBufferPointer { Float.tanh($0.baseAddress!, count: 2) }
    #expect(values == [1, -1])
  }
}
