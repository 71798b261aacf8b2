@testable import ToolSupport

/// A reader of bytes from outside, with what it promises for every input there is.
///
/// The same functions are called by a fuzzer (pipelines/scripts/fuzz.sh) and, on the inputs in Corpus/NAME, by a
/// plain test. A new reader costs a file beside this one and a line in `all`.
struct FuzzTarget: Sendable {
  let name: String
  /// Reads the bytes; throws `BrokenPromise`, or stops the process, when a promise does not hold.
  let check: @Sendable (UnsafeRawBufferPointer) throws -> Void

  static let all = [
    FuzzTarget(name: "gzip", check: checkGzip),
    FuzzTarget(name: "members", check: checkMembers),
    FuzzTarget(name: "safetensors", check: checkSafetensors),
    FuzzTarget(name: "header", check: checkHeader),
    FuzzTarget(name: "stream", check: checkStream),
    FuzzTarget(name: "topology", check: checkTopology),
    FuzzTarget(name: "idx", check: checkIDX),
    FuzzTarget(name: "csv", check: checkCSV),
    FuzzTarget(name: "npy", check: checkNPY),
    FuzzTarget(name: "netpbm", check: checkNetpbm),
    FuzzTarget(name: "png", check: checkPNG),
  ]
}

/// A reader did not what it promises.
struct BrokenPromise: Error, CustomStringConvertible {
  let description: String
}

func require(_ condition: Bool, _ promise: @autoclosure () -> String) throws {
  if !condition { throw BrokenPromise(description: promise()) }
}

/// What came of reading an input.
enum Attempt<Content> {
  case accepted(Content)
  /// With the message.
  case refused(String)

  /// Nil when it was refused.
  var content: Content? {
    if case .accepted(let content) = self { content } else { nil }
  }
}

/// Reads; bad data may be refused, as a tool does with exit status 65 and a message, and in no other way.
func attempt<Content>(_ read: () throws -> Content) throws -> Attempt<Content> {
  do {
    return .accepted(try read())
  } catch let broken as BrokenPromise {
    throw broken
  } catch {
    let (status, message) = verdict(on: error)
    guard status == .badData, let message, !message.isEmpty else {
      throw BrokenPromise(description: "refused with status \(status.rawValue): \(error)")
    }
    return .refused(message)
  }
}

/// Takes an input apart, for targets that make their bytes by its orders; zeros at its end.
struct Orders {
  private var rest: UnsafeRawBufferPointer

  init(_ bytes: UnsafeRawBufferPointer) { rest = bytes }

  var isEmpty: Bool { rest.isEmpty }

  mutating func byte() -> UInt8 {
    defer { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst()) }
    return rest.first ?? 0
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    defer { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count)) }
    return Array(rest.prefix(count))
  }
}
