/// Reads the bytes of a gzip stream (RFC 1952): any number of members, cut anywhere.
///
/// It hands over the last bytes of a member only after checking them against the member's trailer,
/// and waits for no byte that it can do without, so that a document is handed over at its last
/// byte:
/// - Inside the block of a member that is marked as its last, at least one byte is held back until
///   the trailer has been checked: every writer that got that far is about to send the rest.
/// - Before that block everything decompressed is handed over at once: a writer may have flushed in
///   the middle of a member and be waiting for an answer. If only an empty block comes after that,
///   the last bytes were handed over already, and a wrong trailer is found by the next `read`.
/// - After the trailer it returns without asking whether another member follows.
public final class GzipReader {
  private enum Position { case beforeMember, inData, beforeTrailer }

  private let input: Input
  private var inflater: Inflater?
  private var position = Position.beforeMember
  private var isFirstMember = true
  private var isInLastBlock = false
  /// Of the member's bytes that have been decompressed.
  private var digest = Digest()
  /// The byte after those handed over, found while looking for the end of the member.
  private var heldBack: UInt8?
  private var limit = Int.max
  private var delivered = 0
  private var failure: (any Error)?

  /// A reader of what `source` gives.
  ///
  /// - Parameters:
  ///   - source: Fills the start of the buffer with what is available and returns its byte count, 0
  ///     at the end of the input; it may block.
  ///   - prefix: Bytes that were taken from the source already, to see what it holds.
  public init(
    reading source: @escaping (UnsafeMutableRawBufferPointer) throws -> Int, prefix: [UInt8] = []
  ) {
    input = Input(source, prefix: prefix, capacity: 128 << 10)
  }

  /// The decompressed bytes that may still be delivered, at first any number; set it anew per
  /// document.
  public var allowance: Int {
    get { limit - delivered }
    set {
      precondition(newValue >= 0, "allowance of \(newValue) bytes")
      limit = newValue
      delivered = 0
    }
  }

  /// Fills the start of `buffer`, which must not be empty, with decompressed bytes.
  ///
  /// - Returns: How many; at least 1, and 0 only where the input ends at the end of a member, or is
  ///   empty.
  /// - Throws: `GzipError`, or what the source throws; after that, the same error at every call.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    precondition(!buffer.isEmpty, "read into no memory")
    if let failure { throw failure }
    do {
      if allowance == 0 { return try expectEnd() }
      let count = try decompress(
        into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(allowance)))
      delivered += count
      return count
    } catch {
      failure = error
      throw error
    }
  }

  private func expectEnd() throws -> Int {
    var byte: UInt8 = 0
    let count = try withUnsafeMutableBytes(of: &byte) { try decompress(into: $0) }
    if count > 0 { throw GzipError.ceiling(limit: limit) }
    return 0
  }

  private func decompress(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var filled = 0
    if let byte = heldBack {
      buffer[0] = byte
      filled = 1
      heldBack = nil
    }
    while true {
      switch position {
      case .beforeMember:
        if filled > 0 { return filled }
        guard try beginMember() else { return 0 }
      case .inData:
        let isFull = filled == buffer.count
        if isFull && heldBack != nil { return filled }
        let hasRoomLeft: Bool
        if isFull {
          hasRoomLeft = try lookAhead()
        } else {
          let room = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
          let produced = try inflate(into: room)
          filled += produced
          hasRoomLeft = produced < room.count
        }
        guard position == .inData, hasRoomLeft else { continue }
        // zlib stopped for want of input; outside the last block none may come before an answer.
        if filled > 0 && !isInLastBlock { return filled }
        guard try input.fill() else { throw GzipError.truncated(offset: input.offset) }
      case .beforeTrailer:
        try endMember()
      }
    }
  }

  private func beginMember() throws -> Bool {
    guard try input.skipMemberHeader(isFirst: isFirstMember) else { return false }
    if let inflater { inflater.reset() } else { inflater = try Inflater() }
    isFirstMember = false
    isInLastBlock = false
    digest = Digest()
    position = .inData
    return true
  }

  /// Checks the trailer against what was decompressed.
  private func endMember() throws {
    let offset = input.offset
    let checksum = try input.number(UInt32.self)
    let length = try input.number(UInt32.self)
    if digest.checksum != checksum {
      throw GzipError.checksumMismatch(found: digest.checksum, expected: checksum, offset: offset)
    }
    if digest.length != length {
      throw GzipError.lengthMismatch(found: digest.length, expected: length, offset: offset + 4)
    }
    position = .beforeMember
  }

  /// Goes on to the end of the data or to one more byte; true when the bytes in hand did not
  /// suffice.
  private func lookAhead() throws -> Bool {
    var byte: UInt8 = 0
    let count = try withUnsafeMutableBytes(of: &byte) { try inflate(into: $0) }
    if count == 0 { return true }
    heldBack = byte
    return false
  }

  /// Decompresses bytes in hand until they are used up, `room` is full or the data end.
  private func inflate(into room: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let inflater else { preconditionFailure("data before a member") }
    do {
      let progress = try inflater.inflate(input.bytes, into: room)
      input.consume(progress.consumed)
      isInLastBlock = progress.isInLastBlock
      if progress.isAtEnd { position = .beforeTrailer }
      digest.add(UnsafeRawBufferPointer(rebasing: room.prefix(progress.produced)))
      return progress.produced
    } catch .badData(let reason, let consumed) {
      throw GzipError.badDeflateData(reason: reason, offset: input.offset + consumed)
    } catch .outOfMemory {
      throw GzipError.outOfMemory
    }
  }
}
