import CZlib
import Testing

@testable import Gzip

/// How far the reader goes: cuts, members, and waiting for no byte that it can do without.
struct GzipReaderTests {
  /// Members of every sort that a stream may hold, and their bytes.
  static let mixed: (bytes: [UInt8], plain: [UInt8]) = {
    var named = HandMadeMember(pattern(3000))
    named.flags = 8
    named.fields = Array("weights".utf8) + [0]
    let empty = HandMadeMember([])
    let stored = HandMadeMember(noise(70_000), stored: true)
    let one = HandMadeMember([7])
    let members = [empty, named, empty, empty, stored, one, empty]
    return (members.flatMap { $0.bytes }, members.flatMap { $0.plain })
  }()

  @Test(arguments: [1, 2, 19, 4096, .max], [1, 7, 1000, 1 << 17])
  func everyCutGivesTheSameBytes(pieceSize: Int, bufferSize: Int) {
    let reader = GzipReader(Self.mixed.bytes, pieceSize: pieceSize)
    let (delivered, error) = reader.readAll(bufferSize: bufferSize)
    #expect(delivered == Self.mixed.plain)
    #expect(error == nil)
  }

  @Test func noInputIsACleanEnd() throws {
    let reader = GzipReader([])
    #expect(try reader.read(10) == [])
    #expect(try reader.read(10) == [])
  }

  @Test(arguments: [0, 1, 2, 6, 30, 3000])
  func prefixIsReadBeforeTheSource(count: Int) throws {
    let bytes = try gzip(noise(2000), level: 0)
    let prefix = Array(bytes.prefix(count))
    let source = Source(Array(bytes.dropFirst(count)))
    let reader = GzipReader(reading: source.give, prefix: prefix)
    let (delivered, error) = reader.readAll()
    #expect(delivered == noise(2000))
    #expect(error == nil)
  }

  @Test func prefixLargerThanTheInputMemoryIsRead() throws {
    let bytes = try gzip(noise(300_000), level: 0)
    let reader = GzipReader(reading: Source([]).give, prefix: bytes)
    #expect(reader.readAll().delivered == noise(300_000))
  }

  // MARK: Members

  @Test(arguments: 0..<32 as Range<UInt8>)
  func everyHeaderFieldIsAccepted(flags: UInt8) {
    var member = HandMadeMember(pattern(500))
    member.flags = flags
    if flags & 4 != 0 { member.fields += [5, 0, 0x41, 0x70, 1, 0, 0] }
    if flags & 8 != 0 { member.fields += Array("a name".utf8) + [0] }
    if flags & 16 != 0 { member.fields += Array("a comment".utf8) + [0] }
    for pieceSize in [1, .max] {
      let (delivered, error) = GzipReader(member.bytes, pieceSize: pieceSize).readAll()
      #expect(delivered == pattern(500))
      #expect(error == nil)
    }
  }

  @Test func longestExtraFieldIsAccepted() {
    var member = HandMadeMember([1, 2, 3])
    member.flags = 4
    member.fields = [0xff, 0xff] + noise(65_535)
    #expect(GzipReader(member.bytes).readAll().delivered == [1, 2, 3])
  }

  @Test func documentsInsideOneMemberAreReadBySize() throws {
    let reader = try GzipReader(gzip(noise(300), level: 6))
    #expect(try reader.read(100) == Array(noise(300)[..<100]))
    #expect(try reader.read(200) == Array(noise(300)[100...]))
    #expect(try reader.read(1) == [])
  }

  // MARK: Waiting

  /// Members whose last bytes must be delivered without another call of the source.
  static let endings: [[UInt8]] = [
    HandMadeMember(noise(5000), stored: true).bytes,
    HandMadeMember(pattern(5000)).bytes,
    HandMadeMember(noise(1)).bytes,
    // The last block is empty.
    deflated([(noise(5000), Z_SYNC_FLUSH), ([], Z_FINISH)], windowBits: MAX_WBITS + 16),
  ]

