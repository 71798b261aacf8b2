import Foundation
import Gzip
import Scratch
import Testing

@testable import ToolSupport

/// How many bytes a document may have, whatever way they come.
@Suite struct ByteSourceTests {
  enum Form: CaseIterable { case plainFile, plainPipe, gzipFile, gzipPipe }

  private let folder: Scratch

  init() throws { folder = try Scratch() }

  private func source(_ bytes: [UInt8], as form: Form) throws -> ByteSource {
    var written = bytes
    if form == .gzipFile || form == .gzipPipe {
      written = []
      var gzip = GzipWriter(level: 4)
      try bytes.withUnsafeBytes { bytes in try gzip.write([bytes]) { written += $0.joined() } }
    }
    if form == .plainFile || form == .gzipFile {
      try folder.write("d", written)
      return ByteSource(try Descriptor.reading(folder.path("d")), watching: nil)
    }
    let (reading, writing) = try pipeEnds()
    try written.withUnsafeBytes { try writing.write($0) }
    return ByteSource(reading, watching: nil)
  }

  private func rest(of source: ByteSource) throws -> [UInt8] {
    var (bytes, piece) = ([UInt8](), [UInt8](repeating: 0, count: 64))
    while case let count = try piece.withUnsafeMutableBytes({ try source.read(into: $0) }),
      count > 0
    {
      bytes += piece[..<count]
    }
    return bytes
  }

  @Test(arguments: Form.allCases) func asManyBytesAsTheLimitComeAndNoMore(_ form: Form) throws {
    let bytes = (0..<100).map(UInt8.init)
    for limit in [100, 101, 99, 2, 1] {
      let source = try source(bytes, as: form)
      source.beginDocument(limit: limit)
      if limit >= 100 {
        #expect(try rest(of: source) == bytes)
      } else {
        #expect(throws: StageError.tooLarge(limit: limit)) { try rest(of: source) }
      }
    }
  }

  @Test(arguments: Form.allCases) func whatIsPassedOverCountsToo(_ form: Form) throws {
    let bytes = (0..<100).map(UInt8.init)
    let whole = try source(bytes, as: form)
    whole.beginDocument(limit: 100)
    #expect(try whole.skip(90) == 90)
    #expect(try rest(of: whole) == Array(bytes[90...]))
    let all = try source(bytes, as: form)
    all.beginDocument(limit: 1000)
    #expect(try all.skip(1000) == 100)
    let large = try source(bytes, as: form)
    large.beginDocument(limit: 50)
    #expect(throws: StageError.tooLarge(limit: 50)) { try large.skip(90) }
  }

  /// Nothing is missing where there is too much, so it is not the fault of the stage before.
  @Test func tooManyBytesAreNotCalledMissingOnes() throws {
    let source = try source([1, 2], as: .plainPipe)
    source.beginDocument(limit: 1)
    let error = #expect(throws: StageError.tooLarge(limit: 1)) { try rest(of: source) }
    #expect(source.hasEnded)
    let cause = source.cause(of: try #require(error), frames: nil)
    #expect(cause as? StageError == .tooLarge(limit: 1))
  }

  @Test func aTextMayBeAsLongAsItsLimit() throws {
    try folder.write("text", "héllo")
    #expect(try BytesInput(folder.path("text"), as: "text").text(limit: 6) == "héllo")
    let error = #expect(throws: (any Error).self) {
      try BytesInput(folder.path("text"), as: "text").text(limit: 5)
    }
    #expect(
      verdict(on: try #require(error)).message
        == "\(folder.path("text")): found more than 5 bytes, expected a text of at most that many")
  }
}
