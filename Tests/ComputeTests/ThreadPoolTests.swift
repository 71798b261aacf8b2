import CProcessor
import Compute
import Foundation
import Testing

struct WorkersTests {
  @Test(arguments: [1, 2, 3, 7])
  func everyPieceIsComputedOnce(count: Int) throws {
    let workers = ThreadPool(count: count)
    for pieces in [0, 1, 2, 5, 100] {
      var calls = [Int](repeating: 0, count: pieces)
      calls.withUnsafeMutableBufferPointer { calls in
        let calls = calls
        workers.run(pieces: pieces) { calls[$0] += 1 }
      }
      #expect(calls == [Int](repeating: 1, count: pieces))
    }
  }

  @Test func everyThreadTakesPart() throws {
    let workers = ThreadPool(count: 3)
    let threads = Mutex(Set<ObjectIdentifier>())
    // Each piece waits for the other two, so that no thread can compute two of them.
    workers.run(pieces: 3) { _ in
      threads.update { _ = $0.insert(ObjectIdentifier(Thread.current)) }
      while threads.read(\.count) < 3 { sched_yield() }
    }
    #expect(threads.value.count == 3)
    #expect(threads.value.contains(ObjectIdentifier(Thread.current)))
  }

  @Test func threadsBeginWithPiecesOfTheirOwn() throws {
    let workers = ThreadPool(count: 3)
    let threads = Mutex([Int: ObjectIdentifier]())
    var found = [[Int: ObjectIdentifier]]()
    for _ in 0..<20 {
      threads.update { $0 = [:] }
      // As above: each thread has one piece, and it is the same one every time.
      workers.run(pieces: 3) { piece in
        threads.update { $0[piece] = ObjectIdentifier(Thread.current) }
        while threads.read(\.count) < 3 { sched_yield() }
      }
      found.append(threads.value)
    }
    #expect(found.allSatisfy { $0 == found[0] && Set($0.values).count == 3 })
    #expect(found[0][0] == ObjectIdentifier(Thread.current))
  }

  /// Where the system says how many cores there are, and as long as it leaves the caller on one: mostly, for it may send it to another
  /// and back unseen.
  @Test(arguments: [2, 3, 5]) func helpersKeepOffTheCallersCore(count: Int) throws {
    let workers = ThreadPool(count: count)
    let all = nn_processor_core_count()
    try #require(all > 0 || nn_processor_core() < 0)
    let others = all >= count ? all - 1 : all
    var (looks, agreeing) = (0, 0)
    for _ in 0..<1000 where looks < 100 {
      let found = Mutex([Int: (core: Int32, count: Int32)]())
      let core = nn_processor_core()
      workers.run(pieces: count) { piece in
        found.update { $0[piece] = (nn_processor_core(), nn_processor_core_count()) }
        while found.read(\.count) < count { sched_yield() }
      }
      guard nn_processor_core() == core else { continue }
      looks += 1
      let isSo = found.value.allSatisfy { piece, place in
        piece == 0
          ? place.count == all
          : place.count == others && (others == all || place.core != core)
      }
      if isSo { agreeing += 1 }
    }
    #expect(looks > 0 && 2 * agreeing > looks, "\(agreeing) of \(looks)")
  }

  @Test func oneWorkerIsTheCallingThread() throws {
    let caller = ObjectIdentifier(Thread.current)
    ThreadPool(count: 1).run(pieces: 10) { _ in #expect(ObjectIdentifier(Thread.current) == caller)
    }
  }

  @Test func manyShortRunsEnd() throws {
    let workers = ThreadPool(count: 4)
    let sum = Mutex(0)
    for _ in 0..<5_000 { workers.run(pieces: 3) { piece in sum.update { $0 += piece } } }
    #expect(sum.value == 15_000)
  }

  /// Awake or asleep, before works and without any.
  @Test func workMayBeExpectedAtAnyTime() throws {
    let workers = ThreadPool(count: 3)
    for round in 0..<200 {
      for _ in 0..<round % 3 { workers.expectWork() }
      // Longer than helpers look around before they sleep.
      if round % 20 == 0 { usleep(2000) }
      if round % 7 == 0 { continue }
      var calls = [Int](repeating: 0, count: 10)
      calls.withUnsafeMutableBufferPointer { calls in
        let calls = calls
        workers.run(pieces: 10) { calls[$0] += 1 }
      }
      #expect(calls == [Int](repeating: 1, count: 10))
    }
  }

  @Test(arguments: [1, 2, 3]) func whatIsDoneBesideIsDoneOnceByTheEnd(count: Int) throws {
    let workers = ThreadPool(count: count)
    for round in 0..<500 {
      // Sometimes long enough for helpers to sleep, sometimes without any work for them.
      if round % 50 == 0 { usleep(500) }
      var (calls, beside) = ([Int](repeating: 0, count: 12), [Int](repeating: 0, count: 7))
      let result = calls.withUnsafeMutableBufferPointer { calls in
        beside.withUnsafeMutableBufferPointer { beside in
          let (calls, beside) = (calls, beside)
          return workers.run(beside: { $0.run(pieces: 7) { beside[$0] += 1 } }) {
            for work in 0..<round % 4 { workers.run(pieces: 3) { calls[3 * work + $0] += 1 } }
            return round
          }
        }
      }
      #expect(result == round && beside == [Int](repeating: 1, count: 7))
      #expect(calls == (0..<12).map { $0 < 3 * (round % 4) ? 1 : 0 })
    }
  }

