/// Memory for what lives only inside a kernel, used again and again: that of a large result would be mapped and cleared by
/// the system every time.
public enum Scratch {
  /// Calls `body` with room for `count` elements, aligned to 64 bytes, their contents undefined.
  ///
  /// May be nested, and called by any thread. A thread gets what was given back last, so mostly its own.
  @inlinable
  public static func with<E: BitwiseCopyable, Result>(
    _ count: Int, of type: E.Type, _ body: (UnsafeMutablePointer<E>) -> Result
  ) -> Result {
    let size = max(1, count) * MemoryLayout<E>.stride
    if size <= 1024 {
      // On the stack.
      return withUnsafeTemporaryAllocation(byteCount: size, alignment: 64) { room in
        guard let start = room.baseAddress else { preconditionFailure("no memory") }
        return body(start.bindMemory(to: type, capacity: count))
      }
    }
    let room = pool.take(byteCount: size)
    defer { pool.giveBack(room) }
    return body(room.bindMemory(to: type, capacity: count))
  }

  @usableFromInline static let pool = ScratchPool()
}

/// What is free at the moment. Read and written only under the lock.
@usableFromInline
final class ScratchPool: @unchecked Sendable {
  private var free: [UnsafeMutableRawBufferPointer] = []
  private let lock = Lock()
  /// The sizes of what is in use, by its address.
  private var sizes: [UnsafeMutableRawPointer: Int] = [:]

  @usableFromInline
  func take(byteCount: Int) -> UnsafeMutableRawPointer {
    lock.withLock {
      let room: UnsafeMutableRawBufferPointer
      if let index = free.lastIndex(where: { $0.count >= byteCount }) {
        room = free.remove(at: index)
      } else {
        // Too small for this, what was given back last would only pile up.
        if let small = free.popLast() { small.deallocate() }
        room = .allocate(byteCount: byteCount, alignment: 64)
      }
      guard let start = room.baseAddress else { preconditionFailure("no memory") }
      sizes[start] = room.count
      return start
    }
  }

  @usableFromInline
  func giveBack(_ start: UnsafeMutableRawPointer) {
    lock.withLock {
      guard let count = sizes.removeValue(forKey: start) else { return }
      free.append(UnsafeMutableRawBufferPointer(start: start, count: count))
    }
  }
}
