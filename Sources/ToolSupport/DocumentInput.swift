import Gzip
import Safetensors

/// The documents of one file or pipe: one that stands alone, or streams of frames, read front to back.
///
/// Rules of docs/FORMAT.md: frames count from 0, an end document says how many there were, after it another stream may
/// follow; gzip or plain is told by the first bytes. Nothing waits for a byte behind a document's last.
public final class DocumentInput {
  /// Whether what came so far was a stream of frames; known after the first `next`.
  public private(set) var isStream = false
  /// The frames handed over so far.
  public private(set) var frames = 0
  /// What messages call it: the file's name or `<stdin>`.
  public var name: String { descriptor.name }

  private enum State { case start, afterOne, inStream(next: Int), betweenStreams }

  private let descriptor: Descriptor
  private let output: Descriptor?
  private let isSequence: Bool
  private let digest: Digest?
  private var state = State.start
  private let bytes: ByteSource
  private var reader = DocumentReader()
  private let limit: Int

  /// - Parameters:
  ///   - descriptor: what to read from.
  ///   - output: the pipe whose closing ends a wait for input.
  ///   - isSequence: whether stand-alone documents may follow each other, as models do on a feedback pipe.
  ///   - digest: takes in every decompressed byte.
  init(
    _ descriptor: Descriptor, watching output: Descriptor?, isSequence: Bool = false,
    digest: Digest? = nil
  ) throws {
    self.descriptor = descriptor
    self.output = output
    self.isSequence = isSequence
    self.digest = digest
    self.limit = try documentLimit()
    self.bytes = ByteSource(descriptor, watching: output)
  }

  /// The next document without its `nn.frame`; nil at the end.
  ///
  /// - Throws: `StageError`, `SafetensorsError` or `GzipError`, located in this input.
  public func next() throws -> Document? {
    do {
      while let document = try readDocument() {
        if let content = try accept(document) { return content }
      }
      try acceptEnd()
      return nil
    } catch let error as StageError where error.status != .badData {
      throw error
    } catch {
      throw Located(
        place: place(of: error), cause: bytes.cause(of: error, frames: isStream ? frames : nil))
    }
  }

  /// The only document of an input that must hold one.
  ///
  /// - Throws: `StageError.notOne` for a stream, and whatever `next` throws.
  public func one() throws -> Document {
    guard let document = try next(), !isStream else {
      throw Located(place: name, cause: StageError.notOne(found: "a stream of frames"))
    }
    try readToEnd()
    return document
  }

  /// Makes sure that what was read is sound: a checksum may stand behind a document, and a stream may break off.
  ///
  /// - Throws: whatever `next` throws.
  public func readToEnd() throws { while try next() != nil {} }

  /// Runs `body` on a document of this input; its errors name the input and, in a stream, the frame.
  public func locating<R>(_ body: () throws -> R) throws -> R {
    try ToolSupport.locating(frames > 0 ? "\(name): frame \(frames - 1)" : name, body)
  }

  private func place(of error: any Error) -> String {
    let isOfFrame = isStream && !(error is StageError) && !bytes.hasEnded
    return isOfFrame ? "\(name): frame \(frames)" : name
  }

  private func readDocument() throws -> Document? {
    bytes.beginDocument(limit: limit)
    return try reader.read { [bytes, digest] buffer in
      let count = try bytes.read(into: buffer)
      digest?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      return count
    }
  }

  /// The document to hand over; nil for an end document.
  private func accept(_ document: Document) throws -> Document? {
    if document[.frame] != nil || document[.end] != nil { isStream = true }
    try document.checkFormat()
    if let end = document[.end] {
      try acceptEnd(end, of: document)
      return nil
    }
    guard let frame = document[.frame] else { return try acceptAlone(document) }
    let expected: Int
    switch state {
    case .start, .betweenStreams: expected = 0
    case .inStream(let next): expected = next
    case .afterOne: throw StageError.mixed
    }
    guard frame == String(expected) else {
      throw StageError.wrongFrame(found: frame, expected: expected)
    }
    state = .inStream(next: expected + 1)
    frames += 1
    var content = document
    content[.frame] = nil
    return content
  }

  private func acceptAlone(_ document: Document) throws -> Document {
    switch state {
    case .start: state = .afterOne
    case .afterOne where isSequence: break
    case .afterOne: throw StageError.secondDocument
    case .inStream, .betweenStreams: throw StageError.mixed
    }
    return document
  }

  private func acceptEnd(_ found: String, of document: Document) throws {
    guard document.tensors.isEmpty, document[.frame] == nil else { throw StageError.endWithTensors }
    let count: Int
    switch state {
    case .start, .betweenStreams: count = 0
    case .inStream(let next): count = next
    case .afterOne: throw StageError.mixed
    }
    guard found == String(count) else { throw StageError.wrongEnd(found: found, frames: count) }
    state = .betweenStreams
  }

  private func acceptEnd() throws {
    switch state {
    case .start: throw StageError.empty
    case .inStream: throw StageError.truncated(frames: frames)
    case .afterOne, .betweenStreams: return
    }
  }
}
