import CLibrary
import Synchronization

/// A wish from outside that a long work come to its end: SIGINT or SIGTERM, of which the first is only noted, and the second
/// ends the process at once.
///
/// A handler does nothing but exchange a number; all else is done by the work itself, where it can stop.
public enum Interruption {
  private static let noted = Atomic<Int32>(0)

  /// The signal that came; nil for none.
  public static var signal: Int32? {
    let number = noted.load(ordering: .relaxed)
    return number == 0 ? nil : number
  }

  /// From now on notes the first signal instead of ending by it. One that was ignored when the process started (nohup) stays
  /// ignored.
  public static func noteSignals() {
    // A handler must not be the first to ask for it.
    _ = signal
    for number in [SIGINT, SIGTERM] where !isIgnored(number) {
      handle(number) { number in
        let first = Interruption.noted.exchange(number, ordering: .relaxed)
        if first != 0 { Temporaries.removeAndEnd(by: number) }
      }
    }
  }

  /// Ends the process by the signal that was noted, as if it had not been: a shell sees 128 + its number, and knows that it
  /// is to stop too.
  public static func end() {
    if let signal { Temporaries.removeAndEnd(by: signal) }
  }
}

/// How long a work may last, by a clock that nobody sets.
public struct TimeLimit: Sendable {
  private let end: Double

  /// - Parameter seconds: from now; nil for ever.
  public init(seconds: Double?) { end = seconds.map { monotonicSeconds() + $0 } ?? .infinity }

  public var isOver: Bool { end < .infinity && monotonicSeconds() >= end }
}

/// The C library's `signal`, whose name a property hides.
private func handle(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
  _ = signal(number, handler)
}
