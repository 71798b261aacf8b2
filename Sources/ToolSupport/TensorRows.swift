import Safetensors
import Tensors

/// The rows of one tensor of a document, one after the other, in memory that holds some of them.
final class TensorRows {
  private let rowByteCount: Int
  /// What the rows come from; nil where all of them are in the block.
  private let cursor: DocumentCursor?
  private let block: Storage
  private let blockByteCount: Int
  private var unread = 0..<0
  /// The bytes of the tensor that have not come into the block.
  private var left: Int
  private let digest: Digest?

  /// Rows are read so many bytes at once.
  private static let blockSize = 1 << 20

  /// Rows that are read from `cursor`, which stands at their beginning.
  ///
  /// - Parameter digest: takes in every row that is not skipped.
  init(of entry: Entry, from cursor: DocumentCursor, digest: Digest?) {
    self.cursor = cursor
    self.digest = digest
    rowByteCount = entry.rowByteCount
    left = entry.range.count
    blockByteCount = min(max(Self.blockSize / rowByteCount, 1) * rowByteCount, left)
    // What a header claims of a row has to be borne out by bytes before memory is got for it.
    block = Storage(byteCount: min(blockByteCount, Self.blockSize))
  }

  /// Rows that are held whole, read at once from `cursor`, which stands at their beginning.
  init(holding entry: Entry, from cursor: DocumentCursor, digest: Digest?) throws {
    self.cursor = nil
    self.digest = digest
    rowByteCount = entry.rowByteCount
    left = 0
    blockByteCount = entry.range.count
    block = Storage(byteCount: min(blockByteCount, Self.blockSize))
    try fill(from: cursor)
  }

  /// The next row's bytes, until the next call.
  func next() throws -> UnsafeRawBufferPointer {
    if unread.isEmpty, let cursor { try fill(from: cursor) }
    precondition(unread.count >= rowByteCount, "a row behind the last")
    let row = UnsafeRawBufferPointer(
      rebasing: block.bytes[unread.lowerBound..<unread.lowerBound + rowByteCount])
    unread = unread.lowerBound + rowByteCount..<unread.upperBound
    return row
  }

  /// Passes over the next rows.
  func skip(_ rows: Int) throws {
    let inHand = min(rows * rowByteCount, unread.count)
    unread = unread.lowerBound + inHand..<unread.upperBound
    let behind = rows * rowByteCount - inHand
    if behind == 0 { return }
    guard let cursor, behind <= left else { preconditionFailure("rows behind the last") }
    try cursor.advance(to: cursor.position + behind, unseen: true)
    left -= behind
  }

  private func fill(from cursor: DocumentCursor) throws {
    let count = self.cursor == nil ? blockByteCount : min(blockByteCount, left)
    var filled = 0
    while filled < count {
      if filled == block.bytes.count {
        block.resize(to: min(blockByteCount, 2 * block.bytes.count))
      }
      let end = min(count, block.bytes.count)
      try cursor.read(UnsafeMutableRawBufferPointer(rebasing: block.bytes[filled..<end]))
      filled = end
    }
    digest?.update(UnsafeRawBufferPointer(rebasing: block.bytes[..<filled]))
    if self.cursor != nil { left -= filled }
    unread = 0..<filled
  }
}

extension Entry {
  /// The bytes of one row; there is at least one row.
  fileprivate var rowByteCount: Int { range.count / shape[0] }
}
