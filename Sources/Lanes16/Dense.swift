// The products of dense layers. Their factors are read where they lie: to pack them, as a BLAS does for matrices that are
// large in every direction, takes a third of the time where a batch is small. Not for `Lanes8`: with half as many registers,
// each half as wide, they are no faster than the BLAS.

/// Rows of either factor that are multiplied together by `multiplyByTransposed`: as in `correlate`, where they are taps and deltas.
private let rowsTogether = deltasTogether
private typealias FourRows = Taps

/// a · bᵀ + bias:
///
///     result[n, m] = bias[m] + Σ a[n, k] · b[m, k] over k
///
/// Each sum is that of the terms in each lane, which are folded, and at last the bias.
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
  // So many rows of a stay in the second cache from some rows of b to the next, if they are not longer than most.
  let block = 64
  for start in Swift.stride(from: 0, to: rows, by: block) {
    let (a, result) = (a + start &* aStride, result + start &* stride)
    let rows = min(block, rows &- start)
    for column in Swift.stride(from: 0, to: columns, by: rowsTogether) {
      let width = min(rowsTogether, columns &- column)
      var addend = Quarter()
      if let bias { for index in 0..<width { addend[index] = bias[column &+ index] } }
      for row in Swift.stride(from: 0, to: rows, by: rowsTogether) {
        let sums = products(a, aStride, row, rows, b, bStride, column, columns, terms)
        var place = result + (row &* stride &+ column)
        for index in 0..<min(rowsTogether, rows &- row) {
          let quarter = sums.quarter(index) + addend
          if width == rowsTogether {
            UnsafeMutableRawPointer(place).storeBytes(of: quarter, as: Quarter.self)
          } else {
            for index in 0..<width { place[index] = quarter[index] }
          }
          place += stride
        }
      }
    }
  }
}

/// What a row of a gave with `rowsTogether` rows of b.
private typealias Quarter = SIMD4<Float>

extension Lane {
  /// 0, 1, 2, …
  @inline(__always)
  fileprivate static var indices: Lane {
    var result = Lane()
    for index in 0..<lanes { result[index] = Float(index) }
    return result
  }

  @inline(__always)
  fileprivate func quarter(_ index: Int) -> Quarter {
    let half = index < 2 ? lowHalf : highHalf
    return index & 1 == 0 ? half.lowHalf : half.highHalf
  }
}

