import CZlib

/// What reader and writer agree on about a member. Source: RFC 1952.
enum Member {
  static let magic: (UInt8, UInt8) = (0x1f, 0x8b)
  static let deflate: UInt8 = 8
  static let unknownSystem: UInt8 = 255

  /// The bits of a member's flag byte; the missing one says that the bytes are text, which changes
  /// nothing.
  enum Flags {
    static let headerChecksum: UInt8 = 2
    static let extra: UInt8 = 4
    static let name: UInt8 = 8
    static let comment: UInt8 = 16
    static let reserved: UInt8 = 0xe0
  }

  /// The most bytes that one stored block of deflate holds (RFC 1951, 3.2.4).
  static let storedBlockLimit = 0xffff
  static let storedBlockHeaderByteCount = 5
  static let trailerByteCount = 8
}

/// What a member's trailer says about its decompressed bytes.
struct Digest: Equatable {
  /// CRC-32 (RFC 1952, section 8).
  private(set) var checksum: UInt32 = 0
  /// The number of bytes modulo 2³².
  private(set) var length: UInt32 = 0

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    // zlib takes a null pointer for a question: what is the checksum of nothing?
    guard let start = bytes.baseAddress else { return }
    let next = crc32_z(
      uLong(checksum), start.assumingMemoryBound(to: UInt8.self), z_size_t(bytes.count))
    checksum = UInt32(truncatingIfNeeded: next)
    length &+= UInt32(truncatingIfNeeded: bytes.count)
  }
}
