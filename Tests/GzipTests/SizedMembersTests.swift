import CZlib
import Testing

@testable import Gzip

/// Members that state their size are decompressed several at once; that must not show.
struct SizedMembersTests {
  /// Members that shrink, members that could not, and some without content.
  static let plain = pattern(400_000) + noise(200_000) + pattern(300_000)
  static let bytes: [UInt8] = {
    guard let written = try? gzip(plain) + gzip([]) + gzip(noise(10)) else { return [] }
    return written
  }()

  /// The same stream with sizes that no reader knows: the way without help from headers.
  static func hidden(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    for start in bytes.indices.dropLast(17)
    where Array(bytes[start..<start + 4]) == [31, 139, 8, 4] {
      if Array(bytes[start + 12..<start + 16]) == [0x42, 0x43, 2, 0] { bytes[start + 13] = 0x58 }
    }
    return bytes
  }

  private func read(
    _ bytes: [UInt8], threads: Int, pieceSize: Int = .max, bufferSize: Int = 1 << 20
  )
    -> (delivered: [UInt8], error: GzipError?)
  {
    let source = Source(bytes, pieceSize: pieceSize)
    let reader = GzipReader(reading: source.give, threads: threads)
    let (delivered, error) = reader.readAll(bufferSize: bufferSize)
    return (delivered, error as? GzipError)
  }

  @Test(arguments: [1, 2, 3, 7], [1000, 65_279, 65_280, 65_281, 200_000, 1 << 21])
  func everyNumberOfThreadsGivesTheSameBytes(threads: Int, bufferSize: Int) {
    for pieceSize in [100_000, .max] {
      let (delivered, error) = read(
        Self.bytes, threads: threads, pieceSize: pieceSize, bufferSize: bufferSize)
      #expect(error == nil)
      #expect(delivered == Self.plain + noise(10))
    }
  }

  @Test func hidingTheSizesChangesNothing() {
    let hidden = Self.hidden(Self.bytes)
    #expect(hidden != Self.bytes)
    #expect(read(hidden, threads: 2).delivered == Self.plain + noise(10))
  }

  @Test func truncationsAreFoundBehindTheWholeMembers() {
    for end in stride(from: 1, to: Self.bytes.count, by: 9973) {
      let cut = Array(Self.bytes.prefix(end))
      for threads in [1, 2] {
        let (delivered, error) = read(cut, threads: threads)
        #expect(error == .truncated(offset: end))
        #expect(delivered == Array(Self.plain.prefix(delivered.count)))
        #expect(delivered.count >= wholeContent(of: cut))
      }
    }
  }

  /// How many bytes the whole members hold.
  private func wholeContent(of bytes: [UInt8]) -> Int {
    var (offset, content) = (0, 0)
    while offset + 18 <= bytes.count {
      let next = offset + Int(bytes[offset + 16]) + Int(bytes[offset + 17]) << 8 + 1
      if next > bytes.count { break }
      for (place, byte) in bytes[next - 4..<next].enumerated() {
        content += Int(byte) << (8 * place)
      }
      offset = next
    }
    return content
  }

