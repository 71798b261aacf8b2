import Foundation
import Scratch
import Testing

@testable import ToolSupport

/// Each in a process of its own, which a signal may end.
@Suite struct InterruptionTests {
  @Test func theFirstSignalIsOnlyNoted() async {
    await #expect(processExitsWith: .success) {
      Interruption.noteSignals()
      #expect(Interruption.signal == nil)
      // Without a signal there is nothing to end by.
      Interruption.end()
      send(SIGTERM)
      #expect(Interruption.signal == SIGTERM)
    }
  }

  @Test func theEndIsByTheSignalThatCame() async {
    await #expect(processExitsWith: .signal(SIGINT)) {
      Interruption.noteSignals()
      send(SIGINT)
      Interruption.end()
    }
  }

  @Test func whoWasStartedWithASignalIgnoredIgnoresIt() async {
    await #expect(processExitsWith: .success) {
      signal(SIGINT, SIG_IGN)
      Interruption.noteSignals()
      send(SIGINT)
      #expect(Interruption.signal == nil)
      send(SIGTERM)
      #expect(Interruption.signal == SIGTERM)
    }
  }
}

// What runs in another process takes values with it since Swift 6.3.
#if compiler(>=6.3)
  extension InterruptionTests {
    @Test func theSecondSignalEndsTheProcessAndLeavesNoTemporaryFile() async throws {
      let folder = try Scratch()
      try folder.write("out", "old")
      await #expect(processExitsWith: .signal(SIGTERM)) { [path = folder.path("out") as String] in
        let file = try AtomicFile(path)
        Interruption.noteSignals()
        send(SIGINT)
        #expect(FileManager.default.fileExists(atPath: path.replacing("/out", with: "/.out.tmp")))
        send(SIGTERM)
        withExtendedLifetime(file) {}
      }
      #expect(try folder.names() == ["out"])
      #expect(try folder.read("out") == Array("old".utf8))
    }

    @Test func aToolThatFailsLeavesNoTemporaryFile() async throws {
      let folder = try Scratch()
      try folder.write("out", "old")
      await #expect(processExitsWith: .success) { [path = folder.path("out") as String] in
        let file = try AtomicFile(path)
        #expect(FileManager.default.fileExists(atPath: path.replacing("/out", with: "/.out.tmp")))
        Temporaries.removeAll()
        #expect(!FileManager.default.fileExists(atPath: path.replacing("/out", with: "/.out.tmp")))
        withExtendedLifetime(file) {}
      }
      #expect(try folder.names() == ["out"])
      #expect(try folder.read("out") == Array("old".utf8))
    }

    @Test func aToolThatIsEndedBySignalLeavesNoTemporaryFile() async throws {
      let folder = try Scratch()
      await #expect(processExitsWith: .signal(SIGHUP)) { [path = folder.path("out") as String] in
        Temporaries.removeOnSignals()
        let file = try AtomicFile(path)
        send(SIGHUP)
        withExtendedLifetime(file) {}
      }
      #expect(try folder.names() == [])
    }
  }
#endif

/// Sends this thread a signal, which it takes before this returns.
private func send(_ number: Int32) {
  // Tests run in threads that leave signals to others.
  var taken = sigset_t()
  sigemptyset(&taken)
  sigaddset(&taken, number)
  pthread_sigmask(SIG_UNBLOCK, &taken, nil)
  raise(number)
}

@Suite struct TimeLimitClockTests {
  @Test func aLimitIsOverWhenItsSecondsHavePassed() {
    #expect(!TimeLimit(seconds: nil).isOver)
    #expect(!TimeLimit(seconds: 3600).isOver)
    #expect(TimeLimit(seconds: 0).isOver)
    let start = monotonicSeconds()
    let limit = TimeLimit(seconds: 0.05)
    while !limit.isOver { usleep(1000) }
    #expect(monotonicSeconds() - start >= 0.05)
  }
}
