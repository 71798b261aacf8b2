import Tensors

extension Document {
  /// Reads exactly one document; nil when the input ends before its first byte.
  ///
  /// Not a byte behind the document is asked for, and memory grows with the bytes received, never with
  /// what a header claims. The tensors share one storage.
  ///
  /// - Parameter source: Fills a part of the buffer from its start and returns how many bytes that
  ///   were; 0 only at the end of the input.
  /// - Throws: `SafetensorsError` for every rule of the format that is broken; what `source` throws.
  public static func read(
    from source: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Document? {
    var reader = DocumentReader()
    return try reader.read(from: source)
  }
}

/// Reads documents one after the other. What a header repeats of the one before it, as those of a
/// stream do, is compared and not parsed again; and it gets as much memory at once as one before it has filled.
public struct DocumentReader {
  private var known: KnownHeader?
  /// The most bytes of data that a document has had.
  private var received = 0

  public init() {}

  /// Reads the next document, as `Document.read` does.
  public mutating func read(
    from source: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Document? {
    guard let header = try readHeader(from: source) else { return nil }
    let shift = Self.shift(for: header.entries)
    let (data, dataCount) = try Self.receive(
      header.dataByteCount, behind: shift, trusting: received, from: source)
    received = max(received, dataCount)
    if let entry = header.entries.first(where: { $0.range.upperBound > dataCount }) {
      throw SafetensorsError.truncatedData(
        tensor: entry.name, found: dataCount, expected: header.dataByteCount)
    }
    var document = Document(metadata: header.metadata)
    document.tensors.reserveCapacity(header.entries.count)
    for entry in header.entries {
      document.tensors[entry.name] = Tensor(
        dtype: entry.dtype, shape: entry.shape, storage: data,
        offset: shift + entry.range.lowerBound)
    }
    return document
  }

  /// How many bytes in front of the data make the largest tensor lie as a new one would, aligned for SIMD loads, and no other worse.
  private static func shift(for entries: [Entry]) -> Int {
    guard let largest = entries.max(by: { $0.range.count < $1.range.count }) else { return 0 }
    let shift = -largest.range.lowerBound & (Storage.alignment - 1)
    return shift % 8 == 0 ? shift : 0
  }

  /// Reads the header of the next document and no byte of its data, for who reads those piece by piece; nil when the
  /// input ends before its first byte.
  ///
  /// - Throws: as `read`.
  public mutating func readHeader(
    from source: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> Header? {
    let (length, lengthCount) = try Self.receive(8, from: source)
    if lengthCount == 0 { return nil }
    guard lengthCount == 8 else { throw SafetensorsError.truncatedLength(found: lengthCount) }

    let claim = UInt64(littleEndian: length.bytes.load(as: UInt64.self))
    guard let headerCount = Int(exactly: claim), headerCount <= Header.maximumByteCount else {
      throw SafetensorsError.headerTooLong(claim)
    }
    let (text, textCount) = try Self.receive(headerCount, from: source)
    guard textCount == headerCount else {
      throw SafetensorsError.truncatedHeader(found: textCount, expected: headerCount)
    }
    return try withExtendedLifetime(text) {
      try header(parsing: UnsafeRawBufferPointer(text.bytes))
    }
  }

  private mutating func header(parsing bytes: UnsafeRawBufferPointer) throws -> Header {
    if let header = try known?.header(parsing: bytes) { return header }
    let header = try Header(parsing: bytes)
    known = KnownHeader(header, in: bytes)
    return header
  }

  /// Up to `byteCount` bytes, fewer only at the end of the input, and how many they are.
  ///
  /// - Parameters:
  ///   - shift: bytes of the storage that they lie behind.
  ///   - proven: as many have come before.
  private static func receive(
    _ byteCount: Int, behind shift: Int = 0, trusting proven: Int = 0,
    from source: (UnsafeMutableRawBufferPointer) throws -> Int
  ) throws -> (Storage, received: Int) {
    // What fits here is allocated exactly; a larger claim has to be borne out by bytes.
    let storage = Storage(byteCount: shift + min(byteCount, max(1 << 20, proven)))
    var received = 0
    while received < byteCount {
      if shift + received == storage.bytes.count {
        storage.resize(to: shift + min(byteCount, 2 * received))
      }
      let room = UnsafeMutableRawBufferPointer(rebasing: storage.bytes[(shift + received)...])
      let count = try source(room)
      precondition(0...room.count ~= count, "a source of \(count) bytes for \(room.count)")
      if count == 0 { break }
      received += count
    }
    return (storage, received)
  }
}
