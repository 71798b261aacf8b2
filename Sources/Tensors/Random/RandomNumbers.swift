import CLibrary

/// Random numbers as a pure function of (seed, purpose, stream, index).
///
/// There is no state to carry along: whoever asks for the same number again gets it again, in any order,
/// in any process. Two purposes, or two streams of one purpose, have nothing to do with each other.
///
/// The generator is Philox4x64-10 with the key (seed, FNV-1a hash of the purpose's UTF-8 bytes) and the
/// counter (index / 4, stream, 0, 0); index mod 4 chooses one of the four numbers of a block.
public struct RandomNumbers: Sendable {
  private let key: (UInt64, UInt64)
  private let stream: UInt64

  /// - Parameters:
  ///   - seed: chosen by the user.
  ///   - purpose: what the numbers are for, such as `dense1.weight`.
  ///   - stream: tells apart repetitions of one purpose, such as the epochs of a shuffle.
  public init(seed: UInt64, purpose: String, stream: UInt64 = 0) {
    key = (seed, Self.hash(of: purpose))
    self.stream = stream
  }

  /// 64 independent random bits.
  public func bits(at index: UInt64) -> UInt64 {
    let block = block(index / 4)
    switch index % 4 {
    case 0: return block.0
    case 1: return block.1
    case 2: return block.2
    default: return block.3
    }
  }

  /// The four numbers at the indices 4 · number to 4 · number + 3, for the price of one.
  public func block(_ number: UInt64) -> (UInt64, UInt64, UInt64, UInt64) {
    Philox.block(counter: (number, stream, 0, 0), key: key)
  }

  /// A multiple of 2⁻⁵³ in [0, 1), all equally likely.
  public func uniform(at index: UInt64) -> Double { Self.uniform(bits(at: index)) }

  /// 64 random bits as a multiple of 2⁻⁵³ in [0, 1).
  @inlinable
  public static func uniform(_ bits: UInt64) -> Double { Double(bits >> 11) * 0x1p-53 }

  /// A number of the normal distribution with mean 0 and variance 1; its absolute value is below 8.6.
  ///
  /// √(−2 ln(1 − u)) cos(2π v) at even indices i and √(−2 ln(1 − u)) sin(2π v) at the odd ones behind them, where u
  /// and v are the uniform numbers at i and i + 1: so these numbers take the same bits as those.
  ///
  /// Source: Box, Muller 1958, A note on the generation of random normal deviates.
  public func normal(at index: UInt64) -> Double {
    let first = index & ~1
    let radius = (-2 * log(1 - uniform(at: first))).squareRoot()
    let angle = 2 * Double.pi * uniform(at: first + 1)
    return radius * (index == first ? cos(angle) : sin(angle))
  }

  /// The numbers 0..<count in random order, every order equally likely as far as the seed's bits go.
  ///
  /// Fisher and Yates's shuffle in Durstenfeld's form, from the end to the start.
  public func permutation(of count: Int) -> [Int] {
    precondition(count >= 0, "permutation of \(count)")
    var order = Array(0..<count)
    var index: UInt64 = 0
    for last in stride(from: count - 1, to: 0, by: -1) {
      order.swapAt(last, Int(number(below: UInt64(last) + 1, &index)))
    }
    return order
  }

  /// A number in 0..<bound without bias; `index` moves past the bits that it took, most often one.
  ///
  /// Source: Lemire 2019, Fast random integer generation in an interval, algorithm 5.
  func number(below bound: UInt64, _ index: inout UInt64) -> UInt64 {
    let rejected = (0 &- bound) % bound
    while true {
      let (high, low) = bits(at: index).multipliedFullWidth(by: bound)
      index += 1
      if low >= rejected { return high }
    }
  }

  /// A number in 0..<bound that depends on `number` alone: where the draws before took none, theirs can be left out.
  ///
  /// The first of a block's four numbers that Lemire's method does not reject. The last is taken in any case: that it
  /// should matter has the probability (bound / 2⁶⁴)³.
  public func number(below bound: UInt64, block number: UInt64) -> UInt64 {
    let block = block(number)
    let rejected = (0 &- bound) % bound
    for bits in [block.0, block.1, block.2] {
      let (high, low) = bits.multipliedFullWidth(by: bound)
      if low >= rejected { return high }
    }
    return block.3.multipliedFullWidth(by: bound).high
  }

  /// FNV-1a with 64 bits. Source: Fowler, Noll, Vo, isthe.com/chongo/tech/comp/fnv.
  static func hash(of text: String) -> UInt64 {
    text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
  }
}
