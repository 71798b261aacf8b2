import CZlib
import Testing

@testable import Gzip

/// A source that gives `bytes` in pieces of at most `pieceSize`, then the end, or `AskedForMore`.
final class Source {
  struct AskedForMore: Error {}

  private var bytes: ArraySlice<UInt8>
  private let pieceSize: Int
  private let endsByError: Bool

  init(_ bytes: [UInt8], pieceSize: Int = .max, endsByError: Bool = false) {
    self.bytes = bytes[...]
    self.pieceSize = pieceSize
    self.endsByError = endsByError
  }

  func give(_ buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if bytes.isEmpty && endsByError { throw AskedForMore() }
    let piece = bytes.prefix(min(pieceSize, buffer.count))
    buffer.copyBytes(from: piece)
    bytes = bytes.dropFirst(piece.count)
    return piece.count
  }
}

extension GzipReader {
  convenience init(_ bytes: [UInt8], pieceSize: Int = .max) {
    self.init(reading: Source(bytes, pieceSize: pieceSize).give)
  }

  /// The bytes of one `read` into a buffer of `count`.
  func read(_ count: Int) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0xee, count: count)
    let filled = try buffer.withUnsafeMutableBytes { try read(into: $0) }
    return Array(buffer.prefix(filled))
  }

  /// Everything up to the end or the first error.
  func readAll(bufferSize: Int = 1 << 16) -> (delivered: [UInt8], error: (any Error)?) {
    var delivered: [UInt8] = []
    do {
      while true {
        let bytes = try read(bufferSize)
        if bytes.isEmpty { return (delivered, nil) }
        delivered += bytes
      }
    } catch {
      return (delivered, error)
    }
  }
}

/// Calls `body` with the memory of all parts at once.
func withParts<R>(_ parts: [[UInt8]], _ body: ([UnsafeRawBufferPointer]) throws -> R) rethrows -> R
{
  let copies = parts.map { part in
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: part.count, alignment: 1)
    copy.copyBytes(from: part)
    return UnsafeRawBufferPointer(copy)
  }
  defer { for copy in copies { copy.deallocate() } }
  return try body(copies)
}

extension GzipWriter {
  /// What one `write` of these parts gives to its sink, call by call.
  mutating func pieces(of parts: [[UInt8]]) throws -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    try withParts(parts) { try write($0) { pieces.append(Array($0.joined())) } }
    return pieces
  }
}

func gzip(_ bytes: [UInt8], level: Int = 6) throws -> [UInt8] {
  var writer = GzipWriter(level: level)
  return try Array(writer.pieces(of: [bytes]).joined())
}

/// Bytes without pattern, the same at every call.
func noise(_ count: Int) -> [UInt8] {
  var state: UInt64 = 88_172_645_463_325_252
  return (0..<count).map { _ in
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return UInt8(truncatingIfNeeded: state >> 32)
  }
}

/// Bytes that compress well, though not to nothing.
func pattern(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 % 251 &* ($0 / 1000)) }
}

/// zlib's stream of the parts, flushed as told after each; windowBits as deflateInit2 takes them.
func deflated(_ parts: [(bytes: [UInt8], flush: Int32)], windowBits: Int32, level: Int32 = 6)
  -> [UInt8]
{
  var stream = z_stream()
  #expect(
    deflateInit2_(
      &stream, level, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size)) == Z_OK)
  var output = [UInt8](repeating: 0, count: 1 << 21)
  output.withUnsafeMutableBufferPointer { output in
    stream.next_out = output.baseAddress
    stream.avail_out = uInt(output.count)
    for (bytes, flush) in parts {
      var bytes = bytes
      bytes.withUnsafeMutableBufferPointer {
        stream.next_in = $0.baseAddress
        stream.avail_in = uInt($0.count)
        #expect(deflate(&stream, flush) == (flush == Z_FINISH ? Z_STREAM_END : Z_OK))
        #expect(stream.avail_in == 0 && stream.avail_out > 0)
      }
    }
  }
  deflateEnd(&stream)
  return Array(output.prefix(Int(stream.total_out)))
}

/// What zlib's own gzip reader makes of members, each of at most 2 MiB; nil when it finds fault.
func gunzippedByZlib(_ bytes: [UInt8]) -> [UInt8]? {
  var rest = bytes
  var result: [UInt8] = []
  var output = [UInt8](repeating: 0, count: 1 << 21)
  while !rest.isEmpty {
    var stream = z_stream()
    inflateInit2_(&stream, MAX_WBITS + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    let status = rest.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = uInt(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = uInt(output.count)
        return inflate(&stream, Z_FINISH)
      }
    }
    inflateEnd(&stream)
    if status != Z_STREAM_END { return nil }
    result += output.prefix(Int(stream.total_out))
    rest.removeFirst(Int(stream.total_in))
  }
  return result
}

/// A member made by hand: any fields, any trailer, around deflate data.
struct HandMadeMember {
  var plain: [UInt8]
  var flags: UInt8 = 0
  /// Everything between the ten fixed bytes and the data, but for the checksum.
  var fields: [UInt8] = []
  var data: [UInt8]
  var checksumError: UInt32 = 0
  var lengthError: UInt32 = 0
  var headerChecksumError: UInt16 = 0

  init(_ plain: [UInt8], stored: Bool = false) {
    self.plain = plain
    data = deflated([(plain, Z_FINISH)], windowBits: -MAX_WBITS, level: stored ? 0 : 6)
  }

  var header: [UInt8] {
    var header: [UInt8] = [0x1f, 0x8b, 8, flags, 0x11, 0x22, 0x33, 0x44, 2, 3] + fields
    if flags & 2 != 0 {
      let checksum = UInt16(truncatingIfNeeded: crc32(0, header, uInt(header.count)))
      header += (checksum ^ headerChecksumError).littleEndianBytes
    }
    return header
  }

  var bytes: [UInt8] {
    let checksum = UInt32(crc32(0, plain, uInt(plain.count)))
    return header + data + (checksum ^ checksumError).littleEndianBytes
      + (UInt32(plain.count) &+ lengthError).littleEndianBytes
  }
}

@Test func zlibRefusesWhatIsNotGzip() throws {
  var bytes = try gzip(pattern(1000))
  #expect(gunzippedByZlib(bytes) == pattern(1000))
  bytes[bytes.count - 5] ^= 1
  #expect(gunzippedByZlib(bytes) == nil)
}
