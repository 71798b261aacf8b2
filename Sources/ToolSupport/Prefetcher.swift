import CLibrary
import Compute

/// Makes elements in a thread of its own, some of them before they are asked for.
///
/// What comes out is what `produce` gives, in its order, and then its error.
public final class Prefetcher<Element: Sendable>: Sendable {
  private let queue: Queue<Element>
  /// What makes elements in the caller's thread; nil where another thread does.
  nonisolated(unsafe) private let own: (() throws -> Element?)?

  /// - Parameters:
  ///   - capacity: how many elements may wait.
  ///   - produce: the next element, nil after the last. One thread calls it, and not again after it
  ///     threw. That is the thread that calls `next` where the system starts no more.
  public init(capacity: Int, produce: @escaping () throws -> Element?) {
    precondition(capacity > 0, "a queue for \(capacity) elements")
    let queue = Queue<Element>(capacity: capacity)
    self.queue = queue
    nonisolated(unsafe) let produce = produce
    let thread = startThread { queue.fill(by: produce) }
    if let thread { pthread_detach(thread) }
    own = thread == nil ? produce : nil
  }

  /// The thread may be waiting for a pipe, so nobody waits for the thread.
  deinit { queue.cancel() }

  /// The next element, nil after the last.
  ///
  /// - Parameter watch: called now and then as long as there is nothing to hand over.
  /// - Throws: what `produce` or `watch` throws.
  public func next(whileWaiting watch: () throws -> Void) throws -> Element? {
    if let own, !isAtHand {
      try watch()
      queue.add(Result { try own() })
    }
    return try queue.next(whileWaiting: watch)
  }

  /// Whether `next` would not have to wait.
  public var isAtHand: Bool { queue.isAtHand }
}

/// How long an element may be waited for without a look at something else, in nanoseconds.
private let patience = 100_000_000

/// What both threads know. Every stored property is read and written only under the lock.
private final class Queue<Element: Sendable>: @unchecked Sendable {
  /// A ring, of which `count` places from `first` on are filled.
  private var elements: [Element?]
  private var first = 0
  private var count = 0
  private var hasEnded = false
  private var isCancelled = false
  private var error: (any Error)?
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let filled = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let emptied = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(capacity: Int) {
    elements = Array(repeating: nil, count: capacity)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(filled, nil)
    pthread_cond_init(emptied, nil)
  }

  deinit {
    pthread_cond_destroy(emptied)
    pthread_cond_destroy(filled)
    pthread_mutex_destroy(mutex)
    emptied.deallocate()
    filled.deallocate()
    mutex.deallocate()
  }

  /// The life of the thread that makes elements.
  func fill(by produce: () throws -> Element?) {
    repeat { add(Result { try produce() }) } while waitForRoom()
  }

  /// Takes in what was made.
  func add(_ made: Result<Element?, any Error>) {
    pthread_mutex_lock(mutex)
    switch made {
    case .success(let element?):
      elements[(first + count) % elements.count] = element
      count += 1
    case .success(nil): hasEnded = true
    case .failure(let cause): (hasEnded, error) = (true, cause)
    }
    pthread_cond_signal(filled)
    pthread_mutex_unlock(mutex)
  }

  /// - Returns: whether more is to be made.
  private func waitForRoom() -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if count == elements.count {
      // Half of them at once: to change threads for each would cost more than to make it.
      while count > elements.count / 2 && !isCancelled { pthread_cond_wait(emptied, mutex) }
    }
    return !hasEnded && !isCancelled
  }

  var isAtHand: Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return count > 0 || hasEnded
  }

  func next(whileWaiting watch: () throws -> Void) throws -> Element? {
    pthread_mutex_lock(mutex)
    while count == 0 && !hasEnded {
      var moment = timespec()
      clock_gettime(CLOCK_REALTIME, &moment)
      moment.tv_nsec += patience
      if moment.tv_nsec >= 1_000_000_000 {
        (moment.tv_sec, moment.tv_nsec) = (moment.tv_sec + 1, moment.tv_nsec - 1_000_000_000)
      }
      if pthread_cond_timedwait(filled, mutex, &moment) == 0 { continue }
      pthread_mutex_unlock(mutex)
      try watch()
      pthread_mutex_lock(mutex)
    }
    defer { pthread_mutex_unlock(mutex) }
    if count == 0 {
      if let error { throw error }
      return nil
    }
    let element = elements[first].take()
    first = (first + 1) % elements.count
    count -= 1
    if count <= elements.count / 2 { pthread_cond_signal(emptied) }
    return element
  }

  func cancel() {
    pthread_mutex_lock(mutex)
    isCancelled = true
    pthread_cond_signal(emptied)
    pthread_mutex_unlock(mutex)
  }
}
