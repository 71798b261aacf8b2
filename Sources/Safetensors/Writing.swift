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
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { json($0.key) + ":" + json($0.value) }
      members.append(json(Header.metadataKey) + ":{" + pairs.joined(separator: ",") + "}")
    }
    var offset = 0
    for (name, tensor) in entries {
      precondition(name != Header.metadataKey, "a tensor named \(name)")
      let end = offset + tensor.withUnsafeBytes { $0.count }
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      members.append(
        "\(json(name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var text = Array(("{" + members.joined(separator: ",") + "}").utf8)
    text += repeatElement(UInt8(ascii: " "), count: -text.count & 7)
    precondition(text.count <= Header.maximumByteCount, "a header of \(text.count) bytes")
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }
}

/// A JSON string, escaped as the reference library's writer (serde_json) does: only what must be.
private func json(_ string: String) -> String {
  var result = "\""
  for scalar in string.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\u{8}": result += "\\b"
    case "\u{c}": result += "\\f"
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    case "\0"..<" ":
      result += (scalar.value < 16 ? "\\u000" : "\\u00") + String(scalar.value, radix: 16)
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
