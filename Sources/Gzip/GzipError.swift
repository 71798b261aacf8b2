import Tensors

/// What can be wrong with a gzip stream; offsets count compressed bytes from the start of the
/// stream.
public enum GzipError: Fault, Equatable {
  /// The stream does not start as gzip does.
  case notGzip(found: UInt8, expected: UInt8, offset: Int)
  /// Something other than a member follows a complete member; `offset` is where it starts.
  case trailingGarbage(offset: Int)
  /// A member is compressed by another method than deflate.
  case unknownMethod(found: UInt8, offset: Int)
  /// A member's flags hold bits that RFC 1952 reserves.
  case reservedFlags(found: UInt8, offset: Int)
  /// A member's header differs from its own checksum.
  case headerChecksumMismatch(found: UInt16, expected: UInt16, offset: Int)
  /// The compressed data break a rule of RFC 1951; `reason` is zlib's.
  case badDeflateData(reason: String, offset: Int)
  /// The decompressed bytes of a member differ from the checksum in its trailer.
  case checksumMismatch(found: UInt32, expected: UInt32, offset: Int)
  /// A member has another number of bytes (modulo 2³²) than its trailer says.
  case lengthMismatch(found: UInt32, expected: UInt32, offset: Int)
  /// The input ends inside a member.
  case truncated(offset: Int)
  /// The stream goes on after as many decompressed bytes as the reader allowed.
  case ceiling(limit: Int)

  public var description: String {
    switch self {
    case .notGzip(let found, let expected, let offset):
      "byte \(offset): not gzip: found \(hex(found)), expected \(hex(expected))"
    case .trailingGarbage(let offset):
      "byte \(offset): found trailing garbage, expected another gzip member or the end"
    case .unknownMethod(let found, let offset):
      "byte \(offset): found gzip compression method \(found), expected 8"
    case .reservedFlags(let found, let offset):
      "byte \(offset): found gzip flags \(hex(found)), expected the reserved bits 0xe0 to be zero"
    case .headerChecksumMismatch(let found, let expected, let offset):
      "byte \(offset): found gzip header with checksum \(hex(found)), expected \(hex(expected))"
    case .badDeflateData(let reason, let offset):
      "byte \(offset): found bad compressed data (\(reason)), expected deflate"
    case .checksumMismatch(let found, let expected, let offset):
      "byte \(offset): found gzip member with checksum \(hex(found)), expected \(hex(expected))"
    case .lengthMismatch(let found, let expected, let offset):
      "byte \(offset): found gzip member of length \(found), expected \(expected)"
    case .truncated(let offset):
      "byte \(offset): found end of input inside a gzip member, expected the rest of it"
    case .ceiling(let limit):
      "found more than \(limit) decompressed bytes, expected at most that many"
    }
  }
}

private func hex<I: FixedWidthInteger & UnsignedInteger>(_ value: I) -> String {
  let digits = String(value, radix: 16)
  return "0x" + String(repeating: "0", count: I.bitWidth / 4 - digits.count) + digits
}
