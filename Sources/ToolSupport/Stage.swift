import ArgumentParser
import CLibrary
import CLinux

/// The version that every tool reports.
public let version = "0.1.0"

/// A tool: options as ArgumentParser declares them, and `run`. Errors end it with DESIGN's exit codes.
public protocol Stage: ParsableCommand {
  /// The option that names a FIFO whose reader must notice the end of this program, even when it ends because of its
  /// other options.
  static var feedbackOption: String? { get }
}

extension Stage {
  public static var feedbackOption: String? { nil }

  /// Parses the command line, runs, and reports: one line on standard error, and the exit status.
  public static func main() {
    Messages.tool = _commandName
    Descriptor.occupyClosedStandardOnes()
    // Each is an error of the write as well, which says more and leaves no temporary file behind.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
    Temporaries.removeOnSignals()
    Temporaries.removeWhenMemoryIsExhausted(Messages.tool)
    keepFreedMemory()
    if let feedbackOption { FeedbackOutput.promise(feedbackOption, in: CommandLine.arguments) }
    let status = conclude { try parseAndRun() }
    if status != .done { FeedbackOutput.breakPromise() }
    leave(with: status)
  }

  private static func parseAndRun() throws {
    let command: any ParsableCommand
    do {
      command = try parseAsRoot()
    } catch {
      if try showsHelp(error) { return }
      throw StageError.usage(usageMessage(for: error))
    }
    do {
      var stage = command
      try stage.run()
    } catch {
      // A call for help can come as a command of its own, which answers by throwing.
      if try !showsHelp(error) { throw error }
    }
  }

  /// Prints what `--help` or `--version` ask for; whether they were what "failed".
  private static func showsHelp(_ error: any Error) throws -> Bool {
    guard exitCode(for: error) == .success else { return false }
    let text = fullMessage(for: error)
    try TextOutput().write(text.hasSuffix("\n") ? text : text + "\n")
    return true
  }

  private static func conclude(_ body: () throws -> Void) -> ExitStatus {
    do {
      try body()
      return .done
    } catch let no as PredicateNo {
      Messages.say(no.reason)
      return .no
    } catch {
      Temporaries.removeAll()
      let (status, message) = verdict(on: error)
      if let message { Messages.say(message) }
      if let advice = advice(on: error) { Messages.say(advice, isCut: false) }
      return status
    }
  }

  private static func usageMessage(for error: any Error) -> String {
    usageWords(message(for: error)) + " (see \(Messages.tool) --help)"
  }
}

/// The options in words that are no command line, such as those of a settings file.
///
/// - Throws: `StageError.usage`, also where the words ask for help.
public func options<Options: ParsableArguments>(
  _ type: Options.Type, in words: [String]
) throws -> Options {
  do {
    return try Options.parse(words)
  } catch {
    if Options.exitCode(for: error) == .success {
      throw StageError.usage("found a call for help, expected options")
    }
    throw StageError.usage(usageWords(Options.message(for: error)))
  }
}

/// ArgumentParser's words on one line, in our manner.
private func usageWords(_ words: String) -> String {
  if let refusal, let option = option(in: words, refusing: refusal.found) {
    return "\(option): found '\(refusal.found)', expected \(refusal.expected)"
  }
  let line = words.replacing(". Did you mean", with: ", did you mean")
    .split(separator: "\n").map { $0.trimmingPrefix(while: \.isWhitespace) }
    .joined(separator: " ")
  let message = line.prefix(1).lowercased() + line.dropFirst()
  return message.hasSuffix(".") ? String(message.dropLast()) : message
}

/// `--rate` from ArgumentParser's "The value 'fast' is invalid for '--rate <number>'".
private func option(in words: String, refusing found: String) -> Substring? {
  let start = "The value '\(found)' is invalid for '"
  guard words.hasPrefix(start) else { return nil }
  return words.dropFirst(start.count).prefix { $0 != " " && $0 != "'" }
}

/// A predicate tool's "no", with the line that says why.
public struct PredicateNo: Error {
  let reason: String

  public init(_ reason: String) { self.reason = reason }
}

/// Tells the C library not to give memory back to the system whenever a step's tensors are freed, which
/// the next step's would have to get again, page by page.
private func keepFreedMemory() {
  #if canImport(Glibc)
    _ = mallopt(M_MMAP_THRESHOLD, 32 << 20)
    _ = mallopt(M_TRIM_THRESHOLD, 128 << 20)
  #endif
}

/// The C library's `exit`, whose name a static method of every command hides.
private func leave(with status: ExitStatus) -> Never { exit(status.rawValue) }
