import Foundation
import Synchronization
import Testing

@testable import ToolSupport

@Suite struct PrefetcherTests {
  private struct Broken: Error, Equatable {}
  private struct Gone: Error {}

  @Test(arguments: [1, 2, 3, 64]) func everyElementComesInItsTurn(_ capacity: Int) throws {
    var made = 0
    let prefetcher = Prefetcher(capacity: capacity) { () -> Int? in
      made += 1
      return made <= 1000 ? made : nil
    }
    for expected in 1...1000 { #expect(try prefetcher.next {} == expected) }
    #expect(try prefetcher.next {} == nil)
    #expect(try prefetcher.next {} == nil)
  }

  @Test func anErrorComesBehindWhatWasMadeBefore() throws {
    var made = 0
    let prefetcher = Prefetcher(capacity: 8) { () -> Int? in
      made += 1
      if made == 4 { throw Broken() }
      return made
    }
    for expected in 1...3 { #expect(try prefetcher.next {} == expected) }
    for _ in 1...2 { #expect(throws: Broken()) { try prefetcher.next {} } }
  }

  @Test func noMoreIsMadeThanMayWait() throws {
    let made = Atomic(0)
    let prefetcher = Prefetcher(capacity: 4) { made.add(1, ordering: .relaxed).newValue }
    _ = try prefetcher.next {}
    while made.load(ordering: .relaxed) < 4 { sched_yield() }
    usleep(20_000)
    #expect(4...5 ~= made.load(ordering: .relaxed))
  }

  @Test func whoWaitsLooksAroundNowAndThen() throws {
    let isOpen = Atomic(false)
    let prefetcher = Prefetcher(capacity: 1) { () -> Int? in
      while !isOpen.load(ordering: .relaxed) { usleep(1000) }
      return 1
    }
    var looks = 0
    let value = try prefetcher.next {
      looks += 1
      if looks == 2 { isOpen.store(true, ordering: .relaxed) }
    }
    #expect(value == 1)
    #expect(looks >= 2)
  }

  @Test func saysWhatIsAtHand() throws {
    let allowed = Atomic(0)
    var made = 0
    let prefetcher = Prefetcher(capacity: 4) { () -> Int? in
      while allowed.load(ordering: .relaxed) == made { usleep(1000) }
      made += 1
      if made == 3 { throw Broken() }
      return made
    }
    func waitForIt() {
      allowed.add(1, ordering: .relaxed)
      for _ in 0..<10_000 where !prefetcher.isAtHand { usleep(1000) }
      #expect(prefetcher.isAtHand)
    }
    for expected in 1...2 {
      usleep(10_000)
      #expect(!prefetcher.isAtHand)
      waitForIt()
      #expect(try prefetcher.next {} == expected)
    }
    // So is an end.
    waitForIt()
    #expect(throws: Broken()) { try prefetcher.next {} }
    #expect(prefetcher.isAtHand)
  }

  @Test func whatTheWatchFindsEndsTheWait() throws {
    let isOpen = Atomic(false)
    let prefetcher = Prefetcher(capacity: 1) { () -> Int? in
      while !isOpen.load(ordering: .relaxed) { usleep(1000) }
      return 1
    }
    #expect(throws: Gone.self) { try prefetcher.next { throw Gone() } }
    isOpen.store(true, ordering: .relaxed)
    #expect(try prefetcher.next {} == 1)
  }
}
