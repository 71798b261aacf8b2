import CZlib

/// zlib's compression to raw deflate data, one member after the other in the same memory.
final class Deflater {
  // zlib's state points back at the stream, so it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  private let memory: UnsafeMutableRawBufferPointer

  /// A compressor that makes at most `capacity` bytes of a member's data.
  init(level: Int, capacity: Int) {
    memory = .allocate(byteCount: capacity, alignment: 64)
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let defaultMemoryLevel: Int32 = 8
    let status = deflateInit2_(
      stream, Int32(level), Z_DEFLATED, -MAX_WBITS, defaultMemoryLevel, Z_DEFAULT_STRATEGY,
      ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "deflateInit2 answered \(status)")
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
    memory.deallocate()
  }

  /// Compresses the next `count` bytes of `pieces` as the whole data of one member.
  ///
  /// - Returns: The compressed bytes, until the next call; nil when they are more than `limit`.
  func deflate(_ count: Int, of pieces: inout Pieces, limit: Int) -> UnsafeRawBufferPointer? {
    precondition(limit <= memory.count, "limit of \(limit) bytes in memory of \(memory.count)")
    let reset = deflateReset(stream)
    precondition(reset == Z_OK, "deflateReset answered \(reset)")
    stream.pointee.next_out = memory.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = uInt(limit)
    var fits = true
    pieces.take(count) { piece in
      if !fits { return }
      stream.pointee.next_in = UnsafeMutablePointer(
        mutating: piece.baseAddress?.assumingMemoryBound(to: UInt8.self))
      stream.pointee.avail_in = uInt(piece.count)
      _ = run(Z_NO_FLUSH)
      fits = stream.pointee.avail_in == 0
    }
    guard fits, run(Z_FINISH) == Z_STREAM_END else { return nil }
    return UnsafeRawBufferPointer(rebasing: memory[..<(limit - Int(stream.pointee.avail_out))])
  }

  private func run(_ flush: Int32) -> Int32 {
    let status = CZlib.deflate(stream, flush)
    // Z_BUF_ERROR only says that nothing could be done with this input and output.
    precondition(
      status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR,
      "deflate answered \(status)")
    return status
  }
}
