import Safetensors
import Tensors

/// One document that is read piece by piece and never held whole: its header first, then its data from front to back.
final class DocumentCursor {
  let header: Header
  /// How many bytes of the data were passed.
  private(set) var position = 0

  private let descriptor: Descriptor
  private let bytes: ByteSource
  /// The next bytes of the data, where they were read before their turn.
  private var ahead: ArraySlice<UInt8> = []

  /// Reads the header.
  ///
  /// - Parameters:
  ///   - output: the pipe whose closing ends a wait for input, until `forgetOutput`.
  ///   - digest: takes in the header's bytes, with those of its length.
  /// - Throws: as `DocumentInput.next`.
  init(_ descriptor: Descriptor, watching output: Descriptor?, digest: Digest?) throws {
    let bytes = ByteSource(descriptor, watching: output)
    bytes.beginDocument(limit: try documentLimit())
    self.descriptor = descriptor
    self.bytes = bytes
    var reader = DocumentReader()
    header = try Self.locating(bytes, descriptor) {
      let header = try reader.readHeader { buffer in
        let count = try bytes.read(into: buffer)
        digest?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        return count
      }
      guard let header else { throw StageError.empty }
      return header
    }
  }

  /// Lets nothing watch an output any more: somebody else does, who writes to it.
  func forgetOutput() { bytes.output = nil }

  /// The first bytes of the data, up to `count` of them, which stay to be read.
  func peek(_ count: Int) throws -> [UInt8] {
    precondition(position == 0 && ahead.isEmpty, "a look ahead from inside the data")
    let storage = Storage(byteCount: min(count, header.dataByteCount))
    try read(UnsafeMutableRawBufferPointer(storage.bytes))
    position = 0
    ahead = withExtendedLifetime(storage) { Array(storage.bytes)[...] }
    return Array(ahead)
  }

  /// Fills the buffer with the next bytes.
  ///
  /// - Throws: `SafetensorsError.truncatedData` when the input ends before, and whatever `DocumentInput.next` throws.
  func read(_ buffer: UnsafeMutableRawBufferPointer) throws {
    var filled = min(buffer.count, ahead.count)
    buffer.copyBytes(from: ahead.prefix(filled))
    ahead = ahead.dropFirst(filled)
    position += filled
    while filled < buffer.count {
      filled += try locating {
        let count = try bytes.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
        if count == 0 { throw truncated }
        position += count
        return count
      }
    }
  }

  /// Goes on to a place in the data, which is behind what was read.
  ///
  /// - Parameter unseen: whether the bytes up to there may be passed without a look at them, as somebody else reads them.
  /// - Throws: as `read`.
  func advance(to place: Int, unseen: Bool) throws {
    precondition(place >= position, "a way back from \(position) to \(place)")
    if !unseen || !ahead.isEmpty {
      let room = Storage(byteCount: min(place - position, 64 << 10))
      while position < place && (!unseen || !ahead.isEmpty) {
        let piece = room.bytes.prefix(place - position)
        try read(UnsafeMutableRawBufferPointer(rebasing: piece))
      }
    }
    if position == place { return }
    try locating {
      position += try bytes.skip(place - position)
      if position < place { throw truncated }
    }
  }

  /// Reads to the end of the document, which must be that of the input.
  ///
  /// - Throws: `StageError.secondDocument`; as `read`.
  func end() throws {
    try advance(to: header.dataByteCount, unseen: false)
    try locating {
      bytes.beginDocument(limit: try documentLimit())
      var reader = DocumentReader()
      if try reader.readHeader(from: bytes.read) != nil { throw StageError.secondDocument }
    }
  }

  private var truncated: SafetensorsError {
    let entry = header.entries.first { $0.range.upperBound > position }
    return .truncatedData(
      tensor: entry?.name ?? "", found: position, expected: header.dataByteCount)
  }

  private func locating<R>(_ body: () throws -> R) throws -> R {
    try Self.locating(bytes, descriptor, body)
  }

  private static func locating<R>(
    _ bytes: ByteSource, _ descriptor: Descriptor, _ body: () throws -> R
  ) throws -> R {
    do {
      return try body()
    } catch let error as StageError where error.status != .badData {
      throw error
    } catch {
      throw Located(place: descriptor.name, cause: bytes.cause(of: error, frames: nil))
    }
  }
}
