import CLibrary
import Gzip
import Safetensors
import Tensors

// The FIFO through which corrected weights flow back. Both ends are opened before anything else is done, and neither
// blocks at opening, so that a ring whose first or last stage fails at start cannot hang. The reader polls; to the
// writer "no reader" is no error: the stream of gradients alone says whether all is well.

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
  private var writer = DocumentWriter()
  private let loans: ZeroCopyPipe
  private var hasReader = true

  /// Opens the FIFO whether or not it has a reader yet.
  ///
  /// A reader can notice that its writer ended only if the writer had opened the FIFO. If that waited for the first
  /// gradient, a stage that died before it would leave `nn-forward` waiting for ever behind a filter that, like `cat`,
  /// does not watch its output.
  /// - Parameters:
  ///   - isOfStandardInput: whether the gradients come from there.
  ///   - lending: whether tensors are lent to the FIFO, see `ZeroCopyPipe`.
  /// - Throws: `StageError.outputNotCreated`; `.usage` when the path is no FIFO.
  public init(_ path: String, isOfStandardInput: Bool, lending: Bool = false) throws {
    if !isOfStandardInput { Self.promised = nil }
    let number = Self.opened(path)
    guard number >= 0 else {
      throw StageError.outputNotCreated(printable(path), reason: systemError())
    }
    descriptor = Descriptor(number, name: printable(path), owned: true)
    guard descriptor.nature == .pipe else {
      throw StageError.usage("--feedback: '\(printable(path))' is no FIFO (mkfifo makes one)")
    }
    loans = ZeroCopyPipe(lending: lending)
  }

  /// The FIFO whose reader must not wait for this program should it fail; nil when there is none.
  nonisolated(unsafe) static var promised: String?

  /// Notes the FIFO that an option names, before it is known whether the command line is right.
  static func promise(_ option: String, in arguments: [String]) {
    for (word, next) in zip(arguments, arguments.dropFirst() + [""]) {
      if word == option { promised = next }
      if word.hasPrefix(option + "=") { promised = String(word.dropFirst(option.count + 1)) }
    }
  }

  /// Lets the reader see the end of a program that failed.
  ///
  /// It sees an end only behind a beginning. If it has not opened the FIFO yet, it will have when the first gradient
  /// comes, or will never when the gradients end: so this waits for a sign of either.
  static func breakPromise() {
    guard let promised, isFIFO(promised) else { return }
    let mode = O_WRONLY | O_NONBLOCK | O_CLOEXEC
    let input = Descriptor(0, name: "<stdin>", owned: false)
    if open(promised, mode) < 0, errno == ENXIO, input.nature == .pipe {
      try? input.waitForInput(watching: nil)
      _ = open(promised, mode)
    }
  }

  private static func isFIFO(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  /// A descriptor for writing, whether or not anybody reads; below 0 if there is none.
  private static func opened(_ path: String) -> Int32 {
    // Opening only for writing fails while nobody reads; for this moment the reader is ourselves. Afterwards it must
    // not be, or nobody would tell us that `nn-forward` has gone.
    let ourselves = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard ourselves >= 0 else { return -1 }
    let number = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
    let reason = errno
    _ = close(ourselves)
    errno = reason
    return number
  }

  /// Sends a model; when the reader has gone or never came, does nothing, now and later.
  public func send(_ model: Document) throws {
    guard hasReader else { return }
    do {
      try writer.withEncoded(model) { parts in
        try loans.lending(model, parts, to: descriptor) { try gzip.write(parts, to: $0) }
      }
    } catch StageError.readerGone {
      hasReader = false
    }
  }

  /// Takes lent tensors back as far as they have been read; the caller knows that something has come of this model.
  public func takeBack() { loans.takeBack(from: descriptor) }
}
