/// Compressed bytes on their way to the sink: buffers to be written one after the other, gathered
/// until there are enough of them for a call.
///
/// Small pieces are copied together, large ones stay where they are.
final class Output {
  /// Takes the bytes of the buffers, one after the other, before it returns.
  typealias Sink = ([UnsafeRawBufferPointer]) throws -> Void

  private let memory: UnsafeMutableRawBufferPointer
  private var buffers: [UnsafeRawBufferPointer] = []
  /// The bytes of all buffers.
  private var gathered = 0
  /// How much of the memory holds copies, and how much of that belongs to buffers.
  private var (copied, assigned) = (0, 0)

  /// From here on a copy costs more than a buffer more for the sink.
  private static let worthLeaving = 4 << 10
  /// From so many bytes on the sink is called: at every stored block and every member of a compressed
  /// document. A reader
  /// at the other end of a pipe works on them while the next are made.
  static let enough = 60 << 10

  /// Room for a member that could not be compressed, and for the small pieces before it.
  private static let capacity = 128 << 10

  init() { memory = .allocate(byteCount: Self.capacity, alignment: 64) }

  deinit { memory.deallocate() }

  /// Forgets what an earlier call that failed has left behind.
  func clear() {
    buffers.removeAll(keepingCapacity: true)
    (gathered, copied, assigned) = (0, 0, 0)
  }

  func flush(to sink: Sink) throws {
    closeCopies()
    if !buffers.isEmpty { try sink(buffers) }
    clear()
  }

  /// Adds bytes that stay valid until the next flush; passes on what has been gathered when that is
  /// enough.
  func append(_ bytes: UnsafeRawBufferPointer, to sink: Sink) throws {
    if bytes.count < Self.worthLeaving { return try copy(bytes, to: sink) }
    closeCopies()
    buffers.append(bytes)
    gathered += bytes.count
    if gathered >= Self.enough { try flush(to: sink) }
  }

  /// Adds bytes that are valid only now, at most those of a member.
  func copy(_ bytes: UnsafeRawBufferPointer, to sink: Sink) throws {
    // No member is longer than what is left behind the small pieces, which do not stay when there are enough.
    precondition(bytes.count <= memory.count - copied)
    UnsafeMutableRawBufferPointer(rebasing: memory[copied...]).copyMemory(from: bytes)
    copied += bytes.count
    gathered += bytes.count
    if gathered >= Self.enough { try flush(to: sink) }
  }

  func append(_ bytes: [UInt8], to sink: Sink) throws {
    try bytes.withUnsafeBytes { try copy($0, to: sink) }
  }

  /// Makes a buffer of what was copied since the last one.
  private func closeCopies() {
    if copied == assigned { return }
    buffers.append(UnsafeRawBufferPointer(rebasing: memory[assigned..<copied]))
    assigned = copied
  }
}

extension FixedWidthInteger {
  /// The bytes of the number, the lowest first, as gzip and deflate have them.
  var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
