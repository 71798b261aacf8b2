/// Reads the bytes of a gzip stream (RFC 1952): any number of members, cut anywhere.
///
/// It hands over the last bytes of a member only after checking them against the member's trailer,
/// and waits for no byte that it can do without, so that a document is handed over at its last
/// byte:
/// - Inside the block of a member that is marked as its last, at least one byte is held back until
///   the trailer has been checked: every writer that got that far is about to send the rest.
/// - Of a member that states its size nothing is handed over before the trailer has been checked.
/// - Before that block everything decompressed is handed over at once: a writer may have flushed in
///   the middle of a member and be waiting for an answer. If only an empty block comes after that,
///   the last bytes were handed over already, and a wrong trailer is found by the next `read`.
/// - After the trailer it returns without asking whether another member follows.
public final class GzipReader {
  /// Blocks are read here as long as those of their member are stored, and then by zlib.
  private enum Position { case beforeMember, beforeBlock, inStoredBlock, inData, beforeTrailer }

  private let input: Input
  private let sizedMembers: SizedMembers
  private var inflater: Inflater?
  private var history = History()
  private var storedBytesLeft = 0
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
  ///   - threads: The most that decompress at once; nothing but the time depends on it.
  public convenience init(
    reading source: @escaping (UnsafeMutableRawBufferPointer) throws -> Int, prefix: [UInt8] = [],
    threads: Int = 1
  ) {
    self.init(
      scattering: { first, second in try source(first) }, prefix: prefix, threads: threads)
  }

  /// A reader of what `source` gives.
  ///
  /// - Parameter source: As `readv` does, fills the start of the first buffer, which is not empty, and
  ///   then that of the second, which may be empty, with what is available, and returns the byte
  ///   count, 0 at the end of the input; it may block.
  public init(
    scattering source:
      @escaping (
        _ first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer
      ) throws -> Int, prefix: [UInt8] = [], threads: Int = 1
  ) {
    input = Input(source, prefix: prefix, capacity: 1 << 20)
    sizedMembers = SizedMembers(threads: threads)
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
      remember(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      return count
    } catch {
      failure = error
      throw error
    }
  }

  /// Passes over up to `count` decompressed bytes, fewer only where the input ends.
  ///
  /// Members that state their size and lie wholly among these bytes are not decompressed, so nothing is known of what they
  /// hold, nor whether it is sound.
  ///
  /// - Returns: How many.
  /// - Throws: As `read`.
  public func skip(_ count: Int) throws -> Int {
    var skipped = 0
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)
    defer { room.deallocate() }
    while skipped < count {
      if let passed = try skipMember(atMost: min(count - skipped, allowance)) {
        delivered += passed
        skipped += passed
        continue
      }
      let piece = UnsafeMutableRawBufferPointer(rebasing: room.prefix(count - skipped))
      let filled = try read(into: piece)
      if filled == 0 { break }
      skipped += filled
    }
    return skipped
  }

  /// - Returns: How many bytes the next member has; nil when it has to be read.
  private func skipMember(atMost limit: Int) throws -> Int? {
    if let failure { throw failure }
    guard case .beforeMember = position, heldBack == nil else { return nil }
    do {
      let count = try sizedMembers.skip(input, atMost: limit)
      if count != nil { isFirstMember = false }
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
    var filled = sizedMembers.moveWaiting(into: buffer)
    if filled > 0 { return filled }
    if let byte = heldBack {
      buffer[0] = byte
      filled = 1
      heldBack = nil
    }
    while true {
      switch position {
      case .beforeMember:
        if filled > 0 { return filled }
        guard try input.fill(Input.beginning) else { return 0 }
        // Members without content among them may be all that there is in hand.
        if let count = try sizedMembers.read(input, into: buffer) {
          isFirstMember = false
          if count > 0 { return count }
        } else {
          try beginMember()
        }
      case .beforeBlock:
        guard try beginBlock(after: UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
        else { return filled }
      case .inStoredBlock:
        let isDone = try copyStored(into: buffer, &filled)
        if isDone { return filled }
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

  private func beginMember() throws {
    try input.skipMemberHeader(isFirst: isFirstMember)
    isFirstMember = false
    isInLastBlock = false
    digest = Digest()
    history.clear()
    position = .beforeBlock
  }

  // MARK: Stored blocks, which need no zlib

  /// Reads a block's header; false when that would mean to wait and something can be handed over.
  ///
  /// - Parameter delivered: What this call of `read` has decompressed so far.
  private func beginBlock(after delivered: UnsafeRawBufferPointer) throws -> Bool {
    if input.bytes.isEmpty && !delivered.isEmpty { return false }
    guard try input.fill(Input.beginning) else { throw GzipError.truncated(offset: input.offset) }
    let (isLast, isStored) = (input.bytes[0] & 1 == 1, input.bytes[0] >> 1 & 3 == 0)
    guard isStored else {
      try beginInflating(after: delivered)
      return true
    }
    let byteCount = Member.storedBlockHeaderByteCount
    if input.bytes.count < byteCount && !delivered.isEmpty { return false }
    guard try input.gather(byteCount, Input.beginning) else {
      throw GzipError.truncated(offset: input.offset + input.bytes.count)
    }
    let length = input.bytes.number(UInt16.self, at: 1)
    guard input.bytes.number(UInt16.self, at: 3) == ~length else {
      // As zlib says it.
      throw GzipError.badDeflateData(
        reason: "invalid stored block lengths", offset: input.offset + byteCount)
    }
    input.consume(byteCount)
    (storedBytesLeft, isInLastBlock, position) = (Int(length), isLast, .inStoredBlock)
    return true
  }

  /// Copies bytes of a stored block to the buffer; true when `read` has to return.
  private func copyStored(
    into buffer: UnsafeMutableRawBufferPointer, _ filled: inout Int
  ) throws -> Bool {
    if storedBytesLeft == 0 {
      position = isInLastBlock ? .beforeTrailer : .beforeBlock
      return false
    }
    if filled == buffer.count { return true }
    // Only in the last block more is sure to come before an answer.
    if input.bytes.isEmpty && filled > 0 && !isInLastBlock { return true }
    let end = min(buffer.count, filled + storedBytesLeft)
    let count = try input.move(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<end]))
    if count == 0 { throw GzipError.truncated(offset: input.offset) }
    digest.add(UnsafeRawBufferPointer(rebasing: buffer[filled..<filled + count]))
    storedBytesLeft -= count
    filled += count
    return false
  }

  /// Leaves the rest of the member to zlib, with what its blocks may refer back to.
  private func beginInflating(after delivered: UnsafeRawBufferPointer) throws {
    let inflater = self.inflater ?? Inflater()
    self.inflater = inflater
    inflater.reset()
    history.append(delivered)
    history.withBytes { if !$0.isEmpty { inflater.remember($0) } }
    position = .inData
  }

  /// Keeps of what was delivered what a block behind this one can still refer to.
  private func remember(_ delivered: UnsafeRawBufferPointer) {
    switch position {
    case .beforeBlock: history.append(delivered)
    case .inStoredBlock where !isInLastBlock && storedBytesLeft < History.reach:
      history.append(
        UnsafeRawBufferPointer(rebasing: delivered.suffix(History.reach - storedBytesLeft)))
    default: break
    }
  }

  // MARK: The rest

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
    } catch {
      throw GzipError.badDeflateData(reason: error.reason, offset: input.offset + error.consumed)
    }
  }
}
