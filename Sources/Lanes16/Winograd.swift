// The transformations of Winograd's minimal filtering F(4 × 4, 3 × 3) (Lavin, Gray 2016, Fast
// algorithms for convolutional neural networks): a tile d of 6 × 6 elements and a kernel g of 3 × 3
// give 4 × 4 results by 36 products instead of 144,
//
//     Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A
//
// and so, with the deltas y of the results, the kernel's gradient is Gᵀ [(A y Aᵀ) ⊙ (Bᵀ d B)] G.
// With the points 0, ±a, ±b and ∞ at which the polynomials behind this are evaluated,
//
//          a²b²   0   −a²−b²   0    1  0         1/a²b² 0    0
//           0   −ab²   −b²     a    1  0           p   pa   pa²            1  1  1  1  1  0
//     Bᵀ =  0    ab²   −b²    −a    1  0     G =   p  −pa   pa²     Aᵀ =   0  a −a  b −b  0
//           0   −a²b   −a²     b    1  0           q   qb   qb²            0  a² a² b² b² 0
//           0    a²b   −a²    −b    1  0           q  −qb   qb²            0  a³ −a³ b³ −b³ 1
//           0   a²b²    0   −a²−b²  0  1           0    0    1
//
// where p = 1 / 2a²(a² − b²) and q = 1 / 2b²(b² − a²). The usual a = 1 and b = 2 lose a bit more
// than a = 5/8 and b = 3/2, whose powers are as exact, and two at worst; errors are then about
// twice those of the direct product.
//
// What is transformed lies as 36 matrices, one for each element of the 6 × 6. A tile has more
// elements than the processor has registers: its columns are transformed first and then its rows,
// by way of the nearest cache.

enum Points {
  @inline(__always) static var a: Float { 0.625 }
  @inline(__always) static var b: Float { 1.5 }
  @inline(__always) static var a2: Float { a * a }
  @inline(__always) static var b2: Float { b * b }
  @inline(__always) static var p: Float { 1 / (2 * a2 * (a2 - b2)) }
  @inline(__always) static var q: Float { 1 / (2 * b2 * (b2 - a2)) }
}

/// Registers side by side.
typealias Three = (Lane, Lane, Lane)
typealias Four = (Lane, Lane, Lane, Lane)
typealias Six = (Lane, Lane, Lane, Lane, Lane, Lane)

extension UnsafePointer<Lane> {
  @inline(__always)
  func four(every stride: Int) -> Four {
    (self[0], self[stride], self[2 &* stride], self[3 &* stride])
  }

  @inline(__always)
  func six(every stride: Int) -> Six {
    let low = four(every: stride)
    return (low.0, low.1, low.2, low.3, self[4 &* stride], self[5 &* stride])
  }
}

extension UnsafeMutablePointer<Lane> {
  @inline(__always)
  func store(_ x: Three, every stride: Int) {
    self[0] = x.0
    self[stride] = x.1
    self[2 &* stride] = x.2
  }

  @inline(__always)
  func store(_ x: Four, every stride: Int) {
    store((x.0, x.1, x.2), every: stride)
    self[3 &* stride] = x.3
  }

  @inline(__always)
  func store(_ x: Six, every stride: Int) {
    store((x.0, x.1, x.2), every: stride)
    (self + 3 &* stride).store((x.3, x.4, x.5), every: stride)
  }
}

extension Lane {
  @inline(__always)
  func plus(_ other: Lane, times factor: Float) -> Lane {
    addingProduct(other, Lane(repeating: factor))
  }
}

/// Bᵀ x
@inline(__always)
private func filtered(_ x: Six) -> Six {
  let (a, b, a2, b2) = (Points.a, Points.b, Points.a2, Points.b2)
  let (near, nearOdd) = (x.4.plus(x.2, times: -b2), x.3.plus(x.1, times: -b2))
  let (far, farOdd) = (x.4.plus(x.2, times: -a2), x.3.plus(x.1, times: -a2))
  return (
    x.4.plus(x.2, times: -a2 - b2).plus(x.0, times: a2 * b2),
    near.plus(nearOdd, times: a), near.plus(nearOdd, times: -a),
    far.plus(farOdd, times: b), far.plus(farOdd, times: -b),
    x.5.plus(x.3, times: -a2 - b2).plus(x.1, times: a2 * b2)
  )
}

/// A y
@inline(__always)
private func expanded(_ y: Four) -> Six {
  let (a, b, a2, b2) = (Points.a, Points.b, Points.a2, Points.b2)
  let (near, nearOdd) = (y.0.plus(y.2, times: a2), y.1.plus(y.3, times: a2))
  let (far, farOdd) = (y.0.plus(y.2, times: b2), y.1.plus(y.3, times: b2))
  return (
    y.0, near.plus(nearOdd, times: a), near.plus(nearOdd, times: -a),
    far.plus(farOdd, times: b), far.plus(farOdd, times: -b), y.3
  )
}

