import Testing

@testable import Gzip

/// After an error nothing is handed over any more, whatever the source would still give.
struct GzipContractTests {
  private func expectStays<E: Error & Equatable>(_ error: E, in reader: GzipReader) {
    for _ in 1...2 {
      #expect(throws: error) { try reader.read(1) }
      #expect(throws: error) { try reader.skip(1) }
    }
  }

  @Test func badBytesStayBadThoughGoodOnesFollow() throws {
    var damaged = HandMadeMember(pattern(1000))
    damaged.checksumError = 1
    let reader = try GzipReader(damaged.bytes + gzip(noise(100)))
    let error = try #require(reader.readAll().error as? GzipError)
    guard case .checksumMismatch = error else {
      Issue.record("found \(error), expected that the checksum differs")
      return
    }
    expectStays(error, in: reader)
  }

  @Test func whatIsNoGzipStaysSo() throws {
    let reader = try GzipReader([0x50, 0x4b] + gzip(noise(100)))
    let error = GzipError.notGzip(found: 0x50, expected: 0x1f, offset: 0)
    #expect(throws: error) { try reader.skip(1) }
    expectStays(error, in: reader)
  }

  struct Broken: Error, Equatable {}

  /// A source that fails once, behind so many bytes, and then goes on as if nothing had been.
  private func reader(_ bytes: [UInt8], failingBehind count: Int) -> GzipReader {
    let (start, rest) = (Source(Array(bytes[..<count])), Source(Array(bytes[count...])))
    var hasFailed = false
    return GzipReader { room in
      let given = try start.give(room)
      if given > 0 { return given }
      if hasFailed { return try rest.give(room) }
      hasFailed = true
      throw Broken()
    }
  }

  @Test(arguments: [0, 1, 40, 2000], [true, false])
  func anErrorOfTheSourceStays(_ count: Int, isSkipped: Bool) throws {
    let reader = try reader(gzip(noise(5000)), failingBehind: count)
    if isSkipped {
      #expect(throws: Broken()) { try reader.skip(5000) }
    } else {
      #expect(reader.readAll().error is Broken)
    }
    expectStays(Broken(), in: reader)
  }

  /// Bytes that cannot be compressed, some few more or less than fill zlib's blocks of 16,383: what was taken for compressing
  /// is taken again for storing.
  @Test(arguments: [1, 6, 9]) func howThePartsAreCutDoesNotShow(_ level: Int) throws {
    for count in (3 * 16_383 - 1)...(3 * 16_383 + 12) {
      let bytes = noise(count)
      var writer = GzipWriter(level: level)
      let parts = stride(from: 0, to: count, by: 2).map { Array(bytes[$0..<min($0 + 2, count)]) }
      let written = try Array(writer.pieces(of: parts).joined())
      #expect(try written == gzip(bytes, level: level))
      #expect(gunzippedByZlib(written) == bytes)
    }
  }
}
