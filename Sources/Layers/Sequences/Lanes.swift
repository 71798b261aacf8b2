import Compute

/// Up to eight numbers that lie side by side, all eight but at the end of a row.
struct Lanes {
  let start: Int
  let count: Int
}

/// Calls `body` with the lanes that together are the numbers 0..<count.
@inline(__always)
func forEachLanes(_ count: Int, _ body: (Lanes) -> Void) {
  var start = 0
  while start < count {
    body(Lanes(start: start, count: min(8, count &- start)))
    start &+= 8
  }
}

extension UnsafePointer where Pointee: Real {
  /// The numbers, behind the last of them zeros.
  subscript(lanes: Lanes) -> SIMD8<Pointee> {
    @inline(__always)
    get {
      if lanes.count == 8 {
        return UnsafeRawPointer(self + lanes.start).loadUnaligned(as: SIMD8<Pointee>.self)
      }
      return part(lanes)
    }
  }

  @inline(never)
  private func part(_ lanes: Lanes) -> SIMD8<Pointee> {
    var result = SIMD8<Pointee>()
    for index in 0..<lanes.count { result[index] = self[lanes.start + index] }
    return result
  }
}

extension UnsafeMutablePointer where Pointee: Real {
  subscript(lanes: Lanes) -> SIMD8<Pointee> {
    @inline(__always)
    get { UnsafePointer(self)[lanes] }
    @inline(__always)
    nonmutating set {
      if lanes.count == 8 {
        UnsafeMutableRawPointer(self + lanes.start).storeBytes(
          of: newValue, as: SIMD8<Pointee>.self)
      } else {
        setPart(lanes, newValue)
      }
    }
  }

  @inline(never)
  private func setPart(_ lanes: Lanes, _ values: SIMD8<Pointee>) {
    for index in 0..<lanes.count { self[lanes.start + index] = values[index] }
  }
}
