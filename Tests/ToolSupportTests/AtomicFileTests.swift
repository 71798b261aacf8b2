import Foundation
import Scratch
import Testing

@testable import ToolSupport

@Suite struct AtomicFileTests {
  private let folder: Scratch

  init() throws { folder = try Scratch() }

  @Test func theFileAppearsOnlyWhenItIsWhole() throws {
    let file = try AtomicFile(folder.path("out"))
    try write("new", to: file)
    #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
    try file.commit()
    #expect(try text("out") == "new")
    #expect(try names() == ["out"])
  }

  @Test func anAbandonedFileLeavesTheOldOne() throws {
    try "old".write(toFile: folder.path("out"), atomically: false, encoding: .utf8)
    do {
      let file = try AtomicFile(folder.path("out"))
      try write("new", to: file)
    }
    #expect(try text("out") == "old")
    #expect(try names() == ["out"])
  }

  @Test func aLinkStaysAndItsTargetIsReplaced() throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("there"), withIntermediateDirectories: true)
    try "old".write(toFile: folder.path("there/real"), atomically: false, encoding: .utf8)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: "there/real")
    let file = try AtomicFile(folder.path("link"))
    try write("new", to: file)
    try file.commit()
    #expect(try text("there/real") == "new")
    #expect(
      try FileManager.default.destinationOfSymbolicLink(atPath: folder.path("link"))
        == "there/real")
  }

  @Test func aLinkMayNameItsTargetFromTheRoot() throws {
    try folder.write("real", "old")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: folder.path("real"))
    let file = try AtomicFile(folder.path("link"))
    try write("new", to: file)
    try file.commit()
    #expect(try text("real") == "new")
    #expect(try names() == ["link", "real"])
  }

  @Test func aPathIsAFolderAndAName() {
    #expect(AtomicFile.split("a") == (".", "a"))
    #expect(AtomicFile.split("a/b/c") == ("a/b", "c"))
    #expect(AtomicFile.split("/a") == ("/", "a"))
  }

  @Test func aLinkToNothingGetsItsTarget() throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: "real")
    let file = try AtomicFile(folder.path("link"))
    try write("new", to: file)
    try file.commit()
    #expect(try text("real") == "new")
  }

  @Test func linksInACircleAreAnError() throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("a"), withDestinationPath: "b")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("b"), withDestinationPath: "a")
    #expect(throws: StageError.self) { try AtomicFile(folder.path("a")) }
  }

  @Test func aDeviceIsWrittenAsItIs() throws {
    let file = try AtomicFile("/dev/null")
    try write("new", to: file)
    try file.commit()
    var status = stat()
    #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
  }

  @Test func aFolderThatIsNotThereIsAnError() throws {
    let path = folder.path("no/out")
    #expect(
      throws: StageError.outputNotCreated(path, reason: "no such file or directory")
    ) { try AtomicFile(path) }
  }

  @Test func aRowIsAppendedUnderItsHeaderOnly() throws {
    let table = folder.path("metrics.tsv")
    try appendRow("1\t2\n", under: "a\tb\n", to: table)
    try appendRow("3\t4\n", under: "a\tb\n", to: table)
    #expect(try text("metrics.tsv") == "a\tb\n1\t2\n3\t4\n")
    let error = #expect(throws: (any Error).self) {
      try appendRow("5\n", under: "c\n", to: table)
    }
    #expect(
      verdict(on: try #require(error)).message == "\(table): found columns a, b, expected c")
    #expect(try text("metrics.tsv") == "a\tb\n1\t2\n3\t4\n")
  }

  @Test func aRowIsNotAppendedToOneThatWasCut() throws {
    let table = folder.path("metrics.tsv")
    try "a\tb\n1\t2".write(toFile: table, atomically: false, encoding: .utf8)
    let error = #expect(throws: (any Error).self) {
      try appendRow("3\t4\n", under: "a\tb\n", to: table)
    }
    #expect(
      verdict(on: try #require(error)).message
        == "\(table): the last row has no end, expected a line feed")
    #expect(try text("metrics.tsv") == "a\tb\n1\t2")
  }

  @Test func aFileKeepsItsPermissions() throws {
    let path = folder.path("secret")
    try "old".write(toFile: path, atomically: false, encoding: .utf8)
    #expect(chmod(path, 0o600) == 0)
    let file = try AtomicFile(path)
    try write("new", to: file)
    try file.commit()
    var status = stat()
    #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(try text("secret") == "new")
  }

  private func write(_ text: String, to file: AtomicFile) throws {
    try Array(text.utf8).withUnsafeBytes { try file.descriptor.write($0) }
  }

  private func text(_ name: String) throws -> String {
    try String(contentsOfFile: folder.path(name), encoding: .utf8)
  }

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
  }
}
