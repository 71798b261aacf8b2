import Documents
import Gzip
import Safetensors
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// The FIFO through which corrected weights flow back. Neither end ever blocks at opening, so that a ring whose first
// or last stage fails at start cannot hang: the reader opens before it does anything else and polls, the writer opens
// at its first gradient and takes "no reader" for an answer. The stream of gradients alone says whether all is well.

/// The reading end, held by `nn-forward --follow`.
public final class FeedbackInput {
  private let descriptor: Descriptor
  private var models: DocumentInput?

  /// - Throws: `StageError.inputMissing`; `.usage` when the path is no FIFO.
  public init(_ path: String) throws {
    descriptor = try Descriptor.reading(path, flags: O_NONBLOCK)
    guard descriptor.nature == .pipe else {
      throw StageError.usage("--follow: '\(printable(path))' is no FIFO (mkfifo makes one)")
    }
  }

  /// The next model, waited for.
  ///
  /// - Parameter output: whose closing ends the wait.
  /// - Throws: `StageError.upstreamEnded` when the writer has gone; whatever `body` throws, located.
  public func next<R>(
    watching output: DocumentOutput, _ body: (Document) throws -> R
  ) throws -> R {
    let models =
      try self.models
      ?? DocumentInput(descriptor, watching: output.descriptor, isSequence: true)
    self.models = models
    guard let model = try models.next() else {
      throw Located(
        place: descriptor.name, cause: StageError.upstreamEnded(frames: nil, inside: false))
    }
    return try models.locating { try body(model) }
  }
}

/// The writing end, held by `nn-update --feedback`.
public final class FeedbackOutput {
  private let descriptor: Descriptor
  private var gzip = GzipWriter(level: 0)
  private var hasReader = true

  /// - Returns: nil when nobody reads the FIFO, which is no error.
  /// - Throws: `StageError.outputNotCreated`; `.usage` when the path is no FIFO.
  public init?(_ path: String) throws {
    let number = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
    if number < 0 && errno == ENXIO { return nil }
    guard number >= 0 else {
      throw StageError.outputNotCreated(printable(path), reason: systemError())
    }
    descriptor = Descriptor(number, name: printable(path), owned: true)
    guard descriptor.nature == .pipe else {
      throw StageError.usage("--feedback: '\(printable(path))' is no FIFO (mkfifo makes one)")
    }
  }

  /// Sends a model; once the reader has gone, does nothing.
  public func send(_ model: Document) throws {
    guard hasReader else { return }
    do {
      try model.withEncoded { parts in
        try gzip.write(parts) { try descriptor.write($0) }
      }
    } catch StageError.readerGone {
      hasReader = false
    }
  }
}
