import Tensors

/// The exit codes of every tool; DESIGN §4, after sysexits.h where that has one.
public enum ExitStatus: Int32, Sendable {
  case done = 0
  /// A predicate tool's "no", and nothing else.
  case no = 1
  case usage = 64
  case badData = 65
  case inputMissing = 66
  /// A bug in the tool.
  case software = 70
  /// The system gives no more memory. `nn_memory_exhausted` (CMemory) exits so, and nothing here.
  case system = 71
  case outputNotCreated = 73
  case inputOutput = 74
  /// Somebody else holds what this needs.
  case tryLater = 75
  /// NaN or infinity in a loss, gradient or weight.
  case notFinite = 80
  /// The reader of the output has gone: what a shell reports for SIGPIPE.
  case readerGone = 141
}

/// What goes wrong between a tool and the outside: its options, files and streams.
public enum StageError: Error, Equatable {
  case usage(String)
  case inputMissing(String, reason: String)
  case outputNotCreated(String, reason: String)
  case outputTaken(String)
  /// Another process works on a folder.
  case locked(String)
  case reading(String, reason: String)
  case writing(String, reason: String)
  case readerGone
  case empty
  case truncated(frames: Int)
  /// Frames that came whole; nil outside a stream. Whether a document had begun.
  case upstreamEnded(frames: Int?, inside: Bool)
  case wrongFrame(found: String, expected: Int)
  case wrongEnd(found: String, frames: Int)
  case endWithTensors
  case mixed
  case secondDocument
  case tooLarge(limit: Int)
  case parametersTooLarge(found: Int, limit: Int)
  case longText(limit: Int)
  case notOne(found: String)
  case notText
  case cutRow
  case noFrame(Int, frames: Int, of: String)
  case otherColumns(found: String, expected: String)
  /// A file that was read before was another then.
  case changed(String)
  /// A tensor of a pipe that must be held until the other one comes.
  case heldTooLong(tensor: String, before: String, found: Int, expected: Int)

  var status: ExitStatus {
    switch self {
    case .usage: .usage
    case .inputMissing: .inputMissing
    case .outputNotCreated: .outputNotCreated
    case .outputTaken, .locked: .tryLater
    case .reading, .writing: .inputOutput
    case .readerGone: .readerGone
    default: .badData
    }
  }
}

extension StageError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .usage(let message): message
    case .inputMissing(let name, let reason), .outputNotCreated(let name, let reason),
      .reading(let name, let reason), .writing(let name, let reason):
      "\(name): \(reason)"
    case .outputTaken(let name): "\(name): another process is writing it, try later"
    case .locked(let name): "\(name): another process is at work there, try later"
    case .readerGone: "the reader of the output has gone"
    case .empty: "empty input, expected a document"
    case .truncated(let frames): "truncated stream: \(counted(frames)), no end"
    case .upstreamEnded(let frames, let inside):
      switch (frames, inside) {
      case (let frames?, true): "upstream ended early: inside frame \(frames)"
      case (let frames?, false): "upstream ended early: \(counted(frames)), no end"
      case (nil, true): "upstream ended early: inside a document"
      case (nil, false): "upstream ended early: no document"
      }
    case .wrongFrame(let found, let expected):
      "nn.frame: found '\(found)', expected \(expected)"
    case .wrongEnd(let found, let frames):
      "nn.end: found '\(found)' after \(counted(frames))"
    case .endWithTensors: "a document with nn.end holds tensors or nn.frame"
    case .mixed: "a stand-alone document and a stream in one input"
    case .secondDocument: "a second stand-alone document, expected one or a stream of frames"
    case .tooLarge(let limit):
      "found more than \(limit) decompressed bytes, expected at most that many "
        + "(NN_MAX_DOCUMENT_BYTES sets the limit)"
    case .parametersTooLarge(let found, let limit):
      "found parameters of \(found) bytes, expected at most \(limit) "
        + "(NN_MAX_DOCUMENT_BYTES sets the limit)"
    case .longText(let limit):
      "found more than \(limit) bytes, expected a text of at most that many"
    case .notOne(let found): "found \(found), expected one stand-alone document"
    case .noFrame(let frame, let frames, let name):
      "\(name): no frame \(frame): found \(counted(frames)), the first is frame 0"
    case .changed(let what):
      "\(what) changed since it was first read, expected a file that stays as it is"
    case .heldTooLong(let tensor, let other, let found, let expected):
      "tensor '\(tensor)': found \(found) bytes in a pipe before '\(other)', expected at most \(expected), "
        + "or a file, which can be read at two places at once"
    case .cutRow: "the last row has no end, expected a line feed"
    case .notText: "found bytes that are no UTF-8, expected text"
    case .otherColumns(let found, let expected):
      "found columns \(found.columnNames), expected \(expected.columnNames)"
    }
  }
}

private func counted(_ frames: Int) -> String { frames == 1 ? "1 frame" : "\(frames) frames" }

extension String {
  fileprivate var columnNames: String {
    split(whereSeparator: { $0 == "\t" || $0 == "\n" }).joined(separator: ", ")
  }
}

/// An error that ends the tool with a line of advice behind its own.
public struct AdvisedError: Error {
  let cause: any Error
  let advice: String

  public init(_ cause: any Error, advice: String) { (self.cause, self.advice) = (cause, advice) }
}

/// An error with the place it happened at: `<stdin>: frame 3`.
struct Located: Error {
  let place: String
  let cause: any Error
}

/// The error with the place it happened at.
public func locatedError(_ place: String, _ cause: any Error) -> any Error {
  Located(place: place, cause: cause)
}

/// Runs `body`; an error that has no place yet gets this one.
public func locating<R>(_ place: String, _ body: () throws -> R) throws -> R {
  do {
    return try body()
  } catch let error as Located {
    throw error
  } catch let error as StageError where error.namesItsPlace {
    throw error
  } catch {
    throw Located(place: place, cause: error)
  }
}

extension StageError {
  /// Whether the message says by itself which file or option it speaks of.
  fileprivate var namesItsPlace: Bool {
    switch self {
    case .usage, .inputMissing, .outputNotCreated, .outputTaken, .locked, .reading, .writing,
      .readerGone, .noFrame:
      true
    default: false
    }
  }
}

/// The exit status and the message (nil for none) that an error ends a tool with.
func verdict(on error: any Error) -> (status: ExitStatus, message: String?) {
  switch error {
  case let error as Located:
    let (status, message) = verdict(on: error.cause)
    return (status, message.map { "\(error.place): \($0)" })
  case let error as AdvisedError:
    return verdict(on: error.cause)
  case StageError.readerGone:
    return (.readerGone, nil)
  case let error as StageError:
    return (error.status, error.description)
  case let error as any Fault:
    return (error.isNumerical ? .notFinite : .badData, error.description)
  default:
    return (.software, "this is a bug: \(error)")
  }
}

/// The line of advice that comes with an error.
func advice(on error: any Error) -> String? {
  switch error {
  case let error as Located: advice(on: error.cause)
  case let error as AdvisedError: error.advice
  default: nil
  }
}
