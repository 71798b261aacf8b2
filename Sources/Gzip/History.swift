/// The last bytes of a member's data, to which a later block may refer back (RFC 1951, 2).
struct History {
  /// How far back a block can refer.
  static let reach = 32 << 10

  private var memory: [UInt8] = []

  mutating func clear() { memory.removeAll(keepingCapacity: true) }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    let recent = bytes.suffix(Self.reach)
    // Bytes out of reach are dropped only now and then, as that moves the others.
    let surplus = memory.count + recent.count - 2 * Self.reach
    if surplus > 0 { memory.removeFirst(max(surplus, memory.count + recent.count - Self.reach)) }
    memory += recent
  }

  func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try memory.withUnsafeBytes {
      try body(UnsafeRawBufferPointer(rebasing: $0.suffix(Self.reach)))
    }
  }
}
