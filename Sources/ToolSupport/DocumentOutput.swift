import Gzip
import Safetensors

/// Where a stage writes its documents: a file that appears whole or not at all, or standard output.
public final class DocumentOutput {
  /// The level for regular files; the measurement is in docs/BENCHMARKS.md, "Compression".
  public static let defaultLevel = 4

  let descriptor: Descriptor
  /// The file as it was named; nil for standard output.
  let path: String?
  let file: AtomicFile?
  private let level: Int?
  private var gzip: GzipWriter?
  private var writer = DocumentWriter()
  private var frames = 0
  private let loans: ZeroCopyPipe

  /// - Parameters:
  ///   - path: the file; nil or `-` for standard output.
  ///   - level: gzip's, 0 to 9; nil for the default: real compression into a file, none into a pipe.
  ///   - lending: whether tensors are lent to a pipe, see `ZeroCopyPipe`.
  /// - Throws: `StageError.outputNotCreated`; `.usage` when standard output is a terminal.
  public init(_ path: String?, level: Int? = nil, lending: Bool = false) throws {
    (file, descriptor) = try AtomicFile.orStandardOutput(path)
    self.path = file == nil ? nil : path
    self.level = level
    if file == nil, descriptor.nature == .terminal {
      throw StageError.usage(
        "binary output to a terminal; name a file with --output, or pipe it into nn-inspect")
    }
    let isPlain = file != nil && path?.hasSuffix(".safetensors") == true
    gzip =
      isPlain
      ? nil
      : GzipWriter(level: level ?? (descriptor.nature == .regular ? Self.defaultLevel : 0))
    loans = ZeroCopyPipe(lending: lending && descriptor.nature == .pipe && gzip?.level == 0)
  }

  /// Writes a document that stands alone.
  public func write(_ document: Document) throws {
    try writer.withEncoded(document) { parts in
      try loans.lending(document, parts, to: descriptor) { sink in
        if gzip == nil { try sink(parts) } else { try gzip?.write(parts, to: sink) }
      }
    }
  }

  /// Takes lent tensors back as far as they have been read; the caller knows that something has come of them.
  public func takeBack() { loans.takeBack(from: descriptor) }

  /// Writes the next frame of a stream.
  public func writeFrame(_ document: Document) throws {
    var frame = document
    frame[.format] = formatVersion
    frame[.frame] = String(frames)
    try write(frame)
    frames += 1
    if frames == 1 && descriptor.nature == .pipe {
      // A gzip member of no bytes.
      try gzip?.write([]) { for buffer in $0 { descriptor.probe += buffer } }
    }
  }

  /// What a stage that waits for something else than its input does now and then: ends when nobody reads it any more.
  ///
  /// - Throws: `StageError.readerGone`.
  public func checkReader() throws { try descriptor.checkReader() }

  /// Ends the output: a stream by its end document, a file by giving it its name.
  public func finish(stream: Bool = false) throws {
    if stream {
      var end = Document()
      end[.format] = formatVersion
      end[.end] = String(frames)
      try write(end)
    }
    try file?.commit()
  }

  /// Another file, written with the same level.
  func beside(_ path: String) throws -> DocumentOutput { try DocumentOutput(path, level: level) }

  /// Gives up what was written; a file that was there stays.
  func abandon() { file?.abandon() }
}

/// Reads documents, computes, and answers in kind: a document that stands alone by one, a stream by a stream.
public func transform(
  _ input: DocumentInput, into output: DocumentOutput,
  _ body: (Document) throws -> Document
) throws {
  while let document = try input.next() {
    let result = try input.locating { try body(document) }
    if input.isStream { try output.writeFrame(result) } else { try output.write(result) }
  }
  try output.finish(stream: input.isStream)
}
