import Foundation
import Scratch
import Testing

@testable import ToolSupport

/// Each in a process of its own, whose standard error it may change.
@Suite struct StandardErrorTests {
  @Test func progressIsOneLineThatIsRemoved() async {
    await #expect(processExitsWith: .success) {
      let terminal = try standardErrorOnTerminal()
      Messages.tool = "nn-test"
      var progress = Progress(quiet: false)
      progress.clear()
      progress.show("step 1\u{1B}[2J")
      progress.clear()
      Messages.put("END")
      #expect(terminal.text(to: "END") == "\r\u{1B}[Knn-test: step 1\\u{1B}[2J\r\u{1B}[K")
    }
  }

  @Test func progressIsSilentWhereNobodyLooksOrWants() async {
    await #expect(processExitsWith: .success) {
      let terminal = try standardErrorOnTerminal()
      var quiet = Progress(quiet: true)
      quiet.show("step 1")
      quiet.clear()
      Messages.put("END")
      #expect(terminal.text(to: "END") == "")
      let folder = try Scratch()
      dup2(open(folder.path("messages"), O_WRONLY | O_CREAT, 0o666), 2)
      var unseen = Progress(quiet: false)
      unseen.show("step 1")
      unseen.clear()
      #expect(try folder.read("messages") == [])
    }
  }

  @Test func progressIsShownAtMostFiveTimesASecond() async {
    await #expect(processExitsWith: .success) {
      let terminal = try standardErrorOnTerminal()
      var progress = Progress(quiet: false)
      var shown = 0
      func text() -> String {
        shown += 1
        return "step"
      }
      let start = monotonicSeconds()
      for _ in 1...40 {
        progress.show(text())
        usleep(10_000)
      }
      let seconds = monotonicSeconds() - start
      #expect(shown >= 1 && Double(shown) <= seconds / 0.2 + 1, "\(shown) in \(seconds) s")
      withExtendedLifetime(terminal) {}
    }
  }

  /// As when another program has made the terminal, which it shares with us, one that nobody waits for.
  @Test func aMessageWaitsForRoom() async {
    await #expect(processExitsWith: .success) {
      let (reading, writing) = try pipeEnds()
      #expect(fcntl(writing.number, F_SETFL, O_NONBLOCK) == 0)
      dup2(writing.number, 2)
      // More than any pipe holds.
      let text = String(repeating: "0123456789", count: 400_000)
      let group = DispatchGroup()
      nonisolated(unsafe) let reader = reading
      nonisolated(unsafe) var received: [UInt8]?
      DispatchQueue.global().async(group: group) {
        received = try? reader.bytes(text.utf8.count)
      }
      Messages.put(text)
      // Should something be missing, nobody is to wait for it.
      writing.shut()
      dup2(writing.number, 2)
      group.wait()
      #expect(received?.elementsEqual(text.utf8) == true)
    }
  }

  @Test func aMessageThatNobodyCanGetStopsNobody() async {
    await #expect(processExitsWith: .success) {
      dup2(open("/dev/null", O_RDONLY), 2)
      Messages.say("lost")
      dup2(open("/dev/full", O_WRONLY), 2)
      Messages.say("lost")
    }
  }
}

/// Makes a terminal of this process's standard error.
private func standardErrorOnTerminal() throws -> Terminal {
  let terminal = try Terminal()
  let number = open(terminal.path, O_WRONLY | O_NOCTTY)
  try #require(number >= 0 && dup2(number, 2) == 2 && isatty(2) == 1)
  return terminal
}
