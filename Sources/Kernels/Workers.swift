import CProcessor
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A fixed number of threads that share out the pieces of one piece of work after another.
///
/// The result must not depend on the number of threads, so what a piece is never does: kernels cut their
/// work by constants, and a piece is computed by exactly one thread.
public final class Workers: Sendable {
  /// How many threads compute, the one that calls `run` among them.
  public let count: Int

  private let crew: Crew
  private let helpers: Helpers

  /// How long a thread that waits looks around before it sleeps. To wake a thread takes as long as many a piece of work.
  public enum Patience: Int, Sendable {
    /// In a process that has nothing but works to do, one soon after the other.
    case long = 100_000
    /// In a stage of a pipe, whose neighbors need the cores between its works.
    case short = 20_000

    fileprivate var nanoseconds: Int { rawValue }
  }

  /// - Parameter count: at least 1; with 1 no thread is started.
  /// - Throws: `KernelsFault.threadRefused` when the system starts no more threads.
  public init(count: Int, patience: Patience = .long) throws {
    precondition(count >= 1, "\(count) workers")
    self.count = count
    crew = Crew(threads: count, patience)
    helpers = Helpers(crew: crew)
    for number in 1..<count { try helpers.start(number: number + 1, of: count) }
  }

  /// Wakes helpers that sleep, as there will be work at once: until they are awake the caller prepares it, and they look around for
  /// the long patience. Does nothing if they had nothing to do since the last time.
  public func expectWork() { crew.stir() }

  /// Calls `body` once for every number in 0..<pieces, on all threads at once, and returns after the last.
  ///
  /// `body` may write only to memory that belongs to its piece. It must not call `run` itself, and only
  /// one `run` may be under way at a time.
  /// - Parameter alone: whether the calling thread computes all pieces: where they are so little work that to wake
  ///   others would take longer. The result is the same.
  public func run(pieces: Int, alone: Bool = false, _ body: (Int) -> Void) {
    precondition(!crew.isBusy, "a run of workers inside another")
    crew.isBusy = true
    if count == 1 || pieces <= 1 || alone {
      for piece in 0..<pieces { body(piece) }
    } else {
      withoutActuallyEscaping(body) { crew.share(pieces: pieces, $0) }
    }
    crew.isBusy = false
  }
}

/// What the threads know together. Every stored property is read and written only under the lock, besides the atomic
/// ones and `isBusy`.
private final class Crew: @unchecked Sendable {
  /// Written by the thread that calls `run`, and before and after the helpers look at it.
  @exclusivity(unchecked) var isBusy = false
  private var body: ((Int) -> Void)?
  /// By thread, the caller first, the pieces of its own that nobody has begun.
  private var left: [Range<Int>]
  /// Whether there was work for helpers since they were stirred.
  private var hasShared = false
  /// Whether they are stirred, and no work has come since.
  private var isExpecting = false
  private var isDismissed = false
  /// The helping threads, and the core that they keep off, being that of the caller.
  private var threads: [pthread_t] = []
  private var callersCore: Int32 = -1
  private var sleepers = 0
  private var callerSleeps = false
  /// The works so far.
  private let works = Atomic<Int>(0)
  private let unfinished = Atomic<Int>(0)

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let workArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let workDone = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  private let patience: Int

  init(threads: Int, _ patience: Workers.Patience) {
    self.patience = patience.nanoseconds
    left = Array(repeating: 0..<0, count: threads)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(workArrived, nil)
    pthread_cond_init(workDone, nil)
  }

  deinit {
    pthread_cond_destroy(workDone)
    pthread_cond_destroy(workArrived)
    pthread_mutex_destroy(mutex)
    workDone.deallocate()
    workArrived.deallocate()
    mutex.deallocate()
  }

  func add(_ thread: pthread_t) {
    lock()
    threads.append(thread)
    callersCore = -1
    unlock()
  }

  /// Sends the helpers to other cores than the caller's, if there are enough. The system likes to wake a thread where it
  /// slept, or beside the one that wakes it, and leaves both there for milliseconds while another core is idle.
  private func spread() {
    let core = nn_processor_core()
    if core == callersCore { return }
    callersCore = core
    nn_processor_keep_off(threads, threads.count, core)
  }

