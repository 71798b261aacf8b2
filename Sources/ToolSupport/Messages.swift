import CLibrary
import Tensors

/// Writes lines for people to standard error, each headed by the tool's name.
public enum Messages {
  /// Set once by `Stage.main`, before anything else runs.
  nonisolated(unsafe) public internal(set) static var tool = "nn"

  /// One message on one line, cut where no reader would follow any more: what it quotes may be as long as a file. A command
  /// to copy is not cut.
  public static func say(_ message: String, isCut: Bool = true) {
    let shown = printable(message)
    let limit = isCut ? longest : .max
    put("\(tool): \(shown.prefix(limit))\(shown.count > limit ? "…" : "")\n")
  }

  private static let longest = 2000

  static func put(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = write(2, rest.baseAddress, rest.count)
        if count < 0 && errno == EAGAIN {
          // Another program has made the terminal, which it shares with us, one that nobody waits for.
          var watched = pollfd(fd: 2, events: Int16(POLLOUT), revents: 0)
          _ = poll(&watched, 1, -1)
        } else if count < 0 && errno != EINTR {
          return
        }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(max(count, 0)))
      }
    }
  }
}

/// A line on the terminal that says how far a long work has come; nothing when nobody looks.
public struct Progress {
  private let isShown: Bool
  private var lastSecond = -1.0

  /// - Parameter quiet: whether the user asked for silence.
  public init(quiet: Bool) { isShown = !quiet && isatty(2) == 1 }

  /// Replaces the line, at most five times a second.
  public mutating func show(_ text: @autoclosure () -> String) {
    guard isShown else { return }
    let now = monotonicSeconds()
    guard now - lastSecond >= 0.2 else { return }
    lastSecond = now
    Messages.put("\r\u{1B}[K\(Messages.tool): \(printable(text()))")
  }

  /// Removes the line.
  public func clear() {
    if isShown && lastSecond >= 0 { Messages.put("\r\u{1B}[K") }
  }
}

/// Seconds since an arbitrary moment, by a clock that nobody sets.
public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
