import CZlib
import Testing

@testable import Gzip

/// What the reader refuses, and what it has delivered by then.
struct GzipCorruptionTests {
  private func error(_ bytes: [UInt8]) -> GzipError? {
    let errors = [1, .max].map { GzipReader(bytes, pieceSize: $0).readAll().error as? GzipError }
    #expect(errors[0] == errors[1], "the error depends on how the input is cut")
    return errors[0]
  }

  // MARK: Headers

  @Test func refusesWhatIsNotGzip() {
    #expect(error([0x50, 0x4b]) == .notGzip(found: 0x50, expected: 0x1f, offset: 0))
    #expect(error([0x1f, 0x9d, 0]) == .notGzip(found: 0x9d, expected: 0x8b, offset: 1))
  }

  @Test(arguments: [[0], [0x1f, 0], [0x1f, 0x8c, 8], [0x1e, 0x8b], Array("garbage".utf8)])
  func refusesGarbageAfterAMember(garbage: [UInt8]) throws {
    let member = try gzip(noise(100))
    let (delivered, error) = GzipReader(member + garbage).readAll()
    #expect(delivered == noise(100))
    #expect(error as? GzipError == .trailingGarbage(offset: member.count))
  }

  @Test func refusesOtherMethods() {
    var bytes = HandMadeMember([1]).bytes
    bytes[2] = 7
    #expect(error(bytes) == .unknownMethod(found: 7, offset: 2))
    #expect(error(bytes)?.description == "byte 2: found gzip compression method 7, expected 8")
  }

  @Test(arguments: [0x20, 0x40, 0x80] as [UInt8])
  func refusesReservedFlags(flag: UInt8) {
    var bytes = HandMadeMember([1]).bytes
    bytes[3] = flag
    #expect(error(bytes) == .reservedFlags(found: flag, offset: 3))
  }

