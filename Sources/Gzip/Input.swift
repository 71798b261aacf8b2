/// The compressed bytes, as they come from their source.
///
/// It asks the source for more only when a byte is needed and none is left in hand.
final class Input {
  private let source: (UnsafeMutableRawBufferPointer) throws -> Int
  private let memory: UnsafeMutableRawBufferPointer
  private var unread: Range<Int>
  private var hasEnded = false

  /// How many bytes have been consumed since the start of the stream.
  private(set) var offset = 0

  /// The bytes in hand.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[unread]) }

  init(
    _ source: @escaping (UnsafeMutableRawBufferPointer) throws -> Int, prefix: [UInt8],
    capacity: Int
  ) {
    self.source = source
    memory = .allocate(byteCount: max(capacity, prefix.count), alignment: 64)
    memory.copyBytes(from: prefix)
    unread = 0..<prefix.count
  }

  deinit { memory.deallocate() }

  /// Takes the first `count` bytes in hand away.
  func consume(_ count: Int) {
    unread = unread.lowerBound + count..<unread.upperBound
    offset += count
  }

  /// Waits until there are bytes in hand; false at the end of the input.
  func fill() throws -> Bool {
    if !unread.isEmpty { return true }
    if hasEnded { return false }
    let count = try source(memory)
    precondition(0...memory.count ~= count, "source of \(memory.count) bytes gave \(count)")
    unread = 0..<count
    hasEnded = count == 0
    return !hasEnded
  }

  /// The next byte, waiting for it.
  func byte() throws -> UInt8 {
    guard try fill() else { throw GzipError.truncated(offset: offset) }
    defer { consume(1) }
    return memory[unread.lowerBound]
  }

  /// The next bytes as a little-endian number.
  func number<I: FixedWidthInteger>(_ type: I.Type) throws -> I {
    var value: I = 0
    for shift in stride(from: 0, to: I.bitWidth, by: 8) { value |= try I(byte()) << I(shift) }
    return value
  }
}