  /// A change anywhere in a member is refused for the same reason whether or not its size is known.
  @Test func flippedBytesAreRefusedAsWithoutSizes() throws {
    let members = try gzip(pattern(700)) + gzip(noise(300)) + gzip(pattern(65_280 * 6))
    let content = pattern(700) + noise(300) + pattern(65_280 * 6)
    // Every byte of the first members, and some of those that are decompressed together.
    let first = try gzip(pattern(700)).count + gzip(noise(300)).count + 40
    let offsets = Array(0..<first) + stride(from: first, to: members.count, by: 97)
    for offset in offsets {
      for bit in [0, 3, 7] as [UInt8] {
        var flipped = members
        flipped[offset] ^= 1 << bit
        let expected = read(Self.hidden(flipped), threads: 1)
        for threads in [1, 2] {
          let found = read(flipped, threads: threads)
          #expect(found.error == expected.error, "byte \(offset), bit \(bit)")
          if found.error == nil { #expect(found.delivered == content) }
          #expect(found.delivered == Array(content.prefix(found.delivered.count)))
        }
      }
    }
  }

  /// What the header says about the size helps, and is never believed.
  @Test(arguments: [-100, -1, 1, 100, 40_000])
  func wrongSizesDoNoHarm(difference: Int) throws {
    var member = try gzip(pattern(3000))
    let size = UInt16(truncatingIfNeeded: member.count - 1 + difference).littleEndianBytes
    member.replaceSubrange(16..<18, with: size)
    let (delivered, error) = try read(member + gzip(noise(100)), threads: 2)
    #expect(error == nil)
    #expect(delivered == pattern(3000) + noise(100))
  }

  @Test func moreContentThanSuchAMemberHasIsRead() {
    var member = HandMadeMember(pattern(100_000))
    member.flags = 4
    let byteCount = 10 + 8 + member.data.count + 8
    member.fields = [6, 0, 0x42, 0x43, 2, 0] + UInt16(byteCount - 1).littleEndianBytes
    let (delivered, error) = read(member.bytes, threads: 2)
    #expect(error == nil)
    #expect(delivered == pattern(100_000))
  }

  @Test(arguments: [1, 1000, 65_536, 1 << 18])
  func nothingIsAskedForBehindAMember(bufferSize: Int) throws {
    let bytes = try gzip(pattern(200_000))
    for pieceSize in [1, 5000, .max] {
      let source = Source(bytes, pieceSize: pieceSize, endsByError: true)
      let reader = GzipReader(reading: source.give, threads: 2)
      var delivered: [UInt8] = []
      while delivered.count < 200_000 {
        delivered += try reader.read(min(bufferSize, 200_000 - delivered.count))
      }
      #expect(delivered == pattern(200_000))
      #expect(throws: Source.AskedForMore.self) { try reader.read(1) }
    }
  }

  @Test func theAllowanceHoldsForMembersOfKnownSize() throws {
    let reader = GzipReader(reading: Source(Self.bytes).give, threads: 2)
    reader.allowance = 100_000
    let (delivered, error) = reader.readAll(bufferSize: 1 << 20)
    #expect(delivered == Array(Self.plain.prefix(100_000)))
    #expect(error as? GzipError == .ceiling(limit: 100_000))
  }
}

/// Members that state their size can be passed over; what comes behind them is the same as after reading them.
struct SkippingTests {
  @Test(arguments: [0, 1, 65_279, 65_280, 65_281, 300_000, 899_999, 900_000, 900_010])
  func whatIsBehindIsTheSame(_ count: Int) throws {
    for bytes in [
      SizedMembersTests.bytes, SizedMembersTests.hidden(SizedMembersTests.bytes),
      try gzip(SizedMembersTests.plain + noise(10), level: 0),
    ] {
      for pieceSize in [100_000, .max] {
        let reader = GzipReader(bytes, pieceSize: pieceSize)
        #expect(try reader.skip(count) == count)
        let (delivered, error) = reader.readAll()
        #expect(error == nil)
        #expect(delivered == Array((SizedMembersTests.plain + noise(10))[count...]))
      }
    }
  }

  @Test func severalSkipsAndReadsGoOnFromOneAnother() throws {
    let reader = GzipReader(SizedMembersTests.bytes)
    let plain = SizedMembersTests.plain
    #expect(try reader.read(100) == Array(plain[..<100]))
    #expect(try reader.skip(70_000) == 70_000)
    #expect(try reader.read(100) == Array(plain[70_100..<70_200]))
    #expect(try reader.skip(200_000) == 200_000)
    #expect(try reader.read(50) == Array(plain[270_200..<270_250]))
  }

  @Test func nothingIsBehindTheEnd() throws {
    let reader = GzipReader(SizedMembersTests.bytes)
    #expect(try reader.skip(2_000_000) == 900_010)
    #expect(try reader.read(10) == [])
    let cut = GzipReader(Array(SizedMembersTests.bytes.dropLast(3)))
    #expect(throws: GzipError.truncated(offset: SizedMembersTests.bytes.count - 3)) {
      try cut.skip(2_000_000)
    }
  }

  @Test func whatIsSkippedCountsAgainstTheAllowance() throws {
    let reader = GzipReader(SizedMembersTests.bytes)
    reader.allowance = 100_000
    #expect(try reader.skip(100_000) == 100_000)
    #expect(throws: GzipError.ceiling(limit: 100_000)) { try reader.skip(1) }
  }

  /// Whoever skips does not look: a member of which the data are not sound is found by whoever reads it.
  @Test func unsoundDataAreNotSeen() throws {
    var bytes = SizedMembersTests.bytes
    bytes[1000] ^= 0xff
    #expect(try GzipReader(bytes).skip(900_010) == 900_010)
    #expect(GzipReader(bytes).readAll().error != nil)
  }
}
