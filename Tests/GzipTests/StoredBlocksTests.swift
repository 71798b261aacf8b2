import CZlib
import Testing

@testable import Gzip

/// Stored blocks are read without zlib, and without a copy on the way.
struct StoredBlocksTests {
  /// A member of stored blocks and, behind them, compressed ones that refer back to them.
  static let mixed: (bytes: [UInt8], plain: [UInt8]) = {
    let plain = noise(20_000) + noise(20_000) + noise(60_000) + pattern(5000)
    return (deflated([(plain, Z_FINISH)], windowBits: MAX_WBITS + 16), plain)
  }()

  @Test(arguments: [1, 7, 1000, 65_536, .max], [1, 3000, 16_384, 1 << 17])
  func compressedBlocksReferBackToStoredOnes(pieceSize: Int, bufferSize: Int) throws {
    try #require(Self.mixed.bytes[10] >> 1 & 3 == 0, "the first block is not stored")
    try #require(Self.mixed.bytes.count < 90_000, "nothing was found again")
    let reader = GzipReader(Self.mixed.bytes, pieceSize: pieceSize)
    let (delivered, error) = reader.readAll(bufferSize: bufferSize)
    #expect(error == nil)
    #expect(delivered == Self.mixed.plain)
  }

  /// All that a block can refer to is kept, however it was handed over.
  @Test(arguments: [10, 999, 4096, 32_768, 40_000, 100_000])
  func historyHoldsTheLast32KiB(step: Int) {
    let bytes = noise(200_000)
    var history = History()
    for start in stride(from: 0, to: bytes.count, by: step) {
      let part = Array(bytes[start..<min(start + step, bytes.count)])
      part.withUnsafeBytes { history.append($0) }
      let end = start + part.count
      let kept = history.withBytes { Array($0) }
      #expect(kept == Array(bytes[max(0, end - 32_768)..<end]))
    }
    history.clear()
    #expect(history.withBytes { $0.isEmpty })
  }

  @Test(arguments: [0, 1, 9, 10, 14, 15, 65_549, 65_550, 65_554, 65_555, 131_089, 200_000, 200_037])
  func everyCutOfALargeDocumentIsFound(end: Int) throws {
    let plain = noise(200_000)
    let bytes = try gzip(plain, level: 0)
    try #require(bytes.count == 200_038)
    for (pieceSize, bufferSize) in [(Int.max, 1 << 18), (50_000, 1 << 18), (.max, 7000), (1, 1)] {
      let reader = GzipReader(Array(bytes.prefix(end)), pieceSize: pieceSize)
      let (delivered, error) = reader.readAll(bufferSize: bufferSize)
      #expect(error as? GzipError == (end == 0 ? nil : .truncated(offset: end)))
      #expect(delivered == Array(plain.prefix(delivered.count)))
    }
  }

  @Test func whatIsLargeIsLaidWhereItBelongs() throws {
    let plain = noise(200_000)
    let source = Source(try gzip(plain, level: 0))
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 200_000, alignment: 64)
    defer { buffer.deallocate() }
    var laid = 0
    let reader = GzipReader(
      scattering: { first, second in
        let count = try source.give(first)
        if count < first.count || second.isEmpty { return count }
        let start = try #require(first.baseAddress)
        let memory = try #require(buffer.baseAddress)
        #expect(start >= memory && start + first.count <= memory + buffer.count)
        laid += count
        return try count + source.give(second)
      })
    var filled = 0
    while filled < 200_000 {
      filled += try reader.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
    }
    #expect(Array(buffer) == plain)
    #expect(laid > 180_000)
    #expect(try reader.read(1) == [])
  }

  @Test func largePiecesAreGivenToTheSinkWithoutACopy() throws {
    var writer = GzipWriter(level: 0)
    try withParts([noise(100), noise(200_000)]) { parts in
      let memory = try #require(parts[1].baseAddress)
      var inPlace = 0
      try writer.write(parts) { buffers in
        for buffer in buffers {
          let start = try #require(buffer.baseAddress)
          if start >= memory && start < memory + parts[1].count { inPlace += buffer.count }
        }
      }
      #expect(inPlace > 190_000)
    }
  }
}