  @Test(arguments: [1, 0x8000] as [UInt16])
  func refusesAHeaderUnlikeItsChecksum(difference: UInt16) {
    var member = HandMadeMember([1])
    member.flags = 2
    let header = member.header
    let expected = UInt16(header[10]) | UInt16(header[11]) << 8
    member.headerChecksumError = difference
    #expect(
      error(member.bytes)
        == .headerChecksumMismatch(found: expected, expected: expected ^ difference, offset: 10))
  }

  // MARK: Data

  @Test func refusesBadDeflateData() {
    var member = HandMadeMember(noise(10), stored: true)
    member.data[2] ^= 1
    #expect(
      error(member.bytes)
        == .badDeflateData(reason: "invalid stored block lengths", offset: 15))
  }

  @Test(arguments: [true, false], [1, 99, 1000, 1 << 16])
  func withholdsTheLastBytesOfADamagedMember(stored: Bool, bufferSize: Int) {
    let plain = pattern(1000)
    let good = HandMadeMember(plain, stored: stored)
    let trailer = good.header.count + good.data.count
    let checksum = UInt32(crc32(0, plain, uInt(plain.count)))

    var checksumOff = good
    checksumOff.checksumError = 1
    var lengthOff = good
    lengthOff.lengthError = 1
    let expected: [(HandMadeMember, GzipError)] = [
      (
        checksumOff,
        .checksumMismatch(found: checksum, expected: checksum ^ 1, offset: trailer)
      ),
      (lengthOff, .lengthMismatch(found: 1000, expected: 1001, offset: trailer + 4)),
    ]
    for (member, fault) in expected {
      for pieceSize in [1, 50, .max] {
        let reader = GzipReader(member.bytes, pieceSize: pieceSize)
        let (delivered, error) = reader.readAll(bufferSize: bufferSize)
        #expect(error as? GzipError == fault)
        #expect(delivered.count < plain.count)
        #expect(delivered == Array(plain.prefix(delivered.count)))
      }
    }
  }

  @Test func damagedMemberDoesNotTakeTheOneBeforeAlong() {
    var second = HandMadeMember(noise(1000))
    second.checksumError = 1
    let (delivered, error) = GzipReader(HandMadeMember(pattern(1000)).bytes + second.bytes)
      .readAll()
    #expect(delivered == pattern(1000))
    #expect(error is GzipError)
  }

  @Test func wrongTrailerAfterAnEmptyLastBlockIsFoundByTheNextRead() throws {
    var bytes = deflated(
      [(pattern(100), Z_SYNC_FLUSH), ([], Z_FINISH)], windowBits: MAX_WBITS + 16)
    bytes[bytes.count - 1] ^= 0x80
    // Cut where a peer would have waited for an answer.
    let flushed = deflated([(pattern(100), Z_SYNC_FLUSH)], windowBits: MAX_WBITS + 16)
    let rest = Source(Array(bytes.dropFirst(flushed.count)))
    let reader = GzipReader(reading: rest.give, prefix: flushed)
    #expect(try reader.read(200) == pattern(100))
    #expect(
      throws: GzipError.lengthMismatch(
        found: 100, expected: 0x8000_0064, offset: bytes.count - 4)
    ) { try reader.read(200) }
  }

  @Test func anErrorIsFinal() {
    var member = HandMadeMember(noise(10))
    member.checksumError = 1
    let reader = GzipReader(member.bytes + HandMadeMember(noise(10)).bytes)
    let first = #expect(throws: GzipError.self) { try reader.read(10) }
    let second = #expect(throws: GzipError.self) { try reader.read(10) }
    #expect(first == second)
  }

  @Test func theSourcesErrorIsPassedOn() throws {
    let half = try Array(gzip(noise(100), level: 0).prefix(50))
    let reader = GzipReader(reading: Source(half, endsByError: true).give)
    #expect(throws: Source.AskedForMore.self) { while try !reader.read(10).isEmpty {} }
  }

  // MARK: Every truncation, every bit

  @Test(arguments: [1, 16, 1 << 16])
  func everyTruncationIsRefusedOrLeavesWholeMembers(bufferSize: Int) throws {
    var named = HandMadeMember(pattern(40))
    named.flags = 2 | 4 | 8 | 16
    named.fields = [1, 0, 9] + Array("name".utf8) + [0] + Array("comment".utf8) + [0]
    let members = try [
      (named.bytes, named.plain), (gzip([]), []), (gzip(noise(50), level: 0), noise(50)),
      (gzip(pattern(60)), pattern(60)),
    ]
    let bytes = members.flatMap { $0.0 }
    let plain = members.flatMap { $0.1 }
    var whole: [Int: Int] = [0: 0]
    for count in 1...members.count {
      whole[members[..<count].reduce(0) { $0 + $1.0.count }] =
        members[..<count].reduce(0) { $0 + $1.1.count }
    }
    for end in 0...bytes.count {
      let reader = GzipReader(Array(bytes.prefix(end)))
      let (delivered, error) = reader.readAll(bufferSize: bufferSize)
      #expect(delivered == Array(plain.prefix(delivered.count)), "cut at \(end)")
      if let count = whole[end] {
        #expect(delivered.count == count && error == nil, "cut at \(end)")
      } else {
        #expect(error as? GzipError == .truncated(offset: end), "cut at \(end)")
      }
    }
  }

  /// The bits whose change is not refused are those that RFC 1951 and 1952 give no meaning for the
  /// data.
  @Test func everyFlippedBitIsRefusedOrHarmless() {
    var first = HandMadeMember(Array("reading".utf8))
    first.flags = 4 | 8 | 16
    first.fields = [2, 0, 0x41, 0x70] + Array("name".utf8) + [0] + Array("text".utf8) + [0]
    var second = HandMadeMember(Array("written".utf8), stored: true)
    second.flags = 2
    let bytes = first.bytes + second.bytes
    let plain = first.plain + second.plain

    var harmless: Set<Int> = [3 * 8]  // FTEXT
    for byte in 4..<10 { harmless.formUnion(byte * 8..<byte * 8 + 8) }  // MTIME, XFL, OS
    // The extra field's length, where that only moves the border between it and the name.
    harmless.formUnion(10 * 8..<10 * 8 + 3)
    for byte in [12, 13] { harmless.formUnion(byte * 8..<byte * 8 + 8) }  // extra field
    for byte in 14..<18 { harmless.formUnion(byte * 8..<byte * 8 + 8) }  // name
    for byte in 19..<23 { harmless.formUnion(byte * 8..<byte * 8 + 8) }  // comment
    // Fixed codes of 3 + 7 · 8 + 7 bits end after two bits of a byte; the rest is padding.
    let lastOfFirst = first.header.count + first.data.count - 1
    harmless.formUnion(lastOfFirst * 8 + 2..<lastOfFirst * 8 + 8)
    // A stored block's three bits are padded to a byte.
    let storedBlock = first.bytes.count + second.header.count
    harmless.formUnion(storedBlock * 8 + 3..<storedBlock * 8 + 8)

    var accepted: Set<Int> = []
    for bit in 0..<bytes.count * 8 {
      var flipped = bytes
      flipped[bit / 8] ^= 1 << UInt8(bit % 8)
      let (delivered, error) = GzipReader(flipped).readAll()
      if error == nil {
        accepted.insert(bit)
        #expect(delivered == plain, "bit \(bit)")
      } else {
        // A member is handed over whole or not at all.
        #expect([[], first.plain].contains(delivered), "bit \(bit)")
        #expect(error is GzipError, "bit \(bit)")
      }
    }
    #expect(accepted.sorted() == harmless.sorted())
  }

  // MARK: Messages

  @Test func messagesSayFoundAndExpected() {
    let messages: [(GzipError, String)] = [
      (
        .notGzip(found: 0x50, expected: 0x1f, offset: 0),
        "byte 0: not gzip: found 0x50, expected 0x1f"
      ),
      (
        .headerChecksumMismatch(found: 0xab, expected: 0xcd01, offset: 10),
        "byte 10: found gzip header with checksum 0x00ab, expected 0xcd01"
      ),
      (
        .checksumMismatch(found: 0x3524_41c2, expected: 1, offset: 18),
        "byte 18: found gzip member with checksum 0x352441c2, expected 0x00000001"
      ),
      (
        .truncated(offset: 7),
        "byte 7: found end of input inside a gzip member, expected the rest of it"
      ),
      (
        .ceiling(limit: 600),
        "found more than 600 decompressed bytes, expected at most that many"
      ),
    ]
    for (error, message) in messages { #expect(error.description == message) }
  }
}
