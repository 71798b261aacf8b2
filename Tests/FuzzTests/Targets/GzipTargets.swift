import CZlib

@testable import Gzip

// The reader promises to give what zlib gives and to refuse what zlib refuses, whatever the pieces in which bytes come
// and go, whatever the number of threads: members that state their size are inflated by libdeflate, many at once.
//
// With one exception: libdeflate takes the codes that RFC 1951 (3.2.6) says never occur, 286 and 287 of lengths, 30 and 31 of
// distances, for another 285 and 29. A flipped bit can make one of the other. Checksum and length are checked as always, so
// what comes is what was written.

/// Any bytes.
@Sendable func checkGzip(_ bytes: UnsafeRawBufferPointer) throws {
  try checkGzip(bytes, written: nil)
}

/// - Parameter written: what the bytes held before they were damaged; nil where nobody knows.
private func checkGzip(_ bytes: UnsafeRawBufferPointer, written: [UInt8]?) throws {
  let expected = ZlibOutcome(of: bytes)
  // Small buffers for small contents only: their number is what takes time.
  let small = expected.content.count > 4096 ? 1021 : 1 + Int(bytes.first ?? 0) % 7
  let others = [
    Way(piece: .max, buffer: 1 << 17, threads: 4),
    Way(piece: small, buffer: 1 << 16, threads: 1),
    Way(piece: .max, buffer: small, threads: 3),
    Way(piece: 17 * small, buffer: 3 * small, threads: 2),
  ]
  // Which of them is a function of the input, so that a finding can be repeated.
  let other = others[(bytes.count + Int(bytes.last ?? 0)) % others.count]
  for way in [Way(piece: .max, buffer: 1 << 16, threads: 1), other] {
    let found = way.read(bytes)
    if found.end == .whole, expected.hasUnusedCode, found.content == written { continue }
    try require(
      found.end == expected.end,
      "\(way) ended \(found.end) (\(found.error.map { "\($0)" } ?? "")), zlib \(expected.end)")
    if found.end == .whole || found.end == .tooLong {
      try require(found.content == expected.content, "\(way) gave other bytes than zlib")
    } else {
      // How much is decoded before a fault depends on the decoder, its bytes do not.
      let common = min(found.content.count, expected.content.count)
      try require(
        found.content.prefix(common) == expected.content.prefix(common),
        "\(way) gave other bytes than zlib before the fault")
    }
  }
}

/// Members made by the input's orders, of all kinds that there are, whole or damaged. By mutation alone no fuzzer finds
/// the checksums.
@Sendable func checkMembers(_ bytes: UnsafeRawBufferPointer) throws {
  var orders = Orders(bytes)
  var stream: [UInt8] = []
  var content: [UInt8] = []
  var isWhole = true
  for _ in 0..<64 where !orders.isEmpty && stream.count < 1 << 20 {
    let order = orders.byte()
    let repeats = 1 + Int(orders.byte()) * (order & 0x80 == 0 ? 1 : 32)
    let part = Array(repeatElement(orders.bytes(Int(orders.byte()) % 48), count: repeats).joined())
    switch order % 8 {
    case 0...4:
      // 0 stores; the others make members that state their size.
      var writer = GzipWriter(level: [0, 1, 4, 6, 9][Int(order % 8)])
      try part.withUnsafeBytes { part in
        try writer.write([part]) { stream += Array($0.joined()) }
      }
      content += part
    case 5:
      stream += member(of: part, flags: orders.byte() & 0x1f, field: orders.bytes(5))
      content += part
    case 6:
      let count = Int(orders.byte()) % 3
      for _ in 0...count { stream += member(of: [], flags: 0, field: []) }
    default:
      let place = (Int(orders.byte()) << 8 | Int(orders.byte())) % max(stream.count, 1)
      let change = orders.byte()
      if change != 0 && !stream.isEmpty {
        stream[stream.count - 1 - place] ^= change
        isWhole = false
      }
    }
  }
  try stream.withUnsafeBytes { stream in
    if isWhole {
      let expected = ZlibOutcome(of: stream)
      try require(expected.end == .whole && expected.content == content, "the writer's own bytes")
    }
    try checkGzip(stream, written: content)
  }
}

