import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

@testable import ToolSupport

@Suite struct DocumentInputTests {
  @Test func aDocumentStandsAlone() throws {
    let input = try opened([alone("a")])
    #expect(try input.next()?.metadata["name"] == "a")
    #expect(try input.next() == nil)
    #expect(!input.isStream)
  }

  @Test func framesComeInOrderWithoutTheirNumbers() throws {
    let input = try opened([frame(0, "a"), frame(1, "b"), end(2)])
    let first = try #require(try input.next())
    #expect(first.metadata["name"] == "a" && first[.frame] == nil && input.isStream)
    #expect(try input.next()?.metadata["name"] == "b")
    #expect(try input.next() == nil)
    #expect(input.frames == 2)
  }

  @Test func concatenatedStreamsAreOne() throws {
    let input = try opened([frame(0, "a"), end(1), end(0), frame(0, "b"), frame(1, "c"), end(2)])
    var names = [String]()
    while let document = try input.next() { names.append(document.metadata["name"] ?? "") }
    #expect(names == ["a", "b", "c"])
  }

  @Test func aStreamOfNoFramesIsAStream() throws {
    let input = try opened([end(0)])
    #expect(try input.next() == nil)
    #expect(input.isStream)
  }

  @Test(
    arguments: [
      ([], "empty input, expected a document"),
      ([frame(0), frame(1)], "truncated stream: 2 frames, no end"),
      ([frame(0)], "truncated stream: 1 frame, no end"),
      ([frame(0), end(2)], "nn.end: found '2' after 1 frame"),
      ([frame(0), frame(0)], "nn.frame: found '0', expected 1"),
      ([frame(1)], "nn.frame: found '1', expected 0"),
      ([frame(0), end(1), frame(1)], "nn.frame: found '1', expected 0"),
      ([alone(), alone()], "a second stand-alone document, expected one or a stream of frames"),
      ([alone(), frame(0)], "a stand-alone document and a stream in one input"),
      ([frame(0), alone()], "a stand-alone document and a stream in one input"),
      ([frame(0), end(1), alone()], "a stand-alone document and a stream in one input"),
      ([alone(), end(0)], "a stand-alone document and a stream in one input"),
      ([endWithTensor()], "a document with nn.end holds tensors or nn.frame"),
      ([frame(0), unknownKey()], "metadata: unknown key 'nn.new'"),
    ] as [([Document], String)])
  func refuses(_ documents: [Document], _ message: String) throws {
    let input = try opened(documents)
    let error = #expect(throws: (any Error).self) { while try input.next() != nil {} }
    let (status, text) = verdict(on: try #require(error))
    #expect(status == .badData)
    #expect(text?.hasSuffix(": " + message) == true, "\(text ?? "")")
  }

  @Test func aSequenceMayHoldDocumentsThatStandAlone() throws {
    let input = try opened([alone("a"), alone("b")], isSequence: true)
    #expect(try input.next()?.metadata["name"] == "a")
    #expect(try input.next()?.metadata["name"] == "b")
    #expect(try input.next() == nil)
  }

  @Test func onAPipeMissingBytesAreUpstreamsFault() throws {
    for (bytes, message) in [
      (Array(frame(0).encoded() + frame(1).encoded()), "upstream ended early: 2 frames, no end"),
      (
        Array(frame(0).encoded() + frame(1).encoded().dropLast()),
        "upstream ended early: inside frame 1"
      ),
      (Array(alone().encoded().dropLast()), "upstream ended early: inside a document"),
      ([], "upstream ended early: no document"),
    ] {
      let pipe = Foundation.Pipe()
      try pipe.fileHandleForWriting.write(contentsOf: Data(bytes))
      try pipe.fileHandleForWriting.close()
      let input = try DocumentInput(
        Descriptor(pipe.fileHandleForReading.fileDescriptor, name: "<stdin>", owned: false),
        watching: nil)
      let error = #expect(throws: (any Error).self) { while try input.next() != nil {} }
      #expect(verdict(on: try #require(error)).message == "<stdin>: " + message)
    }
  }

  @Test func aWaitForInputEndsWhenNobodyReadsTheOutput() throws {
    let (source, sink) = (Foundation.Pipe(), Foundation.Pipe())
    try sink.fileHandleForReading.close()
    let input = try DocumentInput(
      Descriptor(source.fileHandleForReading.fileDescriptor, name: "<stdin>", owned: false),
      watching: Descriptor(
        sink.fileHandleForWriting.fileDescriptor, name: "<stdout>", owned: false))
    #expect(throws: StageError.readerGone) { try input.next() }
    try source.fileHandleForWriting.close()
  }

  @Test func whatTheStageBeforeWritesDoesNotPutOffAProbe() throws {
    let (source, sink) = (Foundation.Pipe(), Foundation.Pipe())
    let input = Descriptor(
      source.fileHandleForReading.fileDescriptor, name: "<stdin>", owned: false)
    let output = Descriptor(
      sink.fileHandleForWriting.fileDescriptor, name: "<stdout>", owned: false)
    output.probe = [7]
    try [UInt8(1)].withUnsafeBytes { try output.write($0) }
    let writer = source.fileHandleForWriting
    Thread.detachNewThread {
      for _ in 0..<8 {
        usleep(100_000)
        try? writer.write(contentsOf: Data([1]))
      }
    }
    // Every wait is shorter than the time between two probes, all of them together are longer.
    var byte: UInt8 = 0
    for _ in 0..<8 {
      _ = try withUnsafeMutableBytes(of: &byte) { try input.read(into: $0, watching: output) }
    }
    let written = sink.fileHandleForReading.availableData
    #expect(written.first == 1 && written.count > 1 && written.dropFirst().allSatisfy { $0 == 7 })
  }

  @Test func aDocumentIsHandedOverWithoutAByteBehindIt() throws {
    let pipe = Foundation.Pipe()
    let input = try DocumentInput(
      Descriptor(pipe.fileHandleForReading.fileDescriptor, name: "<stdin>", owned: false),
      watching: nil)
    // The writing end stays open and silent: a reader that asked for more would wait for ever.
    for number in 0..<3 {
      try pipe.fileHandleForWriting.write(contentsOf: Data(frame(number, "x").encoded()))
      #expect(try input.next()?.metadata["name"] == "x")
    }
    try pipe.fileHandleForWriting.close()
  }

  @Test func theDigestIsThatOfTheDecompressedBytes() throws {
    let scratch = try Scratch()
    try Data(alone("abc").encoded()).write(to: scratch.url.appending(path: "d"))
    let digest = Digest()
    let input = try DocumentInput(
      Descriptor.reading(scratch.path("d")), watching: nil, digest: digest)
    _ = try input.one()
    let expected = Digest()
    alone("abc").encoded().withUnsafeBytes { expected.update($0) }
    #expect(digest.hex == expected.hex)
    // The XXH3-128 of no bytes, from the specification of xxHash.
    #expect(Digest().hex == "99aa06d3014798d86001c324468d497f")
  }

  private func opened(_ documents: [Document], isSequence: Bool = false) throws -> DocumentInput {
    let scratch = try Scratch()
    try Data(documents.flatMap { $0.encoded() }).write(to: scratch.url.appending(path: "d"))
    return try DocumentInput(
      Descriptor.reading(scratch.path("d")), watching: nil, isSequence: isSequence)
  }
}

private func alone(_ name: String = "") -> Document {
  Document(metadata: ["name": name], tensors: ["x": Tensor([1, 2] as [Float])])
}

private func frame(_ number: Int, _ name: String = "") -> Document {
  var document = alone(name)
  document[.format] = "1"
  document[.frame] = String(number)
  return document
}

private func end(_ count: Int) -> Document {
  Document(metadata: ["nn.format": "1", "nn.end": String(count)])
}

private func endWithTensor() -> Document {
  var document = end(0)
  document.tensors["x"] = Tensor([1] as [Float])
  return document
}

private func unknownKey() -> Document {
  var document = frame(1)
  document.metadata["nn.new"] = "1"
  return document
}
