import Tensors

/// Which rule of the format a document breaks.
///
/// Offsets are bytes from the first byte of the header unless they are a tensor's data offsets, which
/// count from the first byte behind the header.
public enum SafetensorsError: Fault, Equatable {
  // The input's end.
  case truncatedLength(found: Int)
  case truncatedHeader(found: Int, expected: Int)
  case truncatedData(tensor: String, found: Int, expected: Int)

  // The header as text.
  case headerTooLong(UInt64)
  case emptyHeader
  case headerStart(found: String)
  case notUTF8(offset: Int)
  case loneSurrogate(offset: Int)
  case syntax(offset: Int, found: String, expected: String)
  case notCount(offset: Int, found: String)
  case countOverflow(offset: Int, found: String)
  case trailingBytes(offset: Int, found: String)

  // The metadata.
  case duplicateMetadata(offset: Int)
  case duplicateMetadataKey(String, offset: Int)
  case metadataNotObject(offset: Int, found: String)
  case metadataNotString(key: String, offset: Int, found: String)

  // One tensor.
  case duplicateTensor(String, offset: Int)
  case duplicateKey(tensor: String, key: String, offset: Int)
  case unknownKey(tensor: String, key: String, offset: Int)
  case missingKey(tensor: String, key: String)
  case unknownDType(tensor: String, found: String)
  case shapeOverflow(tensor: String, dtype: DType, shape: [Int])
  case partialByte(tensor: String, dtype: DType, shape: [Int])
  case offsetCount(tensor: String, found: Int)
  case reversedOffsets(tensor: String, begin: Int, end: Int)
  case byteCount(tensor: String, dtype: DType, shape: [Int], found: Int, expected: Int)

  // The tensors side by side.
  case hole(before: String, after: String?, found: Int, expected: Int)
  case overlap(String, with: String, found: Int, expected: Int)

  public var description: String {
    switch self {
    case .truncatedLength(let found):
      "input ended inside the header length: found \(found) of 8 bytes"
    case .truncatedHeader(let found, let expected):
      "input ended inside the header: found \(found) of \(expected) bytes"
    case .truncatedData(let tensor, let found, let expected):
      "input ended inside tensor \(quoted(tensor)): found \(found) of \(expected) bytes of data"
    case .headerTooLong(let found):
      "header length: found \(text(of: found) ?? "\(found) bytes"), expected at most "
        + "\(Header.maximumByteCount)"
    case .emptyHeader:
      "header length: found 0 bytes, expected a JSON object"
    case .headerStart(let found):
      "header byte 0: found \(found), expected '{'"
    case .notUTF8(let offset):
      "header byte \(offset): found bytes that are not UTF-8"
    case .loneSurrogate(let offset):
      "header byte \(offset): found half of a surrogate pair, expected both"
    case .syntax(let offset, let found, let expected):
      "header byte \(offset): found \(found), expected \(expected)"
    case .notCount(let offset, let found):
      "header byte \(offset): found \(found), expected a non-negative integer"
    case .countOverflow(let offset, let found):
      "header byte \(offset): found \(found), expected at most \(Int.max)"
    case .trailingBytes(let offset, let found):
      "header byte \(offset): found \(found) behind the JSON object, expected spaces"
    case .duplicateMetadata(let offset):
      "header byte \(offset): found a second __metadata__, expected one"
    case .duplicateMetadataKey(let key, let offset):
      "header byte \(offset): found metadata key \(quoted(key)) a second time"
    case .metadataNotObject(let offset, let found):
      "header byte \(offset): __metadata__: found \(found), expected an object"
    case .metadataNotString(let key, let offset, let found):
      "header byte \(offset): metadata \(quoted(key)): found \(found), expected a string"
    case .duplicateTensor(let tensor, let offset):
      "header byte \(offset): found tensor \(quoted(tensor)) a second time"
    case .duplicateKey(let tensor, let key, let offset):
      "tensor \(quoted(tensor)): header byte \(offset): found \(key) a second time"
    case .unknownKey(let tensor, let key, let offset):
      "tensor \(quoted(tensor)): header byte \(offset): found key \(quoted(key)), "
        + "expected dtype, shape or data_offsets"
    case .missingKey(let tensor, let key):
      "tensor \(quoted(tensor)): found no \(key)"
    case .unknownDType(let tensor, let found):
      "tensor \(quoted(tensor)): found dtype \(quoted(found)), "
        + "expected \(DType.allCases.map { $0.rawValue }.joined(separator: ", "))"
    case .shapeOverflow(let tensor, let dtype, let shape):
      "tensor \(quoted(tensor)): found \(dtype.rawValue) \(text(shape)), "
        + "expected fewer than 2^63 bits"
    case .partialByte(let tensor, let dtype, let shape):
      "tensor \(quoted(tensor)): found \(dtype.rawValue) \(text(shape)), "
        + "expected a whole number of bytes"
    case .offsetCount(let tensor, let found):
      "tensor \(quoted(tensor)): data_offsets: found \(found) numbers, expected 2"
    case .reversedOffsets(let tensor, let begin, let end):
      "tensor \(quoted(tensor)): data_offsets: found begin \(begin) behind end \(end)"
    case .byteCount(let tensor, let dtype, let shape, let found, let expected):
      "tensor \(quoted(tensor)): data_offsets: found \(found) bytes, "
        + "expected \(expected) for \(dtype.rawValue) \(text(shape))"
    case .hole(let tensor, let previous, let found, let expected):
      "tensor \(quoted(tensor)): found a hole before it: data begins at byte \(found), "
        + "expected \(expected)\(previous.map { ", where tensor \(quoted($0)) ends" } ?? "")"
    case .overlap(let tensor, let previous, let found, let expected):
      "tensor \(quoted(tensor)): found data beginning at byte \(found), "
        + "expected \(expected), where tensor \(quoted(previous)) ends"
    }
  }
}

/// What somebody's text looks like where a length should be: its first eight characters.
private func text(of length: UInt64) -> String? {
  let bytes = withUnsafeBytes(of: length.littleEndian) { Array($0) }
  guard bytes.allSatisfy({ 0x20..<0x7F ~= $0 || 0x09...0x0D ~= $0 }) else { return nil }
  return "the text \(quoted(String(decoding: bytes, as: UTF8.self))), no safetensors document"
}

/// A name within a message.
private func quoted(_ name: String) -> String { Tensors.quoted(name, limit: 80) }

/// A shape from a header within a message, of which eight dimensions are enough.
private func text(_ dimensions: [Int]) -> String {
  let start = dimensions.prefix(8).map(String.init).joined(separator: ", ")
  return "[" + start + (dimensions.count > 8 ? ", …]" : "]")
}
