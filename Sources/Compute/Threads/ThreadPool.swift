import CLibrary

/// A fixed number of threads that share out the pieces of one piece of work after another.
///
/// The result must not depend on the number of threads, so what a piece is never does: kernels cut their
/// work by constants, and a piece is computed by exactly one thread.
public final class ThreadPool: Sendable {
  /// How many threads compute, the one that calls `run` among them.
  public let count: Int

  private let crew: Crew
  private let helpers: Helpers?
  /// The helping thread whose own these are; nil for those of everybody.
  private let thread: Int?

  /// How long a thread that waits looks around before it sleeps. To wake a thread takes as long as many a piece of work.
  ///
  /// In nanoseconds.
  public enum Patience: Int, Sendable {
    /// In a process that has nothing but works to do, one soon after the other.
    case long = 100_000
    /// In a stage of a pipe, whose neighbors need the cores between its works.
    case short = 20_000
  }

  /// - Parameter count: at least 1; with 1 no thread is started. They are fewer if the system
  ///   starts no more: pieces do not depend on that, and so neither does the result.
  public init(count: Int, patience: Patience = .long) {
    precondition(count >= 1, "\(count) workers")
    crew = Crew(threads: count, patience)
    let helpers = Helpers(crew: crew)
    var started = 1
    while started < count && helpers.start(number: started + 1) { started += 1 }
    self.count = started
    (self.helpers, thread) = (helpers, nil)
  }

  /// Those of a helper that does something beside the works of its crew, whose pieces come first. Whoever of the crew has nothing else
  /// to do takes part.
  init(of crew: Crew, count: Int, thread: Int) {
    (self.count, self.crew, helpers, self.thread) = (count, crew, nil, thread)
  }

  /// Wakes helpers that sleep, as there will be work at once: until they are awake the caller prepares it, and they look around for
  /// the long patience. Does nothing if they had nothing to do since the last time.
  public func expectWork() {
    precondition(thread == nil, "work expected by a helper")
    crew.stir()
  }

  /// Calls `body` once for every number in 0..<pieces, on all threads at once, and returns after the last.
  ///
  /// `body` may write only to memory that belongs to its piece. It must not call `run` itself, and only
  /// one `run` may be under way at a time, besides that of what is done `beside`.
  /// - Parameter alone: whether the calling thread computes all pieces: where they are so little work that to wake
  ///   others would take longer. The result is the same.
  public func run(pieces: Int, alone: Bool = false, _ body: (Int) -> Void) {
    if let thread { return run(pieces: pieces, alone: alone, beside: thread, body) }
    precondition(!crew.isBusy, "a run of workers inside another")
    crew.isBusy = true
    if count == 1 || pieces <= 1 || alone {
      for piece in 0..<pieces { body(piece) }
    } else {
      withoutActuallyEscaping(body) { crew.share(pieces: pieces, $0) }
    }
    crew.isBusy = false
  }

  private func run(
    pieces: Int, alone: Bool, beside thread: Int, _ body: (Int) -> Void
  ) {
    precondition(!crew.isBusyBeside, "a run of workers inside another")
    crew.isBusyBeside = true
    if pieces <= 1 || alone {
      for piece in 0..<pieces {
        crew.help(as: thread)
        body(piece)
      }
    } else {
      withoutActuallyEscaping(body) { crew.shareBeside(pieces: pieces, by: thread, $0) }
    }
    crew.isBusyBeside = false
  }

  /// Calls `body`, and meanwhile a helper calls `side` when `body` has no pieces for it; returns after both.
  ///
  /// Where no helper comes to it, the calling thread does what `side` is, behind `body`. The two must not touch the same things, and
  /// neither may call this itself.
  /// - Parameter side: is given the workers to compute with.
  /// - Throws: what `body` throws, after both.
  public func run<Result>(
    beside side: (ThreadPool) -> Void, _ body: () throws -> Result
  ) rethrows -> Result {
    guard count > 1 else {
      defer { side(self) }
      return try body()
    }
    precondition(thread == nil && !crew.hasSide, "something beside what is beside")
    crew.hasSide = true
    defer { crew.hasSide = false }
    return try withoutActuallyEscaping(side) { side in
      crew.leave(side)
      defer { crew.takeBack()?(self) }
      return try body()
    }
  }
}

/// The helping threads, which end with their owner.
private final class Helpers: Sendable {
  private let crew: Crew

  init(crew: Crew) { self.crew = crew }

  /// - Returns: whether the system has started the thread.
  func start(number: Int) -> Bool {
    let crew = crew
    guard let thread = startThread({ crew.live(as: number - 1) }) else { return false }
    crew.add(thread)
    return true
  }

  deinit {
    for thread in crew.dismiss() { pthread_join(thread, nil) }
  }
}
