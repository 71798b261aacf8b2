import Tensors

extension Document {
  /// The document's first bytes: the header's length in 8 bytes, then the header, padded with spaces
  /// to a multiple of 8.
  ///
  /// With at most one metadata key these are the reference library's bytes; it writes several keys in
  /// random order, this in the order of their UTF-8 bytes.
  public func header() -> [UInt8] { header(of: entries()) }

  /// Calls `body` with the document's bytes in parts, the header and then each tensor's data, which are
  /// valid until it returns.
  public func withEncoded<R>(_ body: ([UnsafeRawBufferPointer]) throws -> R) rethrows -> R {
    let entries = entries()
    // A storage does not move while it is owned, and the entries own theirs to the end.
    let data = entries.map { entry in entry.tensor.withUnsafeBytes { $0 } }
    return try withExtendedLifetime(entries) {
      try header(of: entries).withUnsafeBytes { try body([$0] + data) }
    }
  }

  /// The document's bytes in one piece, for small documents.
  public func encoded() -> [UInt8] {
    withEncoded { parts in parts.reduce(into: []) { $0 += $1 } }
  }

  /// The tensors in the order of the file: by dtype, the widest first, then by name.
  private func entries() -> [(name: String, tensor: Tensor)] {
    tensors.sorted { a, b in
      if a.value.dtype != b.value.dtype { return a.value.dtype > b.value.dtype }
      return a.key.utf8.lexicographicallyPrecedes(b.key.utf8)
    }.map { (name: $0.key, tensor: $0.value) }
  }

  private func header(of entries: [(name: String, tensor: Tensor)]) -> [UInt8] {
    // Eight bytes for the length, which is known at the end.
    var bytes = [UInt8](repeating: 0, count: 8)
    bytes += "{".utf8
    if !metadata.isEmpty {
      bytes.appendJSON(Header.metadataKey)
      bytes += ":{".utf8
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      for (index, pair) in pairs.enumerated() {
        if index > 0 { bytes += ",".utf8 }
        bytes.appendJSON(pair.key)
        bytes += ":".utf8
        bytes.appendJSON(pair.value)
      }
      bytes += "}".utf8
    }
    var offset = 0
    for (index, (name, tensor)) in entries.enumerated() {
      precondition(name != Header.metadataKey, "a tensor named \(name)")
      let end = offset + tensor.withUnsafeBytes { $0.count }
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      if index > 0 || !metadata.isEmpty { bytes += ",".utf8 }
      bytes.appendJSON(name)
      bytes += #":{"dtype":"\#(tensor.dtype.rawValue)","shape":[\#(shape)],"#.utf8
      bytes += #""data_offsets":[\#(offset),\#(end)]}"#.utf8
      offset = end
    }
    bytes += "}".utf8
    bytes += repeatElement(UInt8(ascii: " "), count: -bytes.count & 7)
    let length = bytes.count - 8
    precondition(length <= Header.maximumByteCount, "a header of \(length) bytes")
    withUnsafeBytes(of: UInt64(length).littleEndian) { bytes.replaceSubrange(0..<8, with: $0) }
    return bytes
  }
}

extension [UInt8] {
  /// Appends a JSON string, escaped as the reference library's writer (serde_json) does: only what
  /// must be.
  fileprivate mutating func appendJSON(_ string: String) {
    append(UInt8(ascii: "\""))
    for byte in string.utf8 {
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
    append(UInt8(ascii: "\""))
  }
}
