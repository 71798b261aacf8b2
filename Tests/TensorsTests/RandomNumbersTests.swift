import Foundation
import Testing

@testable import Tensors

struct RandomNumbersTests {
  @Test func hashesPurposesByFNV1a() {
    // The reference implementation's test vectors.
    #expect(RandomNumbers.hash(of: "") == 0xCBF2_9CE4_8422_2325)
    #expect(RandomNumbers.hash(of: "a") == 0xAF63_DC4C_8601_EC8C)
    #expect(RandomNumbers.hash(of: "foobar") == 0x8594_4171_F739_67E8)
  }

  @Test func sameArgumentsGiveTheSameNumbersInAnyOrder() {
    let forward = (0..<40).map { RandomNumbers(seed: 9, purpose: "p", stream: 2).bits(at: $0) }
    let numbers = RandomNumbers(seed: 9, purpose: "p", stream: 2)
    #expect((0..<40).reversed().map { numbers.bits(at: $0) } == forward.reversed())
  }

  @Test func everyArgumentMatters() {
    let numbers = [
      RandomNumbers(seed: 1, purpose: "p", stream: 0), RandomNumbers(seed: 2, purpose: "p"),
      RandomNumbers(seed: 1, purpose: "q"), RandomNumbers(seed: 1, purpose: "p", stream: 1),
    ].flatMap { numbers in (0..<100).map { numbers.bits(at: $0) } }
    #expect(Set(numbers).count == 400)
  }

  @Test func uniformNumbersAreTheTopBitsAsFractions() {
    let numbers = RandomNumbers(seed: 3, purpose: "uniform")
    var sum = 0.0
    for index in 0..<10_000 as Range<UInt64> {
      let number = numbers.uniform(at: index)
      #expect(number == Double(numbers.bits(at: index) / 2048) / 9_007_199_254_740_992)
      sum += number
    }
    // Four standard deviations of the mean, 1 / √(12 · 10 000) each.
    #expect(abs(sum / 10_000 - 0.5) < 4 * 0.002_887)
  }

  @Test func normalNumbersFallWhereTheyShould() {
    let numbers = RandomNumbers(seed: 7, purpose: "normal")
    let count = 40_000
    let found = (0..<count).map { numbers.normal(at: UInt64($0)) }
    #expect(found.allSatisfy { $0.isFinite })
    // Both numbers of a pair, and both sides of 0, each against the table of Φ, within five standard deviations.
    for parity in 0..<2 {
      let half = found.indices.filter { $0 % 2 == parity }.map { found[$0] }
      for (bound, share) in [
        (-2.326_348, 0.01), (-1.281_552, 0.1), (-0.674_490, 0.25), (0, 0.5), (0.674_490, 0.75),
        (1.281_552, 0.9), (2.326_348, 0.99),
      ] {
        let deviation = (share * (1 - share) / Double(half.count)).squareRoot()
        let below = Double(half.count { $0 < bound }) / Double(half.count)
        #expect(abs(below - share) < 5 * deviation)
      }
    }
    // A pair lies on the circle whose radius is that of its first uniform number.
    for index in [0, 2, 4, 1_000] as [UInt64] {
      let (x, y) = (numbers.normal(at: index), numbers.normal(at: index + 1))
      let u = numbers.uniform(at: index)
      #expect(abs(exp(-(x * x + y * y) / 2) - (1 - u)) < 1e-14)
    }
  }

  @Test func permutationsHoldEveryNumberOnce() {
    for count in [0, 1, 2, 3, 64, 1_000] {
      let order = RandomNumbers(seed: 4, purpose: "order").permutation(of: count)
      #expect(order.sorted() == Array(0..<count))
    }
  }

  @Test func allOrdersAreEquallyLikely() {
    var counts: [[Int]: Int] = [:]
    for stream in 0..<2_400 as Range<UInt64> {
      let order = RandomNumbers(seed: 5, purpose: "order", stream: stream).permutation(of: 4)
      counts[order, default: 0] += 1
    }
    #expect(counts.count == 24)
    // χ² with 23 degrees of freedom exceeds 49.7 once in a thousand seeds.
    let chiSquare = counts.values.reduce(0.0) { $0 + Double(($1 - 100) * ($1 - 100)) / 100 }
    #expect(chiSquare < 49.7)
  }

  @Test func numbersBelowABoundHaveNoBias() {
    // Four numbers share three results; unless a quarter is refused, every third result comes twice.
    let bound: UInt64 = 3 << 62
    let numbers = RandomNumbers(seed: 6, purpose: "bound")
    var index: UInt64 = 0
    let drawn = (0..<3_000).map { _ in numbers.number(below: bound, &index) }
    #expect(drawn.allSatisfy { $0 < bound })
    for remainder in 0..<3 as Range<UInt64> {
      // Four standard deviations, √(3000 · ⅓ · ⅔) each.
      #expect(abs(drawn.filter { $0 % 3 == remainder }.count - 1_000) < 104)
    }
    // 3000 are made of about 4000.
    #expect(abs(Int(index) - 4_000) < 150)
  }
}
