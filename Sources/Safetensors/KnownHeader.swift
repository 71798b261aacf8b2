/// A header that was parsed, taken apart so that the next one, if it says the same but for some values
/// of the metadata, need only be compared with it.
struct KnownHeader {
  /// One of the metadata: the header's bytes before the value, and the value's with its quotes.
  private struct Pair {
    let key: String
    let before: [UInt8]
    var value: [UInt8]
  }

  private var pairs: [Pair] = []
  /// Everything from behind the last value to the last `}`: the tensors' entries.
  private let rest: [UInt8]
  private var header: Header

  /// Nil for a header that does not begin with its metadata as writers put them.
  ///
  /// - Parameter bytes: What `header` was parsed from.
  init?(_ header: Header, in bytes: UnsafeRawBufferPointer) {
    let opening = #"{"\#(Header.metadataKey)":"#.utf8
    guard bytes.starts(with: opening) else { return nil }
    var end = 0
    var found: [Pair] = []
    var scanner = JSONScanner(bytes, at: opening.count)
    let isRead: Void? = try? scanner.readObject { scanner, key, _ in
      _ = scanner.peek()
      let start = scanner.position
      _ = try scanner.readString()
      found.append(
        Pair(
          key: key, before: Array(bytes[end..<start]), value: Array(bytes[start..<scanner.position])
        ))
      end = scanner.position
    }
    guard isRead != nil else { return nil }
    pairs = found
    let padding = bytes.reversed().prefix { $0 == UInt8(ascii: " ") }.count
    rest = Array(bytes[end..<bytes.count - padding])
    self.header = header
  }

  /// The header that these bytes are; nil when they have to be parsed as any other.
  ///
  /// All that is not compared with a header that was found sound is the text of single values, which
  /// the scanner reads.
  ///
  /// - Throws: `SafetensorsError` for a value that is no valid string, and for what stands behind the header.
  mutating func header(parsing bytes: UnsafeRawBufferPointer) throws -> Header? {
    var position = 0
    for index in pairs.indices {
      guard bytes.holds(pairs[index].before, at: position) else { return nil }
      position += pairs[index].before.count
      if bytes.holds(pairs[index].value, at: position) {
        position += pairs[index].value.count
        continue
      }
      guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { return nil }
      var scanner = JSONScanner(bytes, at: position)
      header.metadata[pairs[index].key] = try scanner.readString()
      pairs[index].value = Array(bytes[position..<scanner.position])
      position = scanner.position
    }
    guard bytes.holds(rest, at: position) else { return nil }
    var scanner = JSONScanner(bytes, at: position + rest.count)
    try scanner.readPadding()
    return header
  }
}
