import CLibrary
import Safetensors
import Tensors

/// A file or pipe with one document of examples, which is read by rows and, if it is a file, anew for every epoch.
///
/// One thread at a time may open it and read what that gives.
public final class Shard: @unchecked Sendable {
  /// What messages call it.
  public let name: String
  public let header: Header

  private let path: String?
  /// A pipe's only reading, until it begins.
  private var waiting: DocumentCursor?
  /// The hashes of the rows of input and target, as they were when all were first read.
  private var contents: [String]?

  /// How much of the data is hashed besides the header.
  public static let beginning = 64 << 10
  /// The most bytes of one tensor of a pipe that are held until the other one comes.
  static let mostHeld = 64 << 20

  /// Reads the header, and hashes it with the first `beginning` bytes of the data.
  ///
  /// - Parameter output: whose closing ends a wait for input.
  /// - Throws: as `openInput` and `DocumentInput.one`.
  public init(_ path: String?, as role: String, watching output: DocumentOutput, digest: Digest)
    throws
  {
    let descriptor = try openDescriptor(path, as: role)
    let cursor = try DocumentCursor(descriptor, watching: output.descriptor, digest: digest)
    name = descriptor.name
    header = cursor.header
    self.path = path
    try cursor.peek(Self.beginning).withUnsafeBytes { digest.update($0) }
    cursor.forgetOutput()
    waiting = Self.canBeReadOnce(path) ? cursor : nil
    if header.metadata[Key.frame.rawValue] != nil || header.metadata[Key.end.rawValue] != nil {
      throw Located(place: name, cause: StageError.notOne(found: "a stream of frames"))
    }
  }

  /// Whether what stands there can be read only once: standard input, or anything else that is no file.
  public static func canBeReadOnce(_ path: String?) -> Bool {
    guard let path, path != "-" else { return true }
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    // To open a file by a descriptor's number may go on where that stands.
    return status.st_mode & S_IFMT != S_IFREG || path.hasPrefix("/dev/")
  }

  /// Begins to read the rows.
  ///
  /// A file is opened twice where it has targets, for one position each. Of a pipe the tensor that comes first is held.
  /// - Parameter watchesChanges: whether all rows will be read, and must be those that were read before.
  /// - Throws: `StageError.changed`; `.heldTooLong`; as `DocumentInput.one`.
  public func open(watchingChanges watchesChanges: Bool) throws -> ShardRows {
    if let cursor = waiting {
      waiting = nil
      return try onlyRows(from: cursor)
    }
    let (first, second) = try entries()
    let digests = watchesChanges ? (Digest(), Digest()) : nil
    let cursor = try reopened()
    try cursor.advance(to: first.range.lowerBound, unseen: false)
    let rows = TensorRows(of: first, from: cursor, digest: digests?.0)
    guard let second else {
      return ShardRows(of: self, rows, nil, last: cursor, digests.map { [$0.0] })
    }
    let other = try reopened()
    try other.advance(to: first.range.upperBound, unseen: true)
    try other.advance(to: second.range.lowerBound, unseen: false)
    let others = TensorRows(of: second, from: other, digest: digests?.1)
    let isInputFirst = first.name == Role.input
    return ShardRows(
      of: self, isInputFirst ? rows : others, isInputFirst ? others : rows, last: other,
      digests.map { [$0.0, $0.1] })
  }

  private func onlyRows(from cursor: DocumentCursor) throws -> ShardRows {
    let (first, second) = try entries()
    try cursor.advance(to: first.range.lowerBound, unseen: false)
    guard let second else {
      let rows = TensorRows(of: first, from: cursor, digest: nil)
      return ShardRows(of: self, rows, nil, last: cursor, nil)
    }
    guard first.range.count <= Self.mostHeld else {
      throw Located(
        place: name,
        cause: StageError.heldTooLong(
          tensor: first.name, before: second.name, found: first.range.count,
          expected: Self.mostHeld))
    }
    let held = try TensorRows(holding: first, from: cursor, digest: nil)
    try cursor.advance(to: second.range.lowerBound, unseen: false)
    let rows = TensorRows(of: second, from: cursor, digest: nil)
    let isInputFirst = first.name == Role.input
    return ShardRows(
      of: self, isInputFirst ? held : rows, isInputFirst ? rows : held, last: cursor, nil)
  }

  /// Input and target in the order of their data; nil for a target that is not there.
  private func entries() throws -> (first: Entry, second: Entry?) {
    let entries = header.entries.filter { $0.name == Role.input || $0.name == Role.target }
    precondition(entries.contains { $0.name == Role.input }, "rows of a shard without input")
    return (entries[0], entries.count > 1 ? entries[1] : nil)
  }

  private func reopened() throws -> DocumentCursor {
    let cursor = try DocumentCursor(
      openDescriptor(path, as: "the dataset"), watching: nil, digest: nil)
    guard cursor.header == header else {
      throw Located(place: name, cause: StageError.changed("the header"))
    }
    return cursor
  }

  /// Compares the rows' hashes with those of the first time.
  fileprivate func require(_ found: [String]) throws {
    guard let contents else {
      self.contents = found
      return
    }
    if found != contents { throw Located(place: name, cause: StageError.changed("the data")) }
  }
}

/// The rows of a shard from the first to the last.
public final class ShardRows {
  private let shard: Shard
  private let input: TensorRows
  private let target: TensorRows?
  private let last: DocumentCursor
  private let digests: [Digest]?
  private var skipped = 0

  /// - Parameter last: what reads the document to its end.
  fileprivate init(
    of shard: Shard, _ input: TensorRows, _ target: TensorRows?, last: DocumentCursor,
    _ digests: [Digest]?
  ) {
    self.shard = shard
    self.input = input
    self.target = target
    self.last = last
    self.digests = digests
  }

  /// The bytes of the next row, until the next call; no target where the shard has none.
  public func next() throws -> (input: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer?) {
    (try input.next(), try target?.next())
  }

  /// Passes over the next rows.
  public func skip(_ rows: Int) throws {
    try input.skip(rows)
    try target?.skip(rows)
    skipped += rows
  }

  /// Makes sure, behind the last row, that all was sound, and as it was before.
  ///
  /// - Throws: `StageError.changed`; as `DocumentInput.one`.
  public func finish() throws {
    try last.end()
    if let digests, skipped == 0 { try shard.require(digests.map(\.hex)) }
  }
}
