import Tensors

extension Document {
  /// The document's first bytes: the header's length in 8 bytes, then the header, padded with spaces
  /// to a multiple of 8.
  ///
  /// With at most one metadata key these are the reference library's bytes; it writes several keys in
  /// random order, this in the order of their UTF-8 bytes.
  public func header() -> [UInt8] {
    var writer = DocumentWriter()
    return writer.header(of: self).bytes
  }

  /// Calls `body` with the document's bytes in parts, the header and then each tensor's data, which are
  /// valid until it returns.
  public func withEncoded<R>(_ body: ([UnsafeRawBufferPointer]) throws -> R) rethrows -> R {
    var writer = DocumentWriter()
    return try writer.withEncoded(self, body)
  }

  /// The document's bytes in one piece, for small documents.
  public func encoded() -> [UInt8] {
    withEncoded { parts in parts.reduce(into: []) { $0 += $1 } }
  }
}

/// Writes documents one after the other. What one has in common with the one before it, as those of a
/// stream do, is not ordered and encoded again.
public struct DocumentWriter {
  private struct Pair {
    let key: String
    var value: String
    /// `"key":"value"`
    var encoded: [UInt8]

    init(_ key: String, _ value: String) {
      (self.key, self.value) = (key, value)
      encoded = []
      encode()
    }

    mutating func encode() {
      encoded.removeAll(keepingCapacity: true)
      encoded.appendJSON(key)
      encoded.append(UInt8(ascii: ":"))
      encoded.appendJSON(value)
    }
  }

  private struct Entry {
    let name: String
    let dtype: DType
    let shape: Shape
  }

  /// The metadata in the order of the file.
  private var pairs: [Pair] = []
  /// The tensors in the order of the file.
  private var entries: [Entry] = []
  /// What the header says of them.
  private var encodedEntries: [UInt8] = []

  public init() {}

  /// Calls `body` with the document's bytes in parts, as `Document.withEncoded` does.
  public mutating func withEncoded<R>(
    _ document: Document, _ body: ([UnsafeRawBufferPointer]) throws -> R
  ) rethrows -> R {
    let (header, tensors) = header(of: document)
    // A storage does not move while it is owned, and the tensors own theirs to the end.
    return try withExtendedLifetime(tensors) {
      try header.withUnsafeBytes { header in
        try body([header] + tensors.map { $0.withUnsafeBytes { $0 } })
      }
    }
  }

  /// The document's first bytes, and its tensors in the order of the file.
  mutating func header(of document: Document) -> (bytes: [UInt8], tensors: [Tensor]) {
    let tensors = knownOrder(of: document.tensors) ?? newOrder(of: document.tensors)
    updatePairs(document.metadata)
    // Eight bytes for the length, which is known at the end.
    var bytes = [UInt8](repeating: 0, count: 8)
    bytes.reserveCapacity(
      64 + encodedEntries.count + pairs.reduce(0) { $0 + $1.encoded.count + 1 })
    bytes += "{".utf8
    if !pairs.isEmpty {
      bytes.appendJSON(Header.metadataKey)
      bytes += ":{".utf8
      for (index, pair) in pairs.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes += pair.encoded
      }
      bytes += "}".utf8
      if !entries.isEmpty { bytes.append(UInt8(ascii: ",")) }
    }
    bytes += encodedEntries
    bytes += "}".utf8
    bytes += repeatElement(UInt8(ascii: " "), count: -bytes.count & 7)
    let length = bytes.count - 8
    precondition(length <= Header.maximumByteCount, "a header of \(length) bytes")
    withUnsafeBytes(of: UInt64(length).littleEndian) { bytes.replaceSubrange(0..<8, with: $0) }
    return (bytes, tensors)
  }

  /// The tensors in the order of the document before, if they are the same but for their values.
  private func knownOrder(of tensors: [String: Tensor]) -> [Tensor]? {
    guard tensors.count == entries.count else { return nil }
    var result: [Tensor] = []
    result.reserveCapacity(entries.count)
    for entry in entries {
      // To a dictionary names are equal that are composed of other characters.
      guard let index = tensors.index(forKey: entry.name),
        case let (name, tensor) = tensors[index], name.hasBytes(of: entry.name),
        tensor.dtype == entry.dtype, tensor.shape == entry.shape
      else { return nil }
      result.append(tensor)
    }
    return result
  }

  /// The tensors by dtype, the widest first, then by name; notes them and encodes what the header says.
  private mutating func newOrder(of tensors: [String: Tensor]) -> [Tensor] {
    let sorted = tensors.sorted { a, b in
      if a.value.dtype != b.value.dtype { return a.value.dtype > b.value.dtype }
      return a.key.utf8.lexicographicallyPrecedes(b.key.utf8)
    }
    entries = sorted.map { Entry(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape) }
    encodedEntries = []
    var offset = 0
    for (index, (name, tensor)) in sorted.enumerated() {
      precondition(name != Header.metadataKey, "a tensor named \(name)")
      let end = offset + tensor.withUnsafeBytes { $0.count }
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      if index > 0 { encodedEntries += ",".utf8 }
      encodedEntries.appendJSON(name)
      encodedEntries += #":{"dtype":"\#(tensor.dtype.rawValue)","shape":[\#(shape)],"#.utf8
      encodedEntries += #""data_offsets":[\#(offset),\#(end)]}"#.utf8
      offset = end
    }
    return sorted.map(\.value)
  }

  /// Brings the pairs up to date: those whose value changed, or all.
  private mutating func updatePairs(_ metadata: [String: String]) {
    if metadata.count == pairs.count, updateKnownPairs(metadata) { return }
    pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { Pair($0.key, $0.value) }
  }

  /// False where a key is not among the metadata.
  private mutating func updateKnownPairs(_ metadata: [String: String]) -> Bool {
    for index in pairs.indices {
      guard let place = metadata.index(forKey: pairs[index].key),
        case let (key, value) = metadata[place], key.hasBytes(of: pairs[index].key)
      else { return false }
      if value.hasBytes(of: pairs[index].value) { continue }
      pairs[index].value = value
      pairs[index].encode()
    }
    return true
  }
}

extension [UInt8] {
  /// Appends a JSON string, escaped as the reference library's writer (serde_json) does: only what
  /// must be.
  fileprivate mutating func appendJSON(_ string: String) {
    append(UInt8(ascii: "\""))
    var string = string
    string.withUTF8 { utf8 in
      if utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") })
      {
        appendEscaped(utf8)
      } else {
        append(contentsOf: utf8)
      }
    }
    append(UInt8(ascii: "\""))
  }

  private mutating func appendEscaped(_ utf8: UnsafeBufferPointer<UInt8>) {
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "\""): self += #"\""#.utf8
      case UInt8(ascii: "\\"): self += #"\\"#.utf8
      case 0x08: self += #"\b"#.utf8
      case 0x09: self += #"\t"#.utf8
      case 0x0A: self += #"\n"#.utf8
      case 0x0C: self += #"\f"#.utf8
      case 0x0D: self += #"\r"#.utf8
      case 0..<0x10: self += "\\u000\(String(byte, radix: 16))".utf8
      case 0x10..<0x20: self += "\\u00\(String(byte, radix: 16))".utf8
      default: append(byte)
      }
    }
  }
}
