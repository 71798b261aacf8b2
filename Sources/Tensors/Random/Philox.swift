/// The block function Philox4x64-10: 256 bits of counter and 128 bits of key to 256 random bits.
///
/// Source: Salmon, Moraes, Dror, Shaw 2011, Parallel random numbers: as easy as 1, 2, 3, section 3.3; the
/// constants are those of its library Random123.
enum Philox {
  typealias Block = (UInt64, UInt64, UInt64, UInt64)

  static func block(counter: Block, key: (UInt64, UInt64)) -> Block {
    var (x0, x1, x2, x3) = counter
    var (k0, k1) = key
    for _ in 0..<10 {
      let (high0, low0) = x0.multipliedFullWidth(by: 0xD2E7_470E_E14C_6C93)
      let (high2, low2) = x2.multipliedFullWidth(by: 0xCA5A_8263_9512_1157)
      (x0, x1, x2, x3) = (high2 ^ x1 ^ k0, low2, high0 ^ x3 ^ k1, low0)
      k0 &+= 0x9E37_79B9_7F4A_7C15
      k1 &+= 0xBB67_AE85_84CA_A73B
    }
    return (x0, x1, x2, x3)
  }
}
