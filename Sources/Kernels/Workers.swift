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

  private let crew = Crew()
  private let helpers: Helpers

  /// - Parameter count: at least 1; with 1 no thread is started.
  /// - Throws: `KernelsFault.threadRefused` when the system starts no more threads.
  public init(count: Int) throws {
    precondition(count >= 1, "\(count) workers")
    self.count = count
    helpers = Helpers(crew: crew)
    for number in 1..<count { try helpers.start(number: number + 1, of: count) }
  }

  /// Calls `body` once for every number in 0..<pieces, on all threads at once, and returns after the last.
  ///
  /// `body` may write only to memory that belongs to its piece. It must not call `run` itself, and only
  /// one `run` may be under way at a time.
  public func run(pieces: Int, _ body: (Int) -> Void) {
    crew.lock()
    precondition(!crew.isBusy, "a run of workers inside another")
    crew.isBusy = true
    crew.unlock()
    if count == 1 || pieces <= 1 {
      for piece in 0..<pieces { body(piece) }
    } else {
      withoutActuallyEscaping(body) { crew.share(pieces: pieces, $0) }
    }
    crew.lock()
    crew.isBusy = false
    crew.unlock()
  }
}

/// What the threads know together. Every stored property is read and written only under the lock.
private final class Crew: @unchecked Sendable {
  var isBusy = false
  private var body: ((Int) -> Void)?
  private var nextPiece = 0
  private var pieces = 0
  private var unfinished = 0
  private var isDismissed = false

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let workArrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let workDone = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init() {
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

  func lock() { pthread_mutex_lock(mutex) }
  func unlock() { pthread_mutex_unlock(mutex) }

  func share(pieces: Int, _ body: @escaping (Int) -> Void) {
    lock()
    (self.body, self.pieces, nextPiece, unfinished) = (body, pieces, 0, pieces)
    pthread_cond_broadcast(workArrived)
    computePieces()
    while unfinished > 0 { pthread_cond_wait(workDone, mutex) }
    self.body = nil
    unlock()
  }

  /// Computes pieces as long as there are any; called and left with the lock held.
  private func computePieces() {
    while let body, nextPiece < pieces {
      let piece = nextPiece
      nextPiece += 1
      unlock()
      body(piece)
      lock()
      unfinished -= 1
      if unfinished == 0 { pthread_cond_signal(workDone) }
    }
  }

  /// The life of a helping thread.
  func help() {
    lock()
    while !isDismissed {
      computePieces()
      if !isDismissed { pthread_cond_wait(workArrived, mutex) }
    }
    unlock()
  }

  func dismiss() {
    lock()
    isDismissed = true
    pthread_cond_broadcast(workArrived)
    unlock()
  }
}

/// The helping threads, which end with their owner.
private final class Helpers: @unchecked Sendable {
  private let crew: Crew
  private var threads: [pthread_t] = []

  init(crew: Crew) { self.crew = crew }

  func start(number: Int, of count: Int) throws {
    // Signals are the calling thread's business: the helpers inherit a mask that blocks them all.
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

    let argument = Unmanaged.passRetained(crew)
    #if canImport(Darwin)
      var thread: pthread_t?
      let status = pthread_create(&thread, nil, { runHelper($0) }, argument.toOpaque())
    #else
      var thread = pthread_t()
      let status = pthread_create(&thread, nil, { runHelper($0) }, argument.toOpaque())
    #endif
    guard status == 0 else {
      argument.release()
      throw KernelsFault.threadRefused(
        number: number, count: count, reason: String(cString: strerror(status)))
    }
    #if canImport(Darwin)
      if let thread { threads.append(thread) }
    #else
      threads.append(thread)
    #endif
  }

  deinit {
    crew.dismiss()
    for thread in threads { pthread_join(thread, nil) }
  }
}

private func runHelper(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument else { return nil }
  Unmanaged<Crew>.fromOpaque(argument).takeRetainedValue().help()
  return nil
}