/// How reading a gzip stream ends.
private enum End { case whole, refused, tooLong }

private let longest = 4 << 20

/// A way of reading a gzip stream.
private struct Way: CustomStringConvertible {
  let piece: Int
  let buffer: Int
  let threads: Int

  var description: String { "pieces of \(piece), a buffer of \(buffer), \(threads) threads" }

  func read(_ bytes: UnsafeRawBufferPointer) -> (content: [UInt8], end: End, error: (any Error)?) {
    var rest = bytes
    let reader = GzipReader(
      reading: { room in
        let given = UnsafeRawBufferPointer(rebasing: rest.prefix(min(piece, room.count)))
        room.copyMemory(from: given)
        rest = UnsafeRawBufferPointer(rebasing: rest[given.count...])
        return given.count
      }, threads: threads)
    reader.allowance = longest
    var content: [UInt8] = []
    var memory = [UInt8](repeating: 0, count: buffer)
    do {
      while true {
        let count = try memory.withUnsafeMutableBytes { try reader.read(into: $0) }
        if count == 0 { return (content, .whole, nil) }
        content += memory[..<count]
      }
    } catch GzipError.ceiling {
      return (content, .tooLong, nil)
    } catch {
      return (content, .refused, error)
    }
  }
}

/// What zlib's own gzip reader makes of the bytes.
private struct ZlibOutcome {
  var content: [UInt8] = []
  var end = End.whole
  /// Whether it was refused for a code that never occurs.
  var hasUnusedCode = false

  init(of bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty && end == .whole {
      var stream = z_stream()
      inflateInit2_(&stream, MAX_WBITS + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
      stream.next_in = UnsafeMutablePointer(
        mutating: rest.baseAddress?.assumingMemoryBound(to: UInt8.self))
      stream.avail_in = uInt(rest.count)
      var status = Z_OK
      while status == Z_OK && content.count <= longest {
        withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 1) { room in
          stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
          stream.avail_out = uInt(room.count)
          status = inflate(&stream, Z_NO_FLUSH)
          content += room[..<(room.count - Int(stream.avail_out))]
        }
      }
      let message = stream.msg.map { String(cString: $0) } ?? ""
      hasUnusedCode = ["invalid literal/length code", "invalid distance code"].contains(message)
      inflateEnd(&stream)
      if content.count > longest {
        content.removeLast(content.count - longest)
        end = .tooLong
      } else if status != Z_STREAM_END {
        end = .refused
      }
      rest = UnsafeRawBufferPointer(rebasing: rest.suffix(Int(stream.avail_in)))
    }
  }
}

/// A member as other writers make them: with any optional fields.
private func member(of part: [UInt8], flags: UInt8, field: [UInt8]) -> [UInt8] {
  var bytes: [UInt8] = [0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3]
  if flags & Member.Flags.extra != 0 { bytes += [UInt8(field.count), 0] + field }
  if flags & Member.Flags.name != 0 { bytes += field.filter { $0 != 0 } + [0] }
  if flags & Member.Flags.comment != 0 { bytes += field.filter { $0 != 0 } + [0] }
  if flags & Member.Flags.headerChecksum != 0 {
    bytes += UInt16(truncatingIfNeeded: crc32(0, bytes, uInt(bytes.count))).littleEndianBytes
  }
  var stream = z_stream()
  deflateInit2_(
    &stream, 5, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
    Int32(MemoryLayout<z_stream>.size))
  var part = part
  var data = [UInt8](repeating: 0, count: Int(deflateBound(&stream, uLong(part.count))))
  let produced = part.withUnsafeMutableBufferPointer { part in
    data.withUnsafeMutableBufferPointer { data in
      (stream.next_in, stream.avail_in) = (part.baseAddress, uInt(part.count))
      (stream.next_out, stream.avail_out) = (data.baseAddress, uInt(data.count))
      return deflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
    }
  }
  deflateEnd(&stream)
  return bytes + data[..<produced]
    + UInt32(truncatingIfNeeded: crc32(0, part, uInt(part.count))).littleEndianBytes
    + UInt32(part.count).littleEndianBytes
}