  func share(pieces: Int, _ body: @escaping (Int) -> Void) {
    lock()
    spread()
    self.body = body
    (hasShared, isExpecting) = (true, false)
    for thread in left.indices {
      left[thread] = pieces * thread / left.count..<pieces * (thread + 1) / left.count
    }
    unfinished.store(pieces, ordering: .relaxed)
    works.add(1, ordering: .releasing)
    if sleepers > 0 { pthread_cond_broadcast(workArrived) }
    computePieces(thread: 0)
    unlock()
    wait(for: patience, until: { unfinished.load(ordering: .acquiring) == 0 })
    lock()
    while unfinished.load(ordering: .acquiring) > 0 {
      callerSleeps = true
      pthread_cond_wait(workDone, mutex)
    }
    callerSleeps = false
    self.body = nil
    unlock()
  }

  /// What looks to sleeping helpers like a work without pieces.
  func stir() {
    lock()
    if hasShared {
      spread()
      isExpecting = true
      works.add(1, ordering: .releasing)
      if sleepers > 0 { pthread_cond_broadcast(workArrived) }
    }
    hasShared = false
    unlock()
  }

  /// Tries for a while before it sleeps: whoever has the lock has it for less time than it takes to wake a thread.
  private func lock() {
    for _ in 0..<100 {
      if pthread_mutex_trylock(mutex) == 0 { return }
      nn_processor_relax()
    }
    pthread_mutex_lock(mutex)
  }
  private func unlock() { pthread_mutex_unlock(mutex) }

  /// Looks a while whether it is so.
  private func wait(for patience: Int, until isSo: () -> Bool) {
    var start = timespec()
    clock_gettime(CLOCK_MONOTONIC, &start)
    var now = start
    while true {
      for _ in 0..<16 {
        if isSo() { return }
        nn_processor_relax()
      }
      clock_gettime(CLOCK_MONOTONIC, &now)
      let elapsed = (now.tv_sec - start.tv_sec) * 1_000_000_000 + now.tv_nsec - start.tv_nsec
      if elapsed > patience { return }
    }
  }

  /// A thread begins with pieces of its own: the same part of the examples in one work after the other, which its caches still
  /// hold. Behind those it takes the last of whoever has the most.
  private func takePiece(thread: Int) -> Int? {
    if let piece = left[thread].first {
      left[thread].removeFirst()
      return piece
    }
    guard let other = left.indices.max(by: { left[$0].count < left[$1].count }) else { return nil }
    return left[other].popLast()
  }

  /// Computes pieces as long as there are any; called and left with the lock held.
  private func computePieces(thread: Int) {
    while let body, let piece = takePiece(thread: thread) {
      unlock()
      body(piece)
      lock()
      let rest = unfinished.subtract(1, ordering: .acquiringAndReleasing).newValue
      if rest == 0 && callerSleeps { pthread_cond_signal(workDone) }
    }
  }

  /// The life of a helping thread.
  func help(thread: Int) {
    lock()
    while !isDismissed {
      computePieces(thread: thread)
      let seen = works.load(ordering: .relaxed)
      let patience = isExpecting ? Workers.Patience.long.nanoseconds : patience
      unlock()
      wait(for: patience, until: { works.load(ordering: .acquiring) != seen })
      lock()
      while !isDismissed && works.load(ordering: .relaxed) == seen {
        sleepers += 1
        pthread_cond_wait(workArrived, mutex)
        sleepers -= 1
      }
    }
    unlock()
  }

  /// Lets the helpers go.
  ///
  /// - Returns: their threads, which end soon.
  func dismiss() -> [pthread_t] {
    lock()
    isDismissed = true
    works.add(1, ordering: .releasing)
    pthread_cond_broadcast(workArrived)
    defer { unlock() }
    return threads
  }
}

/// The helping threads, which end with their owner.
private final class Helpers: Sendable {
  private let crew: Crew

  init(crew: Crew) { self.crew = crew }

  func start(number: Int, of count: Int) throws {
    let crew = crew
    switch startThread({ crew.help(thread: number - 1) }) {
    case .success(let thread): crew.add(thread)
    case .failure(let refusal):
      throw KernelsFault.threadRefused(number: number, count: count, reason: refusal.reason)
    }
  }

  deinit {
    for thread in crew.dismiss() { pthread_join(thread, nil) }
  }
}
