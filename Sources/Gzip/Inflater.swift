import CZlib

/// zlib's decompression of raw deflate data, one member after the other in the same memory.
final class Inflater {
  struct Progress {
    var consumed: Int
    var produced: Int
    /// Whether the deflate data ended; the next byte of the input belongs to the trailer.
    var isAtEnd: Bool
    /// Whether these are the data of the block that is marked as the last one.
    var isInLastBlock: Bool
  }

  /// The bytes after `consumed` bytes of the input are no deflate data; the reader adds where in the stream that is.
  struct BadData: Error {
    var reason: String
    var consumed: Int
  }

  // zlib's state points back at the stream, so it must not move.
  private let stream: UnsafeMutablePointer<z_stream>

  init() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    let status = inflateInit2_(
      stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    precondition(status == Z_OK, "inflateInit2 answered \(status)")
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// Forgets the data seen so far: the next byte is the first of a member's data.
  func reset() {
    let status = inflateReset(stream)
    precondition(status == Z_OK, "inflateReset answered \(status)")
  }

  /// Takes in what the data may refer back to; before the first call of `inflate` after `reset`.
  func remember(_ history: UnsafeRawBufferPointer) {
    let status = inflateSetDictionary(
      stream, history.baseAddress?.assumingMemoryBound(to: UInt8.self), uInt(history.count))
    precondition(status == Z_OK, "inflateSetDictionary answered \(status)")
  }

  /// Decompresses until the input is used up, the output is full or the data end.
  func inflate(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws(BadData) -> Progress {
    let inputCount = min(input.count, 1 << 30)
    let outputCount = min(output.count, 1 << 30)
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = uInt(inputCount)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = uInt(outputCount)
    let status = CZlib.inflate(stream, Z_NO_FLUSH)
    switch status {
    // Z_BUF_ERROR only says that nothing could be done with this input and output.
    case Z_OK, Z_STREAM_END, Z_BUF_ERROR: break
    case Z_DATA_ERROR:
      throw BadData(
        reason: stream.pointee.msg.map { String(cString: $0) } ?? "unknown",
        consumed: inputCount - Int(stream.pointee.avail_in))
    default: preconditionFailure("inflate answered \(status)")
    }
    return Progress(
      consumed: inputCount - Int(stream.pointee.avail_in),
      produced: outputCount - Int(stream.pointee.avail_out),
      isAtEnd: status == Z_STREAM_END,
      isInLastBlock: stream.pointee.data_type & 64 != 0)
  }
}
