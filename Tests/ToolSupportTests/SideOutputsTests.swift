import Foundation
import Safetensors
import Scratch
import Testing

@testable import ToolSupport

/// What is kept beside an output that does not come to be.
@Suite struct SideOutputsTests {
  private let folder: Scratch
  private let document = Document(metadata: ["name": "half"])

  init() throws { folder = try Scratch() }

  private func written(_ name: String) throws -> [Document] {
    let input = try openInput(folder.path(name), as: "test")
    return [try input.one()]
  }

  @Test func aPartIsWrittenBesideAndTheOldFileStays() throws {
    try folder.write("out.safetensors", "old")
    let output = try DocumentOutput(folder.path("out.safetensors"))
    #expect(output.hasFolder)
    #expect(try output.finishPartial(document) == folder.path("partial.out.safetensors"))
    #expect(try folder.names() == ["out.safetensors", "partial.out.safetensors"])
    #expect(try folder.read("out.safetensors") == Array("old".utf8))
    #expect(try written("partial.out.safetensors") == [document])
  }

  @Test func aPartOfAPartIsTheSameFile() throws {
    try folder.write("partial.x.gz", "old")
    let output = try DocumentOutput(folder.path("partial.x.gz"))
    #expect(try output.finishPartial(document) == folder.path("partial.x.gz"))
    #expect(try folder.names() == ["partial.x.gz"])
    #expect(try written("partial.x.gz") == [document])
  }

  @Test func aFailureIsNamedByTheOutputWithoutItsEndings() throws {
    for name in ["m.safetensors.gz", "m.safetensors", "m.gz", "partial.m.gz", "m"] {
      let output = try DocumentOutput(folder.path(name))
      let paths = try output.keepFailure(["batch": document])
      #expect(paths == ["batch": folder.path("failed.m.batch.safetensors.gz")])
      output.abandon()
      #expect(try folder.names() == ["failed.m.batch.safetensors.gz"])
      #expect(try written("failed.m.batch.safetensors.gz") == [document])
    }
  }

  @Test func aDocumentIsNotPreparedForNobody() throws {
    let fifo = folder.path("fifo")
    try #require(mkfifo(fifo, 0o600) == 0)
    let reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    let output = try DocumentOutput(fifo)
    #expect(!output.hasFolder)
    try output.checkReader()
    close(reader)
    #expect(throws: StageError.readerGone) { try output.checkReader() }
  }

  @Test func besideAPipeOrADeviceThereIsNoPlace() throws {
    #expect(try !DocumentOutput("/dev/null").hasFolder)
  }
}
