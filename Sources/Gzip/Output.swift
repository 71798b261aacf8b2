/// Memory in which compressed bytes gather until there are enough of them for a call of the sink.
final class Output {
  typealias Sink = (UnsafeRawBufferPointer) throws -> Void

  private let memory: UnsafeMutableRawBufferPointer
  private var count = 0

  init(capacity: Int) { memory = .allocate(byteCount: capacity, alignment: 64) }

  deinit { memory.deallocate() }

  /// Forgets what an earlier call that failed has left behind.
  func clear() { count = 0 }

  func flush(to sink: Sink) throws {
    if count == 0 { return }
    try sink(UnsafeRawBufferPointer(rebasing: memory[..<count]))
    count = 0
  }

  /// Adds bytes, passing on what does not fit.
  ///
  /// Large pieces are copied too: into a pipe, the copy costs less than the calls that it saves.
  func append(_ bytes: UnsafeRawBufferPointer, to sink: Sink) throws {
    var rest = bytes
    while !rest.isEmpty {
      if count == memory.count { try flush(to: sink) }
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(memory.count - count))
      UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: piece)
      count += piece.count
      rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
    }
  }

  func append(_ bytes: [UInt8], to sink: Sink) throws {
    try bytes.withUnsafeBytes { try append($0, to: sink) }
  }
}

extension FixedWidthInteger {
  /// The bytes of the number, the lowest first, as gzip and deflate have them.
  var littleEndianBytes: [UInt8] { withUnsafeBytes(of: littleEndian) { Array($0) } }
}
