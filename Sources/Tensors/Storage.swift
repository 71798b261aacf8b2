/// Raw memory, aligned for every element type and SIMD load, freed with its last owner.
///
/// Invariant: after it is shared by a second owner, nobody writes to it. `Tensor` keeps that by copying
/// before it writes, which makes the class safe to send between threads.
public final class Storage: @unchecked Sendable {
  public static let alignment = 64

  /// Only `resize` writes it, for a single owner, so that reading it needs no check of the language's.
  @exclusivity(unchecked) public private(set) var bytes: UnsafeMutableRawBufferPointer

  /// Uninitialized memory of `byteCount` bytes.
  public init(byteCount: Int) {
    bytes = .allocate(byteCount: byteCount, alignment: Storage.alignment)
  }

  deinit { bytes.deallocate() }

  /// Changes the size, keeping the bytes that fit; only for a storage with a single owner.
  public func resize(to byteCount: Int) {
    let larger = UnsafeMutableRawBufferPointer.allocate(
      byteCount: byteCount, alignment: Storage.alignment)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes.prefix(byteCount)))
    bytes.deallocate()
    bytes = larger
  }
}
