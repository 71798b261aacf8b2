import Foundation
import Scratch
import Testing

@testable import ToolSupport

@Suite struct SideFileTests {
  private let folder: Scratch

  init() throws { folder = try Scratch() }

  private func expectTaken(sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(throws: StageError.outputTaken("x"), sourceLocation: sourceLocation) {
      try LockedTemporaryFile.create(folder.path(".x.tmp"), for: "x")
    }
  }

  @Test func whoHasItKeepsOthersOut() throws {
    let first = try LockedTemporaryFile.create(folder.path(".x.tmp"), for: "x")
    expectTaken()
    // Not even a look at it has changed anything.
    expectTaken()
    close(first.number)
    let second = try LockedTemporaryFile.create(folder.path(".x.tmp"), for: "x")
    #expect(second.path == folder.path(".x.tmp"))
    expectTaken()
    close(second.number)
  }

  @Test func whatADeadProcessLeftIsReplacedAndNotWrittenInto() throws {
    try folder.write(".x.tmp", "left")
    // Another name of the same file shows whether it was written into.
    #expect(link(folder.path(".x.tmp"), folder.path("other")) == 0)
    chmod(folder.path(".x.tmp"), 0o400)
    let file = try LockedTemporaryFile.create(folder.path(".x.tmp"), for: "x")
    #expect(write(file.number, "new", 3) == 3)
    #expect(try folder.read("other") == Array("left".utf8))
    #expect(try folder.read(".x.tmp") == Array("new".utf8))
    close(file.number)
  }

  /// As when its owner has given it its name between another's opening and locking it.
  @Test func aFileThatHasGotItsNameIsNoLongerTheSideFile() throws {
    let first = try LockedTemporaryFile.create(folder.path(".x.tmp"), for: "x")
    #expect(rename(folder.path(".x.tmp"), folder.path("x")) == 0)
    let second = try LockedTemporaryFile.create(folder.path(".x.tmp"), for: "x")
    expectTaken()
    close(first.number)
    expectTaken()
    close(second.number)
  }

  @Test func namesAreHiddenShortAndTheirOwn() {
    #expect(LockedTemporaryFile.name(for: "model.safetensors.gz") == ".model.safetensors.gz.tmp")
    let long = [195, 196, 200, 255].map { String(repeating: "n", count: $0) }
    let other = String(repeating: "n", count: 199) + "m"
    let names = (long + [other, String(repeating: "é", count: 127)]).map(LockedTemporaryFile.name)
    #expect(Set(names).count == names.count)
    #expect(names.allSatisfy { $0.utf8.count <= 200 && $0.hasPrefix(".") && $0.hasSuffix(".tmp") })
    #expect(names[0] == ".\(long[0]).tmp")
  }

  @Test func longNamesAreShortenedBeforeTheirEnding() {
    let name = String(repeating: "é", count: 130) + ".gz"
    let short = LockedTemporaryFile.shortened(name, keeping: ".gz")
    #expect(short == String(repeating: "é", count: 126) + ".gz")
    #expect(LockedTemporaryFile.shortened("a.gz", keeping: ".gz") == "a.gz")
    #expect(
      LockedTemporaryFile.shortened(String(repeating: "n", count: 300), keeping: ".gz").utf8.count
        == 255)
  }

  @Test(arguments: [
    ("a-b_c.gz", "a-b_c.gz"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"),
    ("$(x)", "'$(x)'"), ("Ü", "'Ü'"), ("a\n'\\\u{1B}", "$'a\\x0a\\'\\\\\\x1b'"),
    ("\u{202E}", "$'\\xe2\\x80\\xae'"),
  ])
  func aShellReadsTheWordBack(_ text: String, _ word: String) throws {
    #expect(shellWord(text) == word)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", "printf %s \(shellWord(text))"]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    process.waitUntilExit()
    #expect(pipe.fileHandleForReading.readDataToEndOfFile() == Data(text.utf8))
  }
}
