import Tensors

/// What a document's header says: the metadata, and where each tensor lies among the data.
public struct Header: Sendable, Equatable {
  /// The longest header that the format allows, in bytes.
  static let maximumByteCount = 100_000_000
  static let metadataKey = "__metadata__"

  /// The strings of `__metadata__`.
  public internal(set) var metadata: [String: String] = [:]

  /// The tensors in the order of their data.
  public internal(set) var entries: [Entry] = []

  /// Bytes of data behind the header.
  public var dataByteCount: Int { entries.last?.range.upperBound ?? 0 }
}

/// One tensor of a header.
public struct Entry: Sendable, Equatable {
  public let name: String
  public let dtype: DType
  public let shape: Shape

  /// Its bytes, counted from the first byte behind the header.
  public let range: Range<Int>
}

extension Header {
  /// Reads a header and checks every rule that it can break by itself.
  init(parsing bytes: UnsafeRawBufferPointer) throws {
    guard let first = bytes.first else { throw SafetensorsError.emptyHeader }
    guard first == UInt8(ascii: "{") else {
      throw SafetensorsError.headerStart(found: JSONScanner(bytes).found(at: 0))
    }
    var scanner = JSONScanner(bytes)
    var names: Set<String> = []
    var hasMetadata = false
    try scanner.readObject { scanner, key, offset in
      if key != Self.metadataKey {
        guard names.insert(key).inserted else {
          throw SafetensorsError.duplicateTensor(key, offset: offset)
        }
        entries.append(try Entry(named: key, from: &scanner))
      } else if !hasMetadata {
        hasMetadata = true
        metadata = try Self.metadata(from: &scanner)
      } else {
        throw SafetensorsError.duplicateMetadata(offset: offset)
      }
    }
    try scanner.readPadding()
    entries.sort {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    try checkContiguous()
  }

  private static func metadata(from scanner: inout JSONScanner) throws -> [String: String] {
    guard scanner.peek() == UInt8(ascii: "{") else {
      throw SafetensorsError.metadataNotObject(
        offset: scanner.position, found: scanner.found(at: scanner.position))
    }
    var result: [String: String] = [:]
    try scanner.readObject { scanner, key, offset in
      guard scanner.peek() == UInt8(ascii: "\"") else {
        throw SafetensorsError.metadataNotString(
          key: key, offset: scanner.position, found: scanner.found(at: scanner.position))
      }
      guard result.updateValue(try scanner.readString(), forKey: key) == nil else {
        throw SafetensorsError.duplicateMetadataKey(key, offset: offset)
      }
    }
    return result
  }

  /// Every byte of the data belongs to exactly one tensor.
  private func checkContiguous() throws {
    var end = 0
    var previous: String?
    for entry in entries {
      let begin = entry.range.lowerBound
      if begin > end {
        throw SafetensorsError.hole(
          before: entry.name, after: previous, found: begin, expected: end)
      }
      if let previous, begin < end {
        throw SafetensorsError.overlap(entry.name, with: previous, found: begin, expected: end)
      }
      end = entry.range.upperBound
      previous = entry.name
    }
  }
}

extension Entry {
  /// Reads `{"dtype":…,"shape":…,"data_offsets":…}`, its keys in any order.
  fileprivate init(named name: String, from scanner: inout JSONScanner) throws {
    var dtype: DType?
    var dimensions: [Int]?
    var offsets: [Int]?
    try scanner.readObject { scanner, key, offset in
      func unique<Value>(_ value: Value?) throws {
        if value != nil {
          throw SafetensorsError.duplicateKey(tensor: name, key: key, offset: offset)
        }
      }
      switch key {
      case "dtype":
        try unique(dtype)
        let text = try scanner.readString()
        dtype = DType(rawValue: text)
        if dtype == nil { throw SafetensorsError.unknownDType(tensor: name, found: text) }
      case "shape":
        try unique(dimensions)
        dimensions = try scanner.readCounts()
      case "data_offsets":
        try unique(offsets)
        offsets = try scanner.readCounts()
      default:
        throw SafetensorsError.unknownKey(tensor: name, key: key, offset: offset)
      }
    }
    guard let dtype else { throw SafetensorsError.missingKey(tensor: name, key: "dtype") }
    guard let dimensions else { throw SafetensorsError.missingKey(tensor: name, key: "shape") }
    guard let offsets else { throw SafetensorsError.missingKey(tensor: name, key: "data_offsets") }
    try self.init(name, dtype, dimensions, offsets)
  }

  /// Checks that the shape is possible and that the offsets enclose as many bytes as it takes.
  private init(_ name: String, _ dtype: DType, _ dimensions: [Int], _ offsets: [Int]) throws {
    guard let shape = Shape(checking: dimensions),
      !shape.count.multipliedReportingOverflow(by: dtype.bitWidth).overflow
    else { throw SafetensorsError.shapeOverflow(tensor: name, dtype: dtype, shape: dimensions) }
    guard let byteCount = dtype.byteCount(of: shape.count) else {
      throw SafetensorsError.partialByte(tensor: name, dtype: dtype, shape: dimensions)
    }
    guard offsets.count == 2 else {
      throw SafetensorsError.offsetCount(tensor: name, found: offsets.count)
    }
    guard offsets[0] <= offsets[1] else {
      throw SafetensorsError.reversedOffsets(tensor: name, begin: offsets[0], end: offsets[1])
    }
    guard offsets[1] - offsets[0] == byteCount else {
      throw SafetensorsError.byteCount(
        tensor: name, dtype: dtype, shape: dimensions, found: offsets[1] - offsets[0],
        expected: byteCount)
    }
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.range = offsets[0]..<offsets[1]
  }
}
