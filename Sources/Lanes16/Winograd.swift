// The transformations of Winograd's minimal filtering F(2 × 2, 3 × 3) (Lavin, Gray 2016, Fast algorithms for convolutional
// neural networks): a tile of 4 × 4 elements and a kernel of 3 × 3 give 2 × 2 results by 16 products instead of 36,
//
//     Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A
//
//          1  0 −1  0         1   0   0          1 1  1  0
//     Bᵀ = 0  1  1  0    G =  ½   ½   ½     Aᵀ = 0 1 −1 −1
//          0 −1  1  0         ½  −½   ½
//          0  1  0 −1         0   0   1
//
// What is transformed lies as 16 matrices, one for each element of the 4 × 4.

/// Four registers: a line of a tile.
private struct Line {
  var a, b, c, d: Lane

  @inline(__always)
  init(_ a: Lane, _ b: Lane, _ c: Lane, _ d: Lane) {
    (self.a, self.b, self.c, self.d) = (a, b, c, d)
  }

  /// Bᵀ of four neighbours.
  @inline(__always)
  init(filtering x: UnsafePointer<Lane>) {
    self.init(x[0] - x[2], x[1] + x[2], x[2] - x[1], x[1] - x[3])
  }

  @inline(__always)
  init(_ x: UnsafePointer<Lane>, every matrix: Int) {
    self.init(x[0], x[matrix], x[2 &* matrix], x[3 &* matrix])
  }

  @inline(__always)
  func store(_ target: UnsafeMutablePointer<Lane>, every matrix: Int) {
    target[0] = a
    target[matrix] = b
    target[2 &* matrix] = c
    target[3 &* matrix] = d
  }

  /// Aᵀ of the four.
  @inline(__always) var narrowed: (Lane, Lane) { (a + b + c, b - c - d) }

  @inline(__always)
  static func + (x: Line, y: Line) -> Line { Line(x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d) }
  @inline(__always)
  static func - (x: Line, y: Line) -> Line { Line(x.a - y.a, x.b - y.b, x.c - y.c, x.d - y.d) }
}

/// Bᵀ d B of the tiles of pictures.
///
/// - Parameters:
///   - x: [channels, plane] registers.
///   - width: registers from one row of a picture to the next.
///   - bases: `tiles` numbers of registers, the upper left of each tile.
///   - columns: by tile, the register of channel 0 in each matrix; `stride`: registers from there to the next channel's.
///   - matrix: registers of a matrix.
public func filterTiles(
  _ x: UnsafePointer<Float>, channels: Int, plane: Int, width: Int, bases: UnsafePointer<Int>,
  tiles: Int, into result: UnsafeMutablePointer<Float>, columns: UnsafePointer<Int>, stride: Int,
  matrix: Int
) {
  let (x, result) = (x.inLanes, result.inLanes)
  for channel in 0..<channels {
    let (x, result) = (x + channel &* plane, result + channel &* stride)
    for tile in 0..<tiles {
      let (x, result) = (x + bases[tile], result + columns[tile])
      let (second, third) = (Line(filtering: x + width), Line(filtering: x + 2 &* width))
      (second + third).store(result + 4 &* matrix, every: matrix)
      (third - second).store(result + 8 &* matrix, every: matrix)
      (Line(filtering: x) - third).store(result, every: matrix)
      (second - Line(filtering: x + 3 &* width)).store(result + 12 &* matrix, every: matrix)
    }
  }
}

/// Y = bias + Aᵀ m A of the products of tiles, for `tileHeight` output channels.
///
/// - Parameters:
///   - m: 16 matrices of [tileHeight, tiles] registers.
///   - targets: by tile the numbers of four registers: upper left, upper right, lower left, lower right; a negative one is
///     not written.
///   - result: [tileHeight, stride] registers.
public func narrowTiles(
  _ m: UnsafePointer<Float>, tiles: Int, bias: UnsafePointer<Float>, targets: UnsafePointer<Int>,
  into result: UnsafeMutablePointer<Float>, stride: Int
) {
  let (m, result) = (m.inLanes, result.inLanes)
  let matrix = tileHeight &* tiles
  for row in 0..<tileHeight {
    let bias = Lane(repeating: bias[row])
    let result = result + row &* stride
    for tile in 0..<tiles {
      let m = m + (row &* tiles &+ tile)
      let second = Line(m + 4 &* matrix, every: matrix)
      let third = Line(m + 8 &* matrix, every: matrix)
      let (a, b) = (Line(m, every: matrix) + second + third).narrowed
      let (c, d) = (second - third - Line(m + 12 &* matrix, every: matrix)).narrowed
      let targets = targets + 4 &* tile
      result[targets[0]] = bias + a
      if targets[1] >= 0 { result[targets[1]] = bias + b }
      if targets[2] >= 0 { result[targets[2]] = bias + c }
      if targets[3] >= 0 { result[targets[3]] = bias + d }
    }
  }
}
