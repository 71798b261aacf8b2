import Testing

@testable import Random

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
