import Safetensors

/// Documents of which a pipe refers to the tensors themselves, so that only its reader copies them.
///
/// As long as they are here, nobody writes to their memory or gives it back: tensors are values, and whoever changes one
/// that somebody else holds too gets other memory. Nothing is lent where the pipe would hold copies: through a socket, into
/// a file, from compressed documents and on systems without `vmsplice`.
///
/// Who lends knows when a document must have been read, from what has come back of it, and that nobody else reads the pipe: a
/// filter that passes its pages on to others (`splice`, `tee`) empties it and leaves them to be read there. So a user asks
/// for it (`--ring`), as `pipelines/scripts/epoch.sh` does for its own ring.
final class ZeroCopyPipe {
  /// Each with the bytes that had been written behind it.
  private(set) var lent: [(document: Document, end: Int)] = []

  /// From so many bytes on lending costs less than copying.
  private static let worthLending = 64 << 10

  private let isLending: Bool

  /// - Parameter lending: whether anything is lent at all.
  init(lending: Bool) {
    isLending = lending
    // A pipe may be read when nobody here needs this object any more.
    if lending { _ = Unmanaged.passRetained(self) }
  }

  /// Hands `body` what it writes a document with: buffers that lie in large tensors are lent, others copied.
  ///
  /// - Parameter parts: the document's bytes, the header and then each tensor's.
  func lending(
    _ document: Document, _ parts: [UnsafeRawBufferPointer], to descriptor: Descriptor,
    _ body: (_ sink: ([UnsafeRawBufferPointer]) throws -> Void) throws -> Void
  ) throws {
    let large = isLending ? parts.dropFirst().filter { $0.count >= Self.worthLending } : []
    let before = descriptor.lent
    defer { if descriptor.lent > before { lent.append((document, descriptor.written)) } }
    try body { buffers in
      try descriptor.write(buffers) { buffer in large.contains { $0.contains(buffer) } }
    }
  }

  /// Takes back what has been read.
  func takeBack(from descriptor: Descriptor) {
    if lent.isEmpty { return }
    let consumed = descriptor.written - descriptor.unread
    lent.removeAll { $0.end <= consumed }
  }
}

extension UnsafeRawBufferPointer {
  /// Whether `other` lies in this memory.
  fileprivate func contains(_ other: UnsafeRawBufferPointer) -> Bool {
    guard let start = baseAddress, let first = other.baseAddress else { return false }
    return first >= start && first + other.count <= start + count
  }
}
