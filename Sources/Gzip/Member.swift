import CISAL

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
  /// A header without name, comment and extra field.
  static let shortHeaderByteCount = 10
  static let trailerByteCount = 8
  /// A short header, two bytes for a block without data, and the trailer.
  static let minimumByteCount = shortHeaderByteCount + 2 + trailerByteCount
}

/// What a member's trailer says about its decompressed bytes.
struct Digest: Equatable {
  /// CRC-32 (RFC 1952, section 8).
  private(set) var checksum: UInt32 = 0
  /// The number of bytes modulo 2³².
  private(set) var length: UInt32 = 0

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    guard let start = bytes.baseAddress else { return }
    checksum = crc32_gzip_refl(
      checksum, start.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    length &+= UInt32(truncatingIfNeeded: bytes.count)
  }
}
