import Foundation
import Testing

@testable import Gzip

struct GzipWriterTests {
  static let sizes = [0, 1, 65_279, 65_280, 65_281, 65_535, 65_536, 1_000_003]

  @Test func storedMemberIsAsPinned() throws {
    #expect(
      try gzip(Array("abc".utf8), level: 0) == [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff,  // header: no flags, time 0, unknown system
        1, 3, 0, 0xfc, 0xff,  // last block, stored, 3 bytes, and the complement of 3
        0x61, 0x62, 0x63,
        0xc2, 0x41, 0x24, 0x35, 3, 0, 0, 0,  // CRC-32 of "abc", and its length
      ])
  }

  @Test func storedMemberOfNothingHasOneEmptyBlock() throws {
    #expect(
      try gzip([], level: 0) == [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,
      ])
  }

  @Test(arguments: 1...9)
  func compressedMemberOfNothingIsBGZFsEndOfFile(level: Int) throws {
    // SAM/BAM specification, section 4.1.2.
    #expect(
      try gzip([], level: level) == [
        0x1f, 0x8b, 0x08, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x06, 0x00, 0x42, 0x43,
        0x02, 0x00, 0x1b, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      ])
  }

  @Test(arguments: sizes, [0, 1, 6])
  func whatIsWrittenIsReadBack(size: Int, level: Int) throws {
    for bytes in [pattern(size), noise(size)] {
      let written = try gzip(bytes, level: level)
      #expect(gunzippedByZlib(written) == bytes)
      let (delivered, error) = GzipReader(written).readAll()
      #expect(delivered == bytes)
      #expect(error == nil)
    }
  }

  @Test func storedBlocksAreFullAndOnlyTheLastIsMarked() throws {
    let written = try gzip(noise(2 * 65_535), level: 0)
    #expect(written.count == 10 + 2 * (5 + 65_535) + 8)
    #expect(Array(written[10..<15]) == [0, 0xff, 0xff, 0, 0])
    #expect(Array(written[10 + 65_540..<15 + 65_540]) == [1, 0xff, 0xff, 0, 0])
  }

  /// Members are found by the sizes in their headers alone, and each decompresses by itself.
  @Test func compressedMembersStateTheirSize() throws {
    // Noise in the middle: members that shrink and members that would grow.
    let bytes = pattern(150_000) + noise(150_000) + pattern(100_000)
    var rest = try gzip(bytes, level: 6)[...]
    var lengths: [Int] = []
    var joined: [UInt8] = []
    while !rest.isEmpty {
      let header = Array(rest.prefix(18))
      #expect(header.prefix(16) == [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0])
      let size = Int(header[16]) + Int(header[17]) << 8 + 1
      let plain = try #require(gunzippedByZlib(Array(rest.prefix(size))))
      lengths.append(plain.count)
      joined += plain
      rest = rest.dropFirst(size)
    }
    #expect(lengths == Array(repeating: 65_280, count: 6) + [8320])
    #expect(joined == bytes)
  }

  @Test(arguments: [1, 6, 9], [40_000, 65_280])
  func incompressibleBytesAreStoredInOneBlock(level: Int, count: Int) throws {
    let written = try gzip(noise(count), level: level)
    #expect(written.count == 18 + 5 + count + 8)
    let size = UInt16(written.count - 1).littleEndianBytes
    let length = UInt16(count).littleEndianBytes
    let expected: [UInt8] = size + [1] + length + length.map { ~$0 }
    #expect(Array(written[16..<23]) == expected)
    #expect(gunzippedByZlib(written) == noise(count))
  }

  @Test func higherLevelsWriteLess() throws {
    let sizes = try [0, 1, 6, 9].map { try gzip(pattern(200_000), level: $0).count }
    #expect(sizes == sizes.sorted(by: >) && Set(sizes).count == sizes.count, "\(sizes)")
  }

  @Test(arguments: [0, 1, 6])
  func cutIntoPartsDoesNotShow(level: Int) throws {
    let bytes = pattern(100_000) + noise(50_000)
    let parts = [
      [], Array(bytes[..<8]), Array(bytes[8..<9]), [], Array(bytes[9..<65_535]),
      Array(bytes[65_535..<140_000]), Array(bytes[140_000...]), [],
    ]
    var writer = GzipWriter(level: level)
    #expect(try Array(writer.pieces(of: parts).joined()) == gzip(bytes, level: level))
  }

  @Test(arguments: [0, 1, 6])
  func writerStartsAfreshAtEveryCall(level: Int) throws {
    struct Full: Error {}
    let bytes = pattern(200_000) + noise(100_000)
    let expected = try gzip(bytes, level: level)
    var writer = GzipWriter(level: level)
    #expect(throws: Full.self) {
      try withParts([noise(300_000)]) { try writer.write($0) { _ in throw Full() } }
    }
    #expect(try Array(writer.pieces(of: [bytes]).joined()) == expected)
    #expect(try Array(writer.pieces(of: [bytes]).joined()) == expected)
  }

  @Test(arguments: [0, 1, 6])
  func smallDocumentIsOneCallOfTheSink(level: Int) throws {
    var writer = GzipWriter(level: level)
    #expect(try writer.pieces(of: [noise(8), noise(100), noise(400)]).count == 1)
    #expect(try writer.pieces(of: []).count == 1)
  }

  @Test(arguments: [0, 6])
  func largeDocumentIsFewCallsOfTheSink(level: Int) throws {
    var writer = GzipWriter(level: level)
    let pieces = try writer.pieces(of: [noise(1 << 20)])
    // A stored document's pieces are not cut for the sink's sake: a block, and what stands around it.
    #expect(pieces.dropLast().allSatisfy { 65_280..<65_600 ~= $0.count })
    #expect(pieces.count == 17)
  }

  @Test(arguments: [0, 1, 6])
  func gzipTheProgramReadsIt(level: Int) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let bytes = pattern(100_000) + noise(100_000)
    let compressed = folder.appending(path: "document.gz")
    let plain = folder.appending(path: "document")
    try Data(gzip(bytes, level: level)).write(to: compressed)
    try Data().write(to: plain)

    let program = Process()
    program.executableURL = URL(filePath: "/usr/bin/env")
    program.arguments = ["gzip", "-dc"]
    program.standardInput = try FileHandle(forReadingFrom: compressed)
    program.standardOutput = try FileHandle(forWritingTo: plain)
    try program.run()
    program.waitUntilExit()
    #expect(program.terminationStatus == 0)
    #expect(try Array(Data(contentsOf: plain)) == bytes)
  }
}
