import CLibrary

/// Raw memory, aligned for every element type and SIMD load, freed with its last owner.
///
/// Invariant: after it is shared by a second owner, nobody writes to it. `Tensor` keeps that by copying
/// before it writes, which makes the class safe to send between threads.
public final class Storage: @unchecked Sendable {
  public static let alignment = 64

  /// Only `resize` writes it, for a single owner, so that reading it needs no check of the language's.
  @exclusivity(unchecked) public private(set) var bytes: UnsafeMutableRawBufferPointer

  /// Uninitialized memory of `byteCount` bytes.
  public init(byteCount: Int) { bytes = Self.allocated(byteCount) }

  deinit { free(bytes.baseAddress) }

  /// Changes the size, keeping the bytes that fit; only for a storage with a single owner.
  ///
  /// Large memory grows without being copied, where the system can move its pages.
  public func resize(to byteCount: Int) {
    let kept = min(bytes.count, byteCount)
    guard let moved = realloc(bytes.baseAddress, max(byteCount, 1)) else {
      preconditionFailure("no memory for \(byteCount) bytes")
    }
    bytes = UnsafeMutableRawBufferPointer(start: moved, count: byteCount)
    if Int(bitPattern: moved) % Self.alignment == 0 { return }
    // Only the C library's own alignment outlives the move.
    let aligned = Self.allocated(byteCount)
    aligned.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<kept]))
    free(moved)
    bytes = aligned
  }

  private static func allocated(_ byteCount: Int) -> UnsafeMutableRawBufferPointer {
    var start: UnsafeMutableRawPointer?
    let status = posix_memalign(&start, alignment, max(byteCount, 1))
    precondition(status == 0, "no memory for \(byteCount) bytes")
    return UnsafeMutableRawBufferPointer(start: start, count: byteCount)
  }
}
