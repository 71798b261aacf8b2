// What minimal filtering makes of kernels, and of what becomes their gradients: see
// `Winograd.swift`.

/// Gᵀ m
@inline(__always)
private func narrowedToKernel(_ m: Six) -> Three {
  let (a, b, a2, b2) = (Points.a, Points.b, Points.a2, Points.b2)
  let (near, nearOdd) = ((m.1 + m.2) * Points.p, (m.1 - m.2) * Points.p)
  let (far, farOdd) = ((m.3 + m.4) * Points.q, (m.3 - m.4) * Points.q)
  return (
    (near + far).plus(m.0, times: 1 / (a2 * b2)), (nearOdd * a).plus(farOdd, times: b),
    m.5.plus(near, times: a2).plus(far, times: b2)
  )
}

extension CompiledKernels {
  /// Gᵀ m G of sums of products: a kernel's gradient.
  ///
  /// - Parameters:
  ///   - m: 36 matrices of `count` numbers, a multiple of the lanes.
  ///   - result: [9, count]
  ///   - room: for 36 registers.
  public static func narrowKernels(
    _ m: UnsafePointer<Float>, count: Int, into result: UnsafeMutablePointer<Float>,
    room: UnsafeMutablePointer<Float>
  ) {
    let (m, result, room) = (m.inLanes, result.inLanes, room.inLanes)
    let matrix = count / lanes
    for register in 0..<matrix {
      let (m, result) = (m + register, result + register)
      for column in 0..<6 {
        let sixth = (m + column &* matrix).six(every: 6 &* matrix)
        (room + column).store(narrowedToKernel(sixth), every: 6)
      }
      for row in 0..<3 {
        let line = UnsafePointer(room + 6 &* row).six(every: 1)
        (result + 3 &* row &* matrix).store(narrowedToKernel(line), every: matrix)
      }
    }
  }
}

/// A number of each of `tileHeight` output channels.
#if LANES_16
  private typealias Rows = SIMD8<Double>
  private typealias RowsOfFloats = SIMD8<Float>
#else
  private typealias Rows = SIMD4<Double>
  private typealias RowsOfFloats = SIMD4<Float>
#endif
private typealias RowsOfThree = (Rows, Rows, Rows)

/// G x
@inline(__always)
private func widened(_ x: RowsOfThree) -> (Rows, Rows, Rows, Rows, Rows, Rows) {
  let (a, b) = (Double(Points.a), Double(Points.b))
  let (p, q) = (1 / (2 * a * a * (a * a - b * b)), 1 / (2 * b * b * (b * b - a * a)))
  let (near, nearOdd) = (x.0 + a * a * x.2, a * x.1)
  let (far, farOdd) = (x.0 + b * b * x.2, b * x.1)
  return (
    x.0 * (1 / (a * a * b * b)), (near + nearOdd) * p, (near - nearOdd) * p,
    (far + farOdd) * q, (far - farOdd) * q, x.2
  )
}

extension CompiledKernels {
  /// G g Gᵀ of kernels, computed in double precision.
  ///
  /// - Parameters:
  ///   - kernels: of 3 × 3; those of `rows` output channels, at most `tileHeight`, begin `rowStride` apart, those of `channels` input
  ///     channels `channelStride`.
  ///   - mirrored: whether they are turned by half a turn.
  ///   - result: [36, channels, tileHeight], what is beyond the rows repeating the last.
  ///   - room: for 36 registers.
  public static func widenKernels(
    _ kernels: UnsafePointer<Float>, rows: Int, rowStride: Int, channels: Int, channelStride: Int,
    mirrored: Bool, into result: UnsafeMutablePointer<Float>, room: UnsafeMutablePointer<Float>
  ) {
    func row(_ index: Int) -> UnsafePointer<Float> { kernels + min(index, rows &- 1) &* rowStride }
    let (row0, row1, row2, row3) = (row(0), row(1), row(2), row(3))
    #if LANES_16
      let (row4, row5, row6, row7) = (row(4), row(5), row(6), row(7))
    #endif
    let (first, step) = mirrored ? (8, -1) : (0, 1)
    let room = UnsafeMutableRawPointer(room).assumingMemoryBound(to: Rows.self)
    for channel in 0..<channels {
      func element(_ index: Int) -> Rows {
        let k = channel &* channelStride &+ first &+ step &* index
        #if LANES_16
          let rows = RowsOfFloats(
            row0[k], row1[k], row2[k], row3[k], row4[k], row5[k], row6[k], row7[k])
        #else
          let rows = RowsOfFloats(row0[k], row1[k], row2[k], row3[k])
        #endif
        return Rows(rows)
      }
      for column in 0..<3 {
        let lines = widened((element(column), element(column &+ 3), element(column &+ 6)))
        room[column] = lines.0
        room[column &+ 3] = lines.1
        room[column &+ 6] = lines.2
        room[column &+ 9] = lines.3
        room[column &+ 12] = lines.4
        room[column &+ 15] = lines.5
      }
      for line in 0..<6 {
        let numbers = widened((room[3 &* line], room[3 &* line &+ 1], room[3 &* line &+ 2]))
        func store(_ column: Int, _ rows: Rows) {
          let target = result + ((6 &* line &+ column) &* channels &+ channel) &* tileHeight
          UnsafeMutableRawPointer(target).storeBytes(
            of: RowsOfFloats(rows), as: RowsOfFloats.self)
        }
        store(0, numbers.0)
        store(1, numbers.1)
        store(2, numbers.2)
        store(3, numbers.3)
        store(4, numbers.4)
        store(5, numbers.5)
      }
    }
  }
}