  @Test(arguments: endings.indices, [1, 3, 100, 5000, 1 << 16])
  func nothingIsAskedForAfterAWholeMember(ending: Int, bufferSize: Int) throws {
    let bytes = Self.endings[ending]
    let plain = try #require(gunzippedByZlib(bytes))
    for pieceSize in [1, 1000, .max] {
      let source = Source(bytes, pieceSize: pieceSize, endsByError: true)
      let reader = GzipReader(reading: source.give)
      var delivered: [UInt8] = []
      while delivered.count < plain.count {
        delivered += try reader.read(min(bufferSize, plain.count - delivered.count))
      }
      #expect(delivered == plain)
      #expect(throws: Source.AskedForMore.self) { try reader.read(1) }
    }
  }

  @Test(arguments: [Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_PARTIAL_FLUSH], [0, 1, 6] as [Int32])
  func flushedBytesAreHandedOverInsideAMember(flush: Int32, level: Int32) throws {
    let plain = pattern(20_000)
    let bytes = deflated([(plain, flush)], windowBits: MAX_WBITS + 16, level: level)
    for (pieceSize, bufferSize) in [(1, 1), (.max, 20_000), (.max, 1 << 16), (100, 1 << 16)] {
      let source = Source(bytes, pieceSize: pieceSize, endsByError: true)
      let reader = GzipReader(reading: source.give)
      var delivered: [UInt8] = []
      while delivered.count < plain.count { delivered += try reader.read(bufferSize) }
      #expect(delivered == plain)
      #expect(throws: Source.AskedForMore.self) { try reader.read(1) }
    }
  }

  /// A peer that answers document by document, all in one member.
  @Test func flushedDocumentsAreHandedOverOneByOne() throws {
    let documents = [noise(700), pattern(30_000), [1], noise(65_536)]
    let parts = documents.map { (bytes: $0, flush: Z_SYNC_FLUSH) } + [([], Z_FINISH)]
    var written = 0
    var pieces: [[UInt8]] = []
    for count in 1...parts.count {
      let bytes = deflated(Array(parts[..<count]), windowBits: MAX_WBITS + 16)
      pieces.append(Array(bytes[written...]))
      written = bytes.count
    }
    var allowed = 0
    var given = 0
    let reader = GzipReader { buffer in
      if given == pieces.count { return 0 }
      guard given < allowed else { throw Source.AskedForMore() }
      buffer.copyBytes(from: pieces[given])
      given += 1
      return pieces[given - 1].count
    }
    for document in documents {
      allowed += 1
      var delivered: [UInt8] = []
      while delivered.count < document.count {
        delivered += try reader.read(document.count - delivered.count)
      }
      #expect(delivered == document)
    }
    allowed += 1
    #expect(try reader.read(1) == [])
  }

  // MARK: Allowance

  @Test func allowanceIsAllThatIsDelivered() throws {
    let reader = try GzipReader(gzip(noise(1000)))
    reader.allowance = 600
    #expect(try reader.read(500).count == 500)
    #expect(reader.allowance == 100)
    #expect(try reader.read(500) == Array(noise(1000)[500..<600]))
    #expect(reader.allowance == 0)
    #expect(throws: GzipError.ceiling(limit: 600)) { try reader.read(1) }
  }

  @Test func allowanceIsSetAnewPerDocument() throws {
    let reader = try GzipReader(gzip(noise(100), level: 0) + gzip(pattern(100), level: 6))
    for expected in [noise(100), pattern(100)] {
      reader.allowance = 100
      #expect(try reader.read(1000) == expected)
    }
  }

  @Test(arguments: [0, 6])
  func exactAllowanceSufficesToFindTheEnd(level: Int) throws {
    let reader = try GzipReader(gzip(noise(1000), level: level) + gzip([]))
    reader.allowance = 1000
    #expect(try reader.read(1000).count == 1000)
    #expect(try reader.read(1) == [])
  }

  @Test func bombStopsAtTheAllowance() throws {
    let reader = try GzipReader(gzip([UInt8](repeating: 0, count: 10_000_000), level: 9))
    reader.allowance = 1_000_000
    let (delivered, error) = reader.readAll()
    #expect(delivered.count == 1_000_000)
    #expect(error as? GzipError == .ceiling(limit: 1_000_000))
  }
}
