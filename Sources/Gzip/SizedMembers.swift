import CDeflate
import Compute

/// A member that says in its header how long it is: a block of BGZF (SAM/BAM specification, section
/// 4.1), as the writer makes them.
///
/// What it claims is never believed: a member in which anything does not fit is left to be read as
/// if its header said nothing, and so ends in the same bytes or the same error.
private struct SizedMember {
  static let headerByteCount = 18
  /// The most decompressed bytes that such a member has.
  static let contentLimit = 1 << 16

  /// The whole member's.
  let byteCount: Int

  /// Nil unless the bytes begin with BGZF's header, and no other field.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.headerByteCount,
      bytes[0] == Member.magic.0, bytes[1] == Member.magic.1, bytes[2] == Member.deflate,
      bytes[3] == Member.Flags.extra, bytes.number(UInt16.self, at: 10) == 6,
      bytes[12] == UInt8(ascii: "B"), bytes[13] == UInt8(ascii: "C"),
      bytes.number(UInt16.self, at: 14) == 2
    else { return nil }
    byteCount = Int(bytes.number(UInt16.self, at: 16)) + 1
    if byteCount <= Self.headerByteCount + Member.trailerByteCount { return nil }
  }
}

/// Where a member's compressed bytes lie, and where its content goes.
private struct Job {
  let member: UnsafeRawBufferPointer
  let room: UnsafeMutableRawBufferPointer

  /// Decompresses; false when anything is not as the member says.
  func run(with decompressor: OpaquePointer?) -> Bool {
    let data = member[SizedMember.headerByteCount..<member.count - Member.trailerByteCount]
    let compressed = UnsafeRawBufferPointer(rebasing: data)
    var (consumed, produced) = (0, 0)
    let result = libdeflate_deflate_decompress_ex(
      decompressor, compressed.baseAddress, compressed.count, room.baseAddress, room.count,
      &consumed, &produced)
    guard result == LIBDEFLATE_SUCCESS, consumed == compressed.count, produced == room.count
    else { return false }
    var digest = Digest()
    digest.add(UnsafeRawBufferPointer(room))
    return digest.checksum
      == member.number(UInt32.self, at: member.count - Member.trailerByteCount)
  }
}

/// Decompresses members that state their size, as many at once as are in hand.
final class SizedMembers {
  /// The content of a member for which there was no room.
  private let memory = UnsafeMutableRawBufferPointer.allocate(
    byteCount: SizedMember.contentLimit, alignment: 64)
  private var waiting = 0..<0

  private let threads: Int
  private var workers: ThreadPool?
  private var decompressors: [OpaquePointer?] = []
  private var jobs: [Job] = []

  /// Fewer members than this for each thread take less time than sharing them out.
  private static let worthSharing = 2

  /// - Parameter threads: The most that decompress at once; nothing but the time depends on it.
  init(threads: Int) { self.threads = threads }

  deinit {
    for decompressor in decompressors { libdeflate_free_decompressor(decompressor) }
    memory.deallocate()
  }

  /// Hands over content that had no room before.
  func moveWaiting(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let piece = UnsafeRawBufferPointer(rebasing: memory[waiting].prefix(buffer.count))
    buffer.copyMemory(from: piece)
    waiting = waiting.lowerBound + piece.count..<waiting.upperBound
    return piece.count
  }

  /// Decompresses whole members at the start of the input into the start of the buffer, which is not
  /// empty, as many as are in hand; for the first one it waits.
  ///
  /// - Returns: How many bytes; nil when the next member has to be read without help from its header.
  func read(_ input: Input, into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
    guard let first = try gatherMember(input) else { return nil }
    var compressed = 0
    var filled = 0
    jobs.removeAll(keepingCapacity: true)
    while let next = job(at: compressed, of: input.bytes, into: buffer, at: filled) {
      jobs.append(next)
      compressed += next.member.count
      filled += next.room.count
    }
    if jobs.isEmpty { return readAlone(input, first, into: buffer) }

    let whole = runJobs().prefix { $0 }.count
    if whole == 0 { return nil }
    let done = jobs[..<whole]
    input.consume(done.reduce(0) { $0 + $1.member.count })
    return done.reduce(0) { $0 + $1.room.count }
  }

  /// Consumes the member at the start of the input without decompressing it.
  ///
  /// - Returns: How many bytes it says that it holds; nil when those are more than `limit`, when some of the member before
  ///   it wait, and when it has to be read without help from its header.
  func skip(_ input: Input, atMost limit: Int) throws -> Int? {
    guard waiting.isEmpty, let member = try gatherMember(input) else { return nil }
    let length = Int(input.bytes.number(UInt32.self, at: member.byteCount - 4))
    guard length <= min(SizedMember.contentLimit, limit) else { return nil }
    input.consume(member.byteCount)
    return length
  }

  /// Waits until the next member is in hand; nil when that does not say its size, or the input ends before.
  private func gatherMember(_ input: Input) throws -> SizedMember? {
    guard try input.fill(Input.beginning), input.bytes.first == Member.magic.0,
      try input.gather(Member.minimumByteCount, Input.beginning),
      let member = SizedMember(input.bytes), try input.gather(member.byteCount)
    else { return nil }
    return member
  }

  /// The member at `offset` of the bytes in hand, if it is whole and its content has room.
  private func job(
    at offset: Int, of bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer,
    at filled: Int
  ) -> Job? {
    let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
    guard let header = SizedMember(rest), header.byteCount <= rest.count else { return nil }
    let member = UnsafeRawBufferPointer(rebasing: rest[..<header.byteCount])
    let length = Int(member.number(UInt32.self, at: member.count - 4))
    guard length <= min(SizedMember.contentLimit, buffer.count - filled) else { return nil }
    return Job(
      member: member,
      room: UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<filled + length]))
  }

  /// Decompresses the member at the start of the input, whose content has no room in the buffer.
  private func readAlone(
    _ input: Input, _ header: SizedMember, into buffer: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard let job = job(at: 0, of: input.bytes, into: memory, at: 0),
      job.run(with: decompressor(0))
    else { return nil }
    input.consume(job.member.count)
    waiting = 0..<job.room.count
    return moveWaiting(into: buffer)
  }

  /// Runs all jobs; whether each of them succeeded.
  private func runJobs() -> [Bool] {
    var succeeded = [Bool](repeating: false, count: jobs.count)
    let workers = jobs.count >= Self.worthSharing * threads ? crew() : nil
    let pieces = workers?.count ?? 1
    _ = decompressor(pieces - 1)
    let (jobs, decompressors) = (jobs, decompressors)
    succeeded.withUnsafeMutableBufferPointer { succeeded in
      nonisolated(unsafe) let results = succeeded
      func run(_ piece: Int) {
        for number in jobs.count * piece / pieces..<jobs.count * (piece + 1) / pieces {
          results[number] = jobs[number].run(with: decompressors[piece])
        }
      }
      if let workers { workers.run(pieces: pieces, run) } else { run(0) }
    }
    return succeeded
  }

  /// The threads; nil for this one alone.
  private func crew() -> ThreadPool? {
    if threads > 1 && workers == nil { workers = ThreadPool(count: threads) }
    return workers
  }

  private func decompressor(_ number: Int) -> OpaquePointer? {
    while decompressors.count <= number { decompressors.append(libdeflate_alloc_decompressor()) }
    return decompressors[number]
  }
}