/// Aᵀ m
@inline(__always)
private func narrowed(_ m: Six) -> Four {
  let (a, b, a2, b2) = (Points.a, Points.b, Points.a2, Points.b2)
  let (near, nearOdd) = (m.1 + m.2, m.1 - m.2)
  let (far, farOdd) = (m.3 + m.4, m.3 - m.4)
  return (
    m.0 + near + far, (nearOdd * a).plus(farOdd, times: b), (near * a2).plus(far, times: b2),
    m.5.plus(nearOdd, times: a * a2).plus(farOdd, times: b * b2)
  )
}

extension CompiledKernels {
  /// Bᵀ d B of the tiles of a channel's pictures.
  ///
  /// - Parameters:
  ///   - x: registers.
  ///   - width: those from one row of a picture to the next.
  ///   - bases: `tiles` numbers of registers, the upper left of each tile.
  ///   - columns: by tile, its register in each matrix.
  ///   - matrix: registers from a matrix to the next.
  ///   - room: for 36 registers, as all that is handed over aligned to 64 bytes.
  public static func filterTiles(
    _ x: UnsafePointer<Float>, width: Int, bases: UnsafePointer<Int>, tiles: Int,
    into result: UnsafeMutablePointer<Float>, columns: UnsafePointer<Int>, matrix: Int,
    room: UnsafeMutablePointer<Float>
  ) {
    let room = room.inLanes
    for tile in 0..<tiles {
      let (x, result) = (x.inLanes + bases[tile], result.inLanes + columns[tile])
      for column in 0..<6 {
        (room + column).store(filtered((x + column).six(every: width)), every: 6)
      }
      for row in 0..<6 {
        let line = UnsafePointer(room + 6 &* row).six(every: 1)
        (result + 6 &* row &* matrix).store(filtered(line), every: matrix)
      }
    }
  }

  /// A y Aᵀ of the tiles of a channel's deltas, each 4 × 4 from its base on; all else as for
  /// `filterTiles`.
  public static func expandTiles(
    _ y: UnsafePointer<Float>, width: Int, bases: UnsafePointer<Int>, tiles: Int,
    into result: UnsafeMutablePointer<Float>, columns: UnsafePointer<Int>, matrix: Int,
    room: UnsafeMutablePointer<Float>
  ) {
    let room = room.inLanes
    for tile in 0..<tiles {
      let (y, result) = (y.inLanes + bases[tile], result.inLanes + columns[tile])
      for column in 0..<4 {
        (room + column).store(expanded((y + column).four(every: width)), every: 4)
      }
      for row in 0..<6 {
        let line = UnsafePointer(room + 4 &* row).four(every: 1)
        (result + 6 &* row &* matrix).store(expanded(line), every: matrix)
      }
    }
  }

  /// Y = bias + Aᵀ m A of the products of tiles, for some output channels.
  ///
  /// - Parameters:
  ///   - m: 36 matrices of [tileHeight, tiles] registers, of which so many `rows` are read.
  ///   - targets: by tile the numbers of sixteen registers, row by row; a negative one is not written.
  ///   - result: [rows, stride] registers.
  ///   - room: for 36 registers.
  public static func narrowTiles(
    _ m: UnsafePointer<Float>, tiles: Int, bias: UnsafePointer<Float>, targets: UnsafePointer<Int>,
    into result: UnsafeMutablePointer<Float>, stride: Int, rows: Int,
    room: UnsafeMutablePointer<Float>
  ) {
    let (m, result, room) = (m.inLanes, result.inLanes, room.inLanes)
    let matrix = tileHeight &* tiles
    for row in 0..<rows {
      let bias = Lane(repeating: bias[row])
      let result = result + row &* stride
      for tile in 0..<tiles {
        let m = m + (row &* tiles &+ tile)
        for column in 0..<6 {
          let sixth = (m + column &* matrix).six(every: 6 &* matrix)
          (room + column).store(narrowed(sixth), every: 6)
        }
        for line in 0..<4 {
          let targets = targets + (16 &* tile &+ 4 &* line)
          let values = narrowed(UnsafePointer(room + 6 &* line).six(every: 1))
          if targets[0] >= 0 { result[targets[0]] = bias + values.0 }
          if targets[1] >= 0 { result[targets[1]] = bias + values.1 }
          if targets[2] >= 0 { result[targets[2]] = bias + values.2 }
          if targets[3] >= 0 { result[targets[3]] = bias + values.3 }
        }
      }
    }
  }
}