  /// A work of two pieces each of which waits for the other, while the only helper is beside, until the work is done. Of two helpers
  /// one is held by a piece of what is beside, and the other waits for that.
  @Test(arguments: [(2, 1), (2, 2), (3, 2)])
  func aWorkComesBeforeWhatIsBeside(count: Int, pieces: Int) throws {
    let workers = ThreadPool(count: count)
    let (isBegun, isDone, isHeld) = (Mutex(false), Mutex(false), Mutex(count == 2))
    let threads = Mutex(Set<ObjectIdentifier>())
    let end = Date(timeIntervalSinceNow: 30)
    func wait(until isSo: () -> Bool) { while !isSo() && Date() < end { sched_yield() } }
    workers.run(beside: { workers in
      let owner = ObjectIdentifier(Thread.current)
      isBegun.update { $0 = true }
      if count == 2 {
        while !isDone.value && Date() < end {
          workers.run(pieces: pieces) { _ in sched_yield() }
        }
      } else {
        workers.run(pieces: 2) { _ in
          if ObjectIdentifier(Thread.current) == owner { return wait { isHeld.value } }
          isHeld.update { $0 = true }
          wait { isDone.value }
        }
      }
    }) {
      wait { isBegun.value && isHeld.value }
      workers.run(pieces: 2) { _ in
        threads.update { _ = $0.insert(ObjectIdentifier(Thread.current)) }
        wait { threads.read(\.count) == 2 }
      }
      isDone.update { $0 = true }
    }
    #expect(threads.read(\.count) == 2 && Date() < end)
  }

  /// Each piece of what is beside waits for the others, so that all threads must come to it, the calling one too.
  @Test(arguments: [2, 3]) func whoeverHasNothingElseToDoHelpsBeside(count: Int) throws {
    let workers = ThreadPool(count: count)
    for _ in 0..<20 {
      let (isBegun, threads) = (Mutex(false), Mutex(Set<ObjectIdentifier>()))
      let end = Date(timeIntervalSinceNow: 30)
      func wait(until isSo: () -> Bool) { while !isSo() && Date() < end { sched_yield() } }
      workers.run(beside: { workers in
        isBegun.update { $0 = true }
        workers.run(pieces: count) { _ in
          threads.update { _ = $0.insert(ObjectIdentifier(Thread.current)) }
          wait { threads.read(\.count) == count }
        }
      }) {
        wait { isBegun.value }
      }
      try #require(threads.read(\.count) == count && Date() < end)
    }
  }

  @Test(arguments: [1, 2]) func whatIsBesideIsDoneWhereTheOtherFails(count: Int) throws {
    struct Failure: Error {}
    let workers = ThreadPool(count: count)
    for _ in 0..<200 {
      let isDone = Mutex(false)
      #expect(throws: Failure.self) {
        try workers.run(beside: { $0.run(pieces: 1) { _ in isDone.update { $0 = true } } }) {
          throw Failure()
        }
      }
      #expect(isDone.value)
    }
  }

  @Test func cutsByLengthWhateverTheThreads() throws {
    for count in [1, 2, 5] {
      let ranges = Mutex([Range<Int>]())
      ThreadPool(count: count).run(cutting: 70, into: 32) { range in
        ranges.update { $0.append(range) }
      }
      #expect(
        ranges.value.sorted { $0.lowerBound < $1.lowerBound } == [0..<32, 32..<64, 64..<70])
    }
  }

  @Test func refusesARunInsideARun() async {
    await #expect(processExitsWith: .failure) {
      let workers = ThreadPool(count: 1)
      workers.run(pieces: 1) { _ in workers.run(pieces: 1) { _ in } }
    }
    await #expect(processExitsWith: .failure) {
      let workers = ThreadPool(count: 2)
      workers.run(pieces: 2) { _ in workers.run(pieces: 2) { _ in } }
    }
    await #expect(processExitsWith: .failure) {
      // On the helper's thread, and so by its own workers.
      let isBegun = Mutex(false)
      ThreadPool(count: 2).run(beside: { workers in
        isBegun.update { $0 = true }
        workers.run(pieces: 2) { _ in workers.run(pieces: 2) { _ in } }
      }) {
        while !isBegun.value { sched_yield() }
      }
    }
    await #expect(processExitsWith: .failure) {
      let workers = ThreadPool(count: 2)
      workers.run(beside: { _ in }) { workers.run(beside: { _ in }) {} }
    }
  }
}

/// A value behind a lock.
private final class Mutex<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var stored: Value

  init(_ value: Value) { stored = value }

  var value: Value { lock.withLock { stored } }

  /// What must be read while nobody writes: the count of a copy is read later.
  func read<Result>(_ body: (Value) -> Result) -> Result { lock.withLock { body(stored) } }

  func update(_ body: (inout Value) -> Void) { lock.withLock { body(&stored) } }
}
