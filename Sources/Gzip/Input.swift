/// The compressed bytes, as they come from their source.
///
/// It asks the source for more only when a byte is needed and none is left in hand.
final class Input {
  /// Fills the first buffer and then the second with what is available, from their start, and returns
  /// the byte count, 0 at the end of the input.
  typealias Source = (
    _ first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer
  ) throws -> Int

  private let source: Source
  private let memory: UnsafeMutableRawBufferPointer
  private var unread: Range<Int>
  private var hasEnded = false

  /// How many bytes have been consumed since the start of the stream.
  private(set) var offset = 0

  /// The bytes in hand.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory[unread]) }

  /// The most bytes that are taken in at once while nothing says that many will be decompressed
  /// here: a small document whole, or the beginning of a large one.
  static let beginning = 16 << 10

  /// The fewest bytes that are worth a call of the source that lays them where they belong.
  private static let worthAsking = 4 << 10

  init(_ source: @escaping Source, prefix: [UInt8], capacity: Int) {
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

  /// Waits until there are bytes in hand, taking in at most `limit`; false at the end of the input.
  func fill(_ limit: Int = .max) throws -> Bool {
    if !unread.isEmpty { return true }
    unread = 0..<0
    return try ask(limit)
  }

  /// Waits until `count` bytes are in hand, taking in at most `limit`; false when the input ends
  /// before that.
  func gather(_ count: Int, _ limit: Int = .max) throws -> Bool {
    precondition(count <= memory.count, "\(count) bytes gathered in memory of \(memory.count)")
    if unread.count >= count { return true }
    memory.copyMemory(from: bytes)
    unread = 0..<unread.count
    while unread.count < count { if try !ask(max(limit, count)) { return false } }
    return true
  }

  /// Adds to the bytes in hand, which begin with the memory.
  private func ask(_ limit: Int) throws -> Bool {
    if hasEnded { return false }
    let room = UnsafeMutableRawBufferPointer(
      rebasing: memory[unread.upperBound..<min(limit, memory.count)])
    let count = try checked(source(room, .empty), of: room.count)
    unread = unread.lowerBound..<unread.upperBound + count
    return !hasEnded
  }

  /// Moves bytes to the start of `room`, which is not empty, waiting for at least one; 0 at the end of
  /// the input.
  ///
  /// What comes from the source goes there without a stop here, and the few bytes behind it, which
  /// have to be looked at, come along.
  func move(into room: UnsafeMutableRawBufferPointer) throws -> Int {
    if unread.isEmpty && room.count >= Self.worthAsking {
      if hasEnded { return 0 }
      let behind = UnsafeMutableRawBufferPointer(rebasing: memory[..<Member.trailerByteCount])
      let count = try checked(source(room, behind), of: room.count + behind.count)
      unread = 0..<max(0, count - room.count)
      offset += min(count, room.count)
      return min(count, room.count)
    }
    guard try fill(Self.beginning) else { return 0 }
    let piece = UnsafeRawBufferPointer(rebasing: bytes.prefix(room.count))
    room.copyMemory(from: piece)
    consume(piece.count)
    return piece.count
  }

  private func checked(_ count: Int, of room: Int) -> Int {
    precondition(0...room ~= count, "source of \(room) bytes gave \(count)")
    hasEnded = count == 0
    return count
  }

  /// The next byte, waiting for it.
  func byte() throws -> UInt8 {
    guard try fill(Self.beginning) else { throw GzipError.truncated(offset: offset) }
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

extension UnsafeMutableRawBufferPointer {
  static var empty: UnsafeMutableRawBufferPointer { .init(start: nil, count: 0) }
}

extension UnsafeRawBufferPointer {
  /// The bytes at `offset` as a little-endian number.
  func number<I: FixedWidthInteger>(_ type: I.Type, at offset: Int) -> I {
    I(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
  }
}
