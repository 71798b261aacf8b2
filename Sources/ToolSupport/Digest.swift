import CXXHash
import Tensors

/// A running XXH3-128 hash: the 32 hex digits that `xxh128sum` prints for the same bytes.
///
/// It names data in lineages, where equal content must give an equal name and speed matters (an epoch starts by
/// hashing its dataset); it proves nothing against somebody who wants two datasets to collide.
/// Source: Y. Collet, xxHash 0.8.
public final class Digest {
  private let state: OpaquePointer

  public init() {
    guard let state = XXH3_createState() else { preconditionFailure("out of memory") }
    self.state = state
    XXH3_128bits_reset(state)
  }

  deinit { XXH3_freeState(state) }

  public func update(_ bytes: UnsafeRawBufferPointer) {
    XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
  }

  /// The hash of everything so far.
  public var hex: String {
    let hash = XXH3_128bits_digest(state)
    return hexadecimal(hash.high64, hash.low64)
  }
}
