import CLibrary
import Gzip
import Safetensors

/// The decompressed bytes of a descriptor, gzip or plain by its first bytes.
final class ByteSource {
  /// The decompressed bytes of the document under way.
  private(set) var delivered = 0
  /// Whether the descriptor has reported its end.
  private(set) var hasEnded = false

  private enum Form { case unknown, plain(sniffed: [UInt8]), gzip(GzipReader) }

  private let descriptor: Descriptor
  /// The pipe whose closing ends a wait for input; nil for none.
  var output: Descriptor?
  private var form = Form.unknown
  private var limit = 0

  init(_ descriptor: Descriptor, watching output: Descriptor?) {
    self.descriptor = descriptor
    self.output = output
  }

  /// Begins counting anew: no document may have more than `limit` bytes.
  func beginDocument(limit: Int) {
    self.limit = limit
    delivered = 0
    if case .gzip(let reader) = form { reader.allowance = limit }
  }

  /// Fills a part of the buffer; returns how many bytes, 0 only at the end.
  ///
  /// - Throws: `StageError`, `GzipError`.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    if case .unknown = form { try sniff() }
    let count: Int
    switch form {
    case .plain(let sniffed) where !sniffed.isEmpty:
      count = min(buffer.count, sniffed.count)
      buffer.copyBytes(from: sniffed.prefix(count))
      form = .plain(sniffed: Array(sniffed.dropFirst(count)))
    case .plain, .unknown:
      count = try readRaw(into: buffer)
    case .gzip(let reader):
      do {
        count = try reader.read(into: buffer)
      } catch GzipError.ceiling(let limit) {
        throw StageError.tooLarge(limit: limit)
      }
    }
    delivered += count
    if delivered > limit { throw StageError.tooLarge(limit: limit) }
    return count
  }

  /// Passes over up to `count` bytes, fewer only at the end. As few as possible of them are looked at.
  ///
  /// - Throws: as `read`.
  func skip(_ count: Int) throws -> Int {
    if case .unknown = form { try sniff() }
    var skipped = 0
    while skipped < count {
      let passed = try skipPiece(count - skipped)
      if passed == 0 { break }
      skipped += passed
    }
    return skipped
  }

  private func skipPiece(_ count: Int) throws -> Int {
    let passed: Int
    switch form {
    case .gzip(let reader):
      do {
        passed = try reader.skip(count)
      } catch GzipError.ceiling(let limit) {
        throw StageError.tooLarge(limit: limit)
      }
    case .plain(let sniffed) where sniffed.isEmpty && descriptor.nature == .regular:
      passed = try descriptor.skip(count)
    default:
      let room = UnsafeMutableRawBufferPointer.allocate(
        byteCount: min(count, 64 << 10), alignment: 64)
      defer { room.deallocate() }
      return try read(into: room)
    }
    delivered += passed
    if delivered > limit { throw StageError.tooLarge(limit: limit) }
    return passed
  }

  /// What to report when reading failed: on a pipe, bytes that are missing are the fault of the stage that should have
  /// written them, whatever rule of the format their absence broke.
  ///
  /// - Parameter frames: those that came whole; nil outside a stream.
  func cause(of error: any Error, frames: Int?) -> any Error {
    guard hasEnded && descriptor.nature == .pipe else { return error }
    switch error {
    case StageError.empty, StageError.truncated: break
    case is StageError, is DocumentError: return error
    default: break
    }
    return StageError.upstreamEnded(frames: frames, inside: delivered > 0)
  }

  private func sniff() throws {
    var first = [UInt8]()
    var byte: UInt8 = 0
    while first.count < 3,
      try withUnsafeMutableBytes(of: &byte, { try readRaw(into: $0) }) == 1
    {
      first.append(byte)
    }
    // A plain document that began with these three bytes would have a header of exactly 560,927 bytes modulo 2^24.
    if first == [0x1F, 0x8B, 0x08] {
      let reader = GzipReader(
        scattering: { [unowned self] in try readRaw(into: $0, $1) }, prefix: first,
        threads: coreCount())
      reader.allowance = limit
      form = .gzip(reader)
    } else {
      form = .plain(sniffed: first)
    }
  }

  private func readRaw(
    into first: UnsafeMutableRawBufferPointer, _ second: UnsafeMutableRawBufferPointer? = nil
  ) throws -> Int {
    let count = try descriptor.read(into: first, second, watching: output)
    if count == 0 { hasEnded = true }
    return count
  }
}

/// The most bytes a document may have, so that a small file cannot fill the memory; nor may a batch's signals have more.
///
/// - Throws: `StageError.usage` when the environment names no number.
public func documentLimit() throws -> Int {
  guard let text = getenv("NN_MAX_DOCUMENT_BYTES") else { return 16 << 30 }
  guard let limit = Int(String(cString: text)), limit > 0 else {
    throw StageError.usage(
      "NN_MAX_DOCUMENT_BYTES: found '\(String(cString: text))', expected a whole number above 0")
  }
  return limit
}

/// Refuses parameters that no document could hold, before there is memory for them: a topology of one line can ask for
/// more than any machine has.
///
/// - Throws: `StageError.parametersTooLarge`; `.usage` as `documentLimit`.
public func checkParameters(byteCount: Int) throws {
  let limit = try documentLimit()
  if byteCount > limit { throw StageError.parametersTooLarge(found: byteCount, limit: limit) }
}
