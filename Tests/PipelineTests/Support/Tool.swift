import Foundation
import Scratch

/// What a program left behind when it ended.
struct Outcome {
  /// The exit code, or 128 + the signal that ended it.
  let status: Int32
  let output: [UInt8]
  let message: String

  var text: String { String(decoding: output, as: UTF8.self) }
}

/// Runs the built programs as a user's shell would.
enum Tool {
  /// Where the programs are: `NN_BIN`, or where this test bundle was built.
  static let folder: URL = {
    if let path = ProcessInfo.processInfo.environment["NN_BIN"] {
      return URL(fileURLWithPath: path, isDirectory: true)
    }
    return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
  }()

  /// The project's root, found from this source file.
  static let project = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// The Python that has the packages of Tests/requirements.txt.
  static var python: String { ProcessInfo.processInfo.environment["NN_PYTHON"] ?? "python3" }

  /// Runs one program to its end.
  ///
  /// - Parameters:
  ///   - input: its standard input, through a pipe; nil for none at all (`/dev/null`).
  ///   - directory: where it runs.
  static func run(
    _ name: String, _ arguments: [String] = [], input: [UInt8]? = nil, in directory: Scratch,
    environment: [String: String] = [:]
  ) throws -> Outcome {
    let program = name.hasPrefix("/") ? URL(fileURLWithPath: name) : folder.appending(path: name)
    return try execute(
      program, arguments, input: input, in: directory.url, environment: environment)
  }

  /// Runs a script under plain `sh`, with the programs on its path.
  ///
  /// - Parameter arguments: what the script knows as `$1`, `$2`, …
  static func sh(
    _ script: String, arguments: [String] = [], input: [UInt8]? = nil, in directory: Scratch,
    environment: [String: String] = [:], shell: String = "/bin/sh"
  ) throws -> Outcome {
    try execute(
      URL(fileURLWithPath: shell), ["-c", script, shell] + arguments, input: input,
      in: directory.url,
      environment: environment)
  }

  private static func execute(
    _ program: URL, _ arguments: [String], input: [UInt8]?, in directory: URL,
    environment: [String: String]
  ) throws -> Outcome {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.currentDirectoryURL = directory
    var variables = ProcessInfo.processInfo.environment
    variables["PATH"] = folder.path + ":" + (variables["PATH"] ?? "/usr/bin:/bin")
    variables.merge(environment) { _, new in new }
    process.environment = variables

    let (output, message, feed) = (Pipe(), Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = message
    process.standardInput = input == nil ? FileHandle.nullDevice : feed
    try process.run()

    // All three pipes at once: a program blocked on one of them must not wait for us on another.
    let (outputBytes, messageBytes) = (Collected(), Collected())
    let group = DispatchGroup()
    for (pipe, bytes) in [(output, outputBytes), (message, messageBytes)] {
      group.enter()
      Thread.detachNewThread {
        bytes.data = readToEnd(pipe.fileHandleForReading.fileDescriptor)
        group.leave()
      }
    }
    if let input {
      group.enter()
      Thread.detachNewThread {
        signal(SIGPIPE, SIG_IGN)
        writeAll(input, to: feed.fileHandleForWriting.fileDescriptor)
        try? feed.fileHandleForWriting.close()
        group.leave()
      }
    }
    process.waitUntilExit()
    group.wait()
    let signalled = process.terminationReason == .uncaughtSignal
    return Outcome(
      status: signalled ? 128 + process.terminationStatus : process.terminationStatus,
      output: [UInt8](outputBytes.data),
      message: String(decoding: messageBytes.data, as: UTF8.self))
  }
}

// Foundation's own reading and writing of pipes gives up when a signal interrupts it, such as that of a child that
// ended.

private func readToEnd(_ descriptor: Int32) -> Data {
  var data = Data()
  var piece = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = read(descriptor, &piece, piece.count)
    if count == 0 || count < 0 && errno != EINTR { return data }
    data += piece.prefix(max(count, 0))
  }
}

/// Ends early when nobody reads any more.
func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    if count < 0 && errno != EINTR { return }
    rest = rest.dropFirst(max(count, 0))
  }
}

/// Bytes that one thread collects and another reads after it has waited for the first.
private final class Collected: @unchecked Sendable {
  var data = Data()
}
