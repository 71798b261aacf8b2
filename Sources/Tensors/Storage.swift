import CLibrary
import CMemory

/// Raw memory, aligned for every element type and SIMD load, freed with its last owner.
///
/// Invariant: after it is shared by a second owner, nobody writes to it. `Tensor` keeps that by copying
/// before it writes, which makes the class safe to send between threads.
public final class Storage: @unchecked Sendable {
  public static let alignment = 64

  /// Only `resize` writes it, for a single owner, so that reading it needs no check of the language's.
  @exclusivity(unchecked) public private(set) var bytes: UnsafeMutableRawBufferPointer

  /// Uninitialized memory of `byteCount` bytes.
  ///
  /// The process ends with status 71 if the system has none.
  /// - Parameter purpose: what the memory is for, as that message says it.
  public init(byteCount: Int, for purpose: @autoclosure () -> String = "tensors") {
    bytes = Self.allocated(byteCount, for: purpose)
  }

  deinit { free(bytes.baseAddress) }

  /// Changes the size, keeping the bytes that fit; only for a storage with a single owner.
  ///
  /// Large memory grows without being copied, where the system can move its pages.
  public func resize(to byteCount: Int) {
    let kept = min(bytes.count, byteCount)
    guard let moved = nn_memory_resized(bytes.baseAddress, max(byteCount, 1)) else {
      nn_memory_exhausted(byteCount, "tensors")
    }
    bytes = UnsafeMutableRawBufferPointer(start: moved, count: byteCount)
    if Int(bitPattern: moved) % Self.alignment == 0 { return }
    // Only the C library's own alignment outlives the move.
    let aligned = Self.allocated(byteCount, for: { "tensors" })
    aligned.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<kept]))
    free(moved)
    bytes = aligned
  }

  private static func allocated(
    _ byteCount: Int, for purpose: () -> String
  ) -> UnsafeMutableRawBufferPointer {
    guard let start = nn_memory_aligned(alignment, max(byteCount, 1)) else {
      nn_memory_exhausted(byteCount, purpose())
    }
    return UnsafeMutableRawBufferPointer(start: start, count: byteCount)
  }
}