/// The sums of products of rows of a, from `row` on, with those of b from `column` on, by rows of a. Behind the last row comes
/// that once more.
@inline(__always)
private func products(
  _ a: UnsafePointer<Float>, _ aStride: Int, _ row: Int, _ rows: Int, _ b: UnsafePointer<Float>,
  _ bStride: Int, _ column: Int, _ columns: Int, _ terms: Int
) -> Lane {
  let x0 = a + row &* aStride
  let x1 = a + min(row &+ 1, rows &- 1) &* aStride
  let x2 = a + min(row &+ 2, rows &- 1) &* aStride
  let x3 = a + min(row &+ 3, rows &- 1) &* aStride
  let y0 = b + column &* bStride
  let y1 = b + min(column &+ 1, columns &- 1) &* bStride
  let y2 = b + min(column &+ 2, columns &- 1) &* bStride
  let y3 = b + min(column &+ 3, columns &- 1) &* bStride

  var (row0, row1) = (FourRows(repeating: 0), FourRows(repeating: 0))
  var (row2, row3) = (FourRows(repeating: 0), FourRows(repeating: 0))
  @inline(__always)
  func add(_ lane: (UnsafePointer<Float>) -> Lane) {
    let x = FourRows(
      low: PairOfRows(low: Row1(lane(x0)), high: Row1(lane(x1))),
      high: PairOfRows(low: Row1(lane(x2)), high: Row1(lane(x3))))
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
    let isOld = Lane.indices .< Float(lanes &- (terms &- k))
    add { ($0 + (terms &- lanes)).lane.replacing(with: 0, where: isOld) }
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
  // So many rows of b stay in the cache from some rows of a to the next, even where they lie 2ᵏ bytes apart.
  let block = 128
  var column = 0
  while column < columns {
    // The last register takes some columns a second time, and finds the same.
    let isWide = column &+ Row3.count &* lanes <= columns
    let start = isWide ? column : min(column, columns &- lanes)
    for term in Swift.stride(from: 0, to: terms, by: block) {
      let (a, b) = (a + term &* right, b + (term &* bStride &+ start))
      let count = min(block, terms &- term)
      if isWide {
        multiply(
          Row3.self, a, down, right, rows, b, bStride, count, result + start, stride,
          adding: term > 0)
      } else {
        multiply(
          Row1.self, a, down, right, rows, b, bStride, count, result + start, stride,
          adding: term > 0)
      }
    }
    column = start &+ (isWide ? Row3.count : 1) &* lanes
  }
}

/// As the function above, for as many columns as the row of registers has numbers; or as much added to the result.
@inline(__always)
private func multiply<R: AdjacentRow>(
  _ type: R.Type, _ a: UnsafePointer<Float>, _ down: Int, _ right: Int, _ rows: Int,
  _ b: UnsafePointer<Float>, _ bStride: Int, _ terms: Int, _ result: UnsafeMutablePointer<Float>,
  _ stride: Int, adding: Bool
) {
  for row in Swift.stride(from: 0, to: rows, by: tileHeight) {
    // Behind the last row comes that once more.
    @inline(__always)
    func number(_ index: Int) -> Int { min(row &+ index, rows &- 1) }
    @inline(__always)
    func start(_ index: Int) -> R {
      adding ? R(from: result + number(index) &* stride) : R(repeating: 0)
    }
    let (a0, a1) = (a + number(0) &* down, a + number(1) &* down)
    let (a2, a3) = (a + number(2) &* down, a + number(3) &* down)
    let (a4, a5) = (a + number(4) &* down, a + number(5) &* down)
    let (a6, a7) = (a + number(6) &* down, a + number(7) &* down)
    var (row0, row1, row2, row3) = (start(0), start(1), start(2), start(3))
    var (row4, row5, row6, row7) = (start(4), start(5), start(6), start(7))
    var (b, place) = (b, 0)
    for _ in 0..<terms {
      let x = R(from: b)
      row0.add(x, times: a0[place])
      row1.add(x, times: a1[place])
      row2.add(x, times: a2[place])
      row3.add(x, times: a3[place])
      row4.add(x, times: a4[place])
      row5.add(x, times: a5[place])
      row6.add(x, times: a6[place])
      row7.add(x, times: a7[place])
      b += bStride
      place &+= right
    }
    row0.store(from: result + number(0) &* stride)
    row1.store(from: result + number(1) &* stride)
    row2.store(from: result + number(2) &* stride)
    row3.store(from: result + number(3) &* stride)
    row4.store(from: result + number(4) &* stride)
    row5.store(from: result + number(5) &* stride)
    row6.store(from: result + number(6) &* stride)
    row7.store(from: result + number(7) &* stride)
  }
}

/// Registers whose numbers lie one after the other in memory, wherever that begins.
private protocol AdjacentRow: Row {
  init(from start: UnsafePointer<Float>)
  func store(from start: UnsafeMutablePointer<Float>)
}

extension Row1: AdjacentRow {
  @inline(__always)
  fileprivate init(_ a: Lane) { self.a = a }
  @inline(__always)
  fileprivate init(from start: UnsafePointer<Float>) { a = start.lane }
  @inline(__always)
  fileprivate func store(from start: UnsafeMutablePointer<Float>) { start.store(a) }
}

extension PairOfRows {
  @inline(__always)
  fileprivate init(low: R, high: R) { (self.low, self.high) = (low, high) }
}

extension Row3: AdjacentRow {
  @inline(__always)
  fileprivate init(from start: UnsafePointer<Float>) {
    a = start.lane
    b = (start + lanes).lane
    c = (start + 2 &* lanes).lane
  }
  @inline(__always)
  fileprivate func store(from start: UnsafeMutablePointer<Float>) {
    start.store(a)
    (start + lanes).store(b)
    (start + 2 &* lanes).store(c)
  }
}
