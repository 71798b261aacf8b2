/// Writes bytes as gzip members (RFC 1952) that depend on nothing but the bytes, the level and
/// zlib.
///
/// Every `write` makes whole members, so what it has written can be read without waiting for the
/// next. They name no file, time or system.
/// - Level 0 stores: one member for everything, each block as large as deflate allows.
/// - Levels 1…9 compress: a member for every 65,280 bytes, each with its own length in the header,
///   so that they can be found and decompressed in parallel. These are the blocks of BGZF (SAM/BAM
///   specification, section 4.1), without the empty block that ends a file there.
public struct GzipWriter {
  /// 0 stores; 1…9 are zlib's levels, from fast to small.
  public let level: Int

  private let output = Output()
  private var deflater: Deflater?

  /// The most decompressed bytes in a member: htslib's choice, which leaves room for bytes that
  /// grow.
  private static let blockLimit = 0xff00

  public init(level: Int) {
    precondition(0...9 ~= level, "gzip level \(level)")
    self.level = level
  }

  /// Writes the bytes of `parts`, one after the other, as one or more whole members.
  ///
  /// - Parameter sink: Takes compressed bytes, some 64 KB at a call, in buffers one after the other
  ///   as `writev` does; it has taken all of them on return. Large stored pieces are those of `parts`
  ///   themselves, not copies.
  /// - Throws: What the sink throws.
  public mutating func write(
    _ parts: [UnsafeRawBufferPointer], to sink: ([UnsafeRawBufferPointer]) throws -> Void
  ) throws {
    output.clear()
    var pieces = Pieces(parts)
    if level == 0 {
      try writeStoredMember(of: &pieces, to: sink)
    } else {
      let deflater =
        self.deflater
        ?? Deflater(level: level, capacity: Self.storedByteCount(of: Self.blockLimit))
      self.deflater = deflater
      repeat {
        try writeMember(of: &pieces, with: deflater, to: sink)
      } while pieces.remaining > 0
    }
    try output.flush(to: sink)
  }

  private func writeStoredMember(of pieces: inout Pieces, to sink: Output.Sink) throws {
    var digest = Digest()
    try output.append(Self.header(flags: 0), to: sink)
    repeat {
      let count = min(pieces.remaining, Member.storedBlockLimit)
      let isLast = count == pieces.remaining
      try writeStoredBlock(count, of: &pieces, isLast: isLast, digest: &digest, to: sink)
    } while pieces.remaining > 0
    try output.append(Self.trailer(digest), to: sink)
  }

  /// Writes the next bytes as one member, compressed unless storing them takes less.
  private func writeMember(
    of pieces: inout Pieces, with deflater: Deflater, to sink: Output.Sink
  ) throws {
    let count = min(pieces.remaining, Self.blockLimit)
    let storedByteCount = Self.storedByteCount(of: count)
    var digest = Digest()
    var rest = pieces
    if let data = deflater.deflate(count, of: &rest, limit: storedByteCount) {
      try output.append(Self.blockHeader(dataByteCount: data.count), to: sink)
      try output.copy(data, to: sink)
      pieces.take(count) { digest.add($0) }
    } else {
      try output.append(Self.blockHeader(dataByteCount: storedByteCount), to: sink)
      try writeStoredBlock(count, of: &pieces, isLast: true, digest: &digest, to: sink)
    }
    try output.append(Self.trailer(digest), to: sink)
  }

  private func writeStoredBlock(
    _ count: Int, of pieces: inout Pieces, isLast: Bool, digest: inout Digest, to sink: Output.Sink
  ) throws {
    let length = UInt16(count)
    try output.append(
      [isLast ? 1 : 0] + length.littleEndianBytes + (~length).littleEndianBytes, to: sink)
    try pieces.take(count) { piece in
      // In this order: a reader at work on the piece need not wait for its checksum, which comes behind all of them.
      try output.append(piece, to: sink)
      digest.add(piece)
    }
  }

  // MARK: The bytes around the data

  private static func header(flags: UInt8) -> [UInt8] {
    let time = UInt32(0)
    let extraFlags = UInt8(0)
    return [Member.magic.0, Member.magic.1, Member.deflate, flags] + time.littleEndianBytes
      + [extraFlags, Member.unknownSystem]
  }

  /// The header of a member whose deflate data are so many bytes: with BGZF's extra field, which
  /// holds the size of the whole member less one.
  private static func blockHeader(dataByteCount: Int) -> [UInt8] {
    let name = Array("BC".utf8)
    let valueByteCount = UInt16(MemoryLayout<UInt16>.size)
    let fieldByteCount = UInt16(name.count) + valueByteCount + valueByteCount
    let header = header(flags: Member.Flags.extra) + fieldByteCount.littleEndianBytes
    let memberByteCount =
      header.count + Int(fieldByteCount) + dataByteCount + Member.trailerByteCount
    return header + name + valueByteCount.littleEndianBytes
      + UInt16(memberByteCount - 1).littleEndianBytes
  }

  private static func trailer(_ digest: Digest) -> [UInt8] {
    digest.checksum.littleEndianBytes + digest.length.littleEndianBytes
  }

  private static func storedByteCount(of count: Int) -> Int {
    Member.storedBlockHeaderByteCount + count
  }
}
