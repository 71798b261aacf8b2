extension Input {
  /// Consumes a member's header, of which at least a byte is in hand.
  ///
  /// Name, comment, extra field, time and system are skipped: nothing that we do depends on them.
  func skipMemberHeader(isFirst: Bool) throws {
    if try hasShortHeader() {
      consume(Member.shortHeaderByteCount)
      return
    }
    let start = offset
    var digest = Digest()

    func next() throws -> UInt8 {
      let byte = try self.byte()
      withUnsafeBytes(of: byte) { digest.add($0) }
      return byte
    }
    func expectMagic(_ expected: UInt8) throws {
      let found = try next()
      if found == expected { return }
      throw isFirst
        ? GzipError.notGzip(found: found, expected: expected, offset: offset - 1)
        : GzipError.trailingGarbage(offset: start)
    }

    try expectMagic(Member.magic.0)
    try expectMagic(Member.magic.1)
    let method = try next()
    if method != Member.deflate {
      throw GzipError.unknownMethod(found: method, offset: offset - 1)
    }
    let flags = try next()
    if flags & Member.Flags.reserved != 0 {
      throw GzipError.reservedFlags(found: flags, offset: offset - 1)
    }
    let timeExtraFlagsAndSystem = 6
    for _ in 0..<timeExtraFlagsAndSystem { _ = try next() }
    if flags & Member.Flags.extra != 0 {
      let length = try Int(next()) | Int(next()) << 8
      for _ in 0..<length { _ = try next() }
    }
    if flags & Member.Flags.name != 0 { while try next() != 0 {} }
    if flags & Member.Flags.comment != 0 { while try next() != 0 {} }
    if flags & Member.Flags.headerChecksum != 0 {
      let expected = try number(UInt16.self)
      let found = UInt16(truncatingIfNeeded: digest.checksum)
      if found != expected {
        throw GzipError.headerChecksumMismatch(found: found, expected: expected, offset: offset - 2)
      }
    }
  }

  /// Whether a header without optional fields begins the bytes in hand. No member is shorter than
  /// what this waits for.
  private func hasShortHeader() throws -> Bool {
    guard bytes.first == Member.magic.0, try gather(Member.minimumByteCount, Self.beginning)
    else { return false }
    let shortHeader: (UInt8, UInt8, UInt8, UInt8) = (
      Member.magic.0, Member.magic.1, Member.deflate, 0
    )
    return (bytes[0], bytes[1], bytes[2], bytes[3]) == shortHeader
  }
}
