// The products of dense layers. Their factors are read where they lie: to pack them, as a BLAS does for matrices that are
// large in every direction, takes a third of the time where a batch is small.

/// Rows of one factor that are multiplied together with `deltasTogether` rows of the other.
private let rowsTogether = Taps.count

/// a · bᵀ + bias:
///
///     result[n, m] = bias[m] + Σ a[n, k] · b[m, k] over k
///
/// Each sum is that of the terms in each lane, folded, and at last the bias.
///
/// - Parameters:
///   - a: [rows, terms], its rows `aStride` elements apart.
///   - b: [columns, terms], its rows `bStride` elements apart.
///   - terms: at least `lanes`.
///   - bias: nil for none.
///   - result: [rows, columns], its rows `stride` elements apart.
public func multiplyByTransposed(
  _ a: UnsafePointer<Float>, aStride: Int, rows: Int, _ b: UnsafePointer<Float>, bStride: Int,
  columns: Int, terms: Int, bias: UnsafePointer<Float>?, into result: UnsafeMutablePointer<Float>,
  stride: Int
) {
  var column = 0
  while column < columns {
    var row = 0
    while row < rows {
      let sums = products(a, aStride, row, rows, b, bStride, column, columns, terms)
      // A row of a after the other, of each what all rows of b gave.
      for i in 0..<min(rowsTogether, rows &- row) {
        for j in 0..<min(deltasTogether, columns &- column) {
          result[(row &+ i) &* stride &+ column &+ j] =
            sums[i &* deltasTogether &+ j] + (bias?[column &+ j] ?? 0)
        }
      }
      row &+= rowsTogether
    }
    column &+= deltasTogether
  }
}

/// The sums of products of `rowsTogether` rows of a with `deltasTogether` rows of b. Behind the last row comes that once more.
@inline(__always)
private func products(
  _ a: UnsafePointer<Float>, _ aStride: Int, _ row: Int, _ rows: Int, _ b: UnsafePointer<Float>,
  _ bStride: Int, _ column: Int, _ columns: Int, _ terms: Int
) -> Lane {
  let x0 = a + row &* aStride
  let x1 = a + min(row &+ 1, rows &- 1) &* aStride
  #if LANES_16
    let x2 = a + min(row &+ 2, rows &- 1) &* aStride
    let x3 = a + min(row &+ 3, rows &- 1) &* aStride
  #endif
  let y0 = b + column &* bStride
  let y1 = b + min(column &+ 1, columns &- 1) &* bStride
  let y2 = b + min(column &+ 2, columns &- 1) &* bStride
  let y3 = b + min(column &+ 3, columns &- 1) &* bStride

  var (row0, row1) = (Taps(repeating: 0), Taps(repeating: 0))
  var (row2, row3) = (Taps(repeating: 0), Taps(repeating: 0))
  @inline(__always)
  func add(_ lane: (UnsafePointer<Float>) -> Lane) {
    #if LANES_16
      let x = Taps(lane(x0), lane(x1), lane(x2), lane(x3))
    #else
      let x = Taps(lane(x0), lane(x1))
    #endif
    row0.add(x, times: lane(y0))
    row1.add(x, times: lane(y1))
    row2.add(x, times: lane(y2))
    row3.add(x, times: lane(y3))
  }
  var k = 0
  while k &+ lanes <= terms {
    add { ($0 + k).lane }
    k &+= lanes
  }
  if k < terms {
    // The last terms, those that were there already as 0.
    let isNew = Lane.indices .>= Float(lanes &- (terms &- k))
    add { ($0 + (terms &- lanes)).lane.replacing(with: 0, where: .!isNew) }
  }
  return sumsOfAll(row0, row1, row2, row3)
}

/// a · b, of which a may be transposed:
///
///     result[n, m] = Σ a[n · down + k · right] · b[k, m] over k, from the first term to the last
///
/// - Parameters:
///   - a: the element of row n and term k at `n · down + k · right`.
///   - b: [terms, columns], its rows `bStride` elements apart.
///   - columns: at least `lanes`.
///   - result: [rows, columns], its rows `stride` elements apart.
public func multiply(
  _ a: UnsafePointer<Float>, down: Int, right: Int, rows: Int, _ b: UnsafePointer<Float>,
  bStride: Int, columns: Int, terms: Int, into result: UnsafeMutablePointer<Float>, stride: Int
) {
  var column = 0
  while column < columns {
    let left = columns &- column
    if left >= Row3.count &* lanes {
      multiply(
        Row3.self, a, down, right, rows, b + column, bStride, terms, result + column, stride)
      column &+= Row3.count &* lanes
    } else {
      // The last register takes some columns a second time, and finds the same.
      let start = min(column, columns &- lanes)
      multiply(Row1.self, a, down, right, rows, b + start, bStride, terms, result + start, stride)
      column = start &+ lanes
    }
  }
}

@inline(__always)
private func multiply<R: Row>(
  _ type: R.Type, _ a: UnsafePointer<Float>, _ down: Int, _ right: Int, _ rows: Int,
  _ b: UnsafePointer<Float>, _ bStride: Int, _ terms: Int, _ result: UnsafeMutablePointer<Float>,
  _ stride: Int
) {
  var row = 0
  while row < rows {
    // Behind the last row comes that once more.
    @inline(__always)
    func number(_ index: Int) -> Int { min(row &+ index, rows &- 1) }
    let (a0, a1) = (a + number(0) &* down, a + number(1) &* down)
    let (a2, a3) = (a + number(2) &* down, a + number(3) &* down)
    var (row0, row1) = (R(repeating: 0), R(repeating: 0))
    var (row2, row3) = (R(repeating: 0), R(repeating: 0))
    #if LANES_16
      let (a4, a5) = (a + number(4) &* down, a + number(5) &* down)
      let (a6, a7) = (a + number(6) &* down, a + number(7) &* down)
      var (row4, row5) = (R(repeating: 0), R(repeating: 0))
      var (row6, row7) = (R(repeating: 0), R(repeating: 0))
    #endif
    var (b, place) = (b, 0)
    for _ in 0..<terms {
      let x = R(from: b)
      row0.add(x, times: a0[place])
      row1.add(x, times: a1[place])
      row2.add(x, times: a2[place])
      row3.add(x, times: a3[place])
      #if LANES_16
        row4.add(x, times: a4[place])
        row5.add(x, times: a5[place])
        row6.add(x, times: a6[place])
        row7.add(x, times: a7[place])
      #endif
      b += bStride
      place &+= right
    }
    row0.store(from: result + number(0) &* stride)
    row1.store(from: result + number(1) &* stride)
    row2.store(from: result + number(2) &* stride)
    row3.store(from: result + number(3) &* stride)
    #if LANES_16
      row4.store(from: result + number(4) &* stride)
      row5.store(from: result + number(5) &* stride)
      row6.store(from: result + number(6) &* stride)
      row7.store(from: result + number(7) &* stride)
    #endif
    row &+= tileHeight
  }
}
