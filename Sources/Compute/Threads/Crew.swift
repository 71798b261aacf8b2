import CLibrary
import CProcessor
import Synchronization

/// What the threads know together. Every stored property is read and written only under the lock, besides constants, the
/// atomic ones and the first three.
final class Crew: @unchecked Sendable {
  /// Whether a run is under way: of the caller, and of what is beside. Written by the thread that calls it, and before and after
  /// others look at it.
  @exclusivity(unchecked) var isBusy = false
  @exclusivity(unchecked) var isBusyBeside = false
  /// Of the caller alone: whether something is left to the helpers, or was and is not done.
  var hasSide = false
  private var body: ((Int) -> Void)?
  /// By thread, the caller first, the pieces of its own that nobody has begun.
  private var left: [Range<Int>]
  /// Whether there was work for helpers since they were stirred.
  private var hasShared = false
  /// What a helper does when there are no pieces, as long as none has begun with it; and whether it is done.
  private var side: ((ThreadPool) -> Void)?
  private let isSideDone = Atomic<Bool>(true)
  /// The work that it has just now, how many of its pieces nobody has begun, and how many are not done.
  private var sideBody: ((Int) -> Void)?
  private let sideLeft = Atomic<Int>(0)
  private var sideUnfinished = 0
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
  /// How many threads there are, the caller's among them.
  private let count: Int

  init(threads: Int, _ patience: ThreadPool.Patience) {
    self.patience = patience.rawValue
    count = threads
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
    self.body = body
    for thread in left.indices {
      left[thread] = pieces * thread / left.count..<pieces * (thread + 1) / left.count
    }
    unfinished.store(pieces, ordering: .relaxed)
    announce()
    computePieces(thread: 0)
    unlock()
    waitAndLock(until: { unfinished.load(ordering: .acquiring) == 0 })
    self.body = nil
    unlock()
  }

  /// Gives the helpers what one of them does when there are no pieces.
  func leave(_ side: @escaping (ThreadPool) -> Void) {
    lock()
    self.side = side
    isSideDone.store(false, ordering: .relaxed)
    announce()
    unlock()
  }

  /// Returns when what was left to the helpers is done.
  ///
  /// - Returns: that, if none has begun with it: it is the caller's then.
  func takeBack() -> ((ThreadPool) -> Void)? {
    lock()
    if let side {
      self.side = nil
      unlock()
      return side
    }
    while !isSideDone.load(ordering: .relaxed) {
      if computeSidePiece() { continue }
      unlock()
      waitAndLock(until: {
        isSideDone.load(ordering: .acquiring) || sideLeft.load(ordering: .relaxed) > 0
      })
    }
    unlock()
    return nil
  }

  /// The pieces of a work of what a helper does beside. Those of the step that come meanwhile it takes first, and whoever has nothing
  /// else to do helps.
  func shareBeside(pieces: Int, by thread: Int, _ body: @escaping (Int) -> Void) {
    lock()
    sideBody = body
    sideUnfinished = pieces
    sideLeft.store(pieces, ordering: .relaxed)
    callHelpers()
    wakeCaller()
    while true {
      repeat { computePieces(thread: thread) } while computeSidePiece()
      if sideUnfinished == 0 { break }
      waitForCall()
    }
    sideBody = nil
    unlock()
  }

  /// Called and left with the lock held.
  ///
  /// - Returns: whether there was one.
  private func computeSidePiece() -> Bool {
    let left = sideLeft.load(ordering: .relaxed)
    guard left > 0, let body = sideBody else { return false }
    sideLeft.store(left - 1, ordering: .relaxed)
    unlock()
    body(left - 1)
    lock()
    sideUnfinished -= 1
    if sideUnfinished == 0 { callHelpers() }
    return true
  }

  /// Called by the caller with the lock held, when there is something for the helpers.
  private func announce() {
    spread()
    (hasShared, isExpecting) = (true, false)
    callHelpers()
  }

  /// Called with the lock held.
  private func callHelpers() {
    works.add(1, ordering: .releasing)
    if sleepers > 0 { pthread_cond_broadcast(workArrived) }
  }

  /// The caller waits until it is so, which a helper sees to; called without the lock and left with it held.
  private func waitAndLock(until isSo: () -> Bool) {
    wait(for: patience, until: isSo)
    lock()
    while !isSo() {
      callerSleeps = true
      pthread_cond_wait(workDone, mutex)
    }
    callerSleeps = false
  }

  /// Called with the lock held, when something may be as the caller wants it.
  private func wakeCaller() {
    if callerSleeps { pthread_cond_signal(workDone) }
  }

  /// A helper waits until helpers are called; called and left with the lock held.
  private func waitForCall() {
    let seen = works.load(ordering: .relaxed)
    let patience = isExpecting ? ThreadPool.Patience.long.rawValue : patience
    unlock()
    wait(for: patience, until: { works.load(ordering: .acquiring) != seen })
    lock()
    while !isDismissed && works.load(ordering: .relaxed) == seen {
      sleepers += 1
      pthread_cond_wait(workArrived, mutex)
      sleepers -= 1
    }
  }

  /// What looks to sleeping helpers like a work without pieces.
  func stir() {
    lock()
    if hasShared {
      spread()
      isExpecting = true
      callHelpers()
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
      if rest == 0 { wakeCaller() }
    }
  }

  /// As `computePieces`, called without the lock.
  func help(as thread: Int) {
    lock()
    computePieces(thread: thread)
    unlock()
  }

  /// Called and left with the lock held.
  private func computeSide(with workers: ThreadPool) {
    guard let side else { return }
    self.side = nil
    unlock()
    side(workers)
    lock()
    isSideDone.store(true, ordering: .releasing)
    wakeCaller()
  }

  /// The life of a helping thread.
  func live(as thread: Int) {
    let workers = ThreadPool(of: self, count: count, thread: thread)
    lock()
    while !isDismissed {
      computePieces(thread: thread)
      computeSide(with: workers)
      repeat { computePieces(thread: thread) } while computeSidePiece()
      waitForCall()
    }
    unlock()
  }

  /// Lets the helpers go.
  ///
  /// - Returns: their threads, which end soon.
  func dismiss() -> [pthread_t] {
    lock()
    isDismissed = true
    callHelpers()
    defer { unlock() }
    return threads
  }
}
