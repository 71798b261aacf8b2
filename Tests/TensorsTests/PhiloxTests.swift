import Foundation
import Testing

@testable import Tensors

/// Against NumPy's numbers; the first three blocks are also the known answers that Random123 publishes.
struct PhiloxTests {
  struct Oracle: Decodable {
    struct Block: Decodable { let counter, key, block: [String] }
    struct Sequence: Decodable { let seed, purpose, stream, start: String, bits: [String] }
    struct Permutation: Decodable { let seed, purpose, stream: String, order: [Int] }
    let blocks: [Block]
    let sequences: [Sequence]
    let permutations: [Permutation]
  }

  let oracle: Oracle

  init() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/philox.json")
    oracle = try JSONDecoder().decode(Oracle.self, from: Data(contentsOf: file))
  }

  private func word(_ text: String) throws -> UInt64 { try #require(UInt64(text, radix: 16)) }

  @Test func blocksAreThoseOfNumPyAndRandom123() throws {
    try #require(oracle.blocks.count == 4)
    for expected in oracle.blocks {
      let counter = try expected.counter.map(word)
      let key = try expected.key.map(word)
      let block = Philox.block(
        counter: (counter[0], counter[1], counter[2], counter[3]), key: (key[0], key[1]))
      #expect(try [block.0, block.1, block.2, block.3] == expected.block.map(word))
    }
  }

  @Test func numbersAreThoseOfNumPy() throws {
    try #require(oracle.sequences.count == 5)
    for expected in oracle.sequences {
      let numbers = RandomNumbers(
        seed: try word(expected.seed), purpose: expected.purpose, stream: try word(expected.stream))
      let start = try word(expected.start)
      #expect(try (0..<8).map { numbers.bits(at: start + $0) } == expected.bits.map(word))
    }
  }

  @Test func permutationsAreThoseOfNumPysNumbers() throws {
    try #require(oracle.permutations.count == 4)
    for expected in oracle.permutations {
      let numbers = RandomNumbers(
        seed: try word(expected.seed), purpose: expected.purpose, stream: try word(expected.stream))
      #expect(numbers.permutation(of: expected.order.count) == expected.order)
    }
  }
}
