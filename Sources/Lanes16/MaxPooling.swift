// The largest element under a window, of as many examples as there are lanes. Which one that is differs from lane to lane.

/// Whether `y` takes the place of the largest element so far: NaN wins.
@inline(__always)
private func beats(_ y: Lane, _ x: Lane) -> SIMDMask<Lane.MaskStorage> { (y .> x) .| (y .!= y) }

/// A window of 2 × 2.
private struct Square {
  /// The winners of the two rows, and whether those are the right ones.
  let top, bottom: Lane
  let right, rightBelow: SIMDMask<Lane.MaskStorage>
  /// Whether the second row's is the window's.
  let below: SIMDMask<Lane.MaskStorage>

  @inline(__always)
  init(_ x: UnsafePointer<Lane>, _ width: Int, _ isRectified: Bool) {
    let (a, b) = (x[0].rectified(isRectified), x[1].rectified(isRectified))
    let (c, d) = (x[width].rectified(isRectified), x[width &+ 1].rectified(isRectified))
    (right, rightBelow) = (beats(b, a), beats(d, c))
    top = a.replacing(with: b, where: right)
    bottom = c.replacing(with: d, where: rightBelow)
    below = beats(bottom, top)
  }
}

/// The places of a window on a plane.
private struct Places {
  /// Registers of a row of the plane.
  let width: Int
  /// Of every row of places the first row that is covered, and how many are; columns alike.
  let rows, columns: UnsafePointer<Int32>
  let height, across: Int

  /// Calls `body` with every place, and with the register of the upper left that it covers, how many rows there are, and how many
  /// columns.
  @inline(__always)
  func forEach(_ body: (_ place: Int, _ first: Int, _ rows: Int, _ columns: Int) -> Void) {
    var place = 0
    for row in 0..<height {
      let (top, covered) = (Int(rows[2 &* row]) &* width, Int(rows[2 &* row &+ 1]))
      for column in 0..<across {
        body(
          place, top &+ Int(columns[2 &* column]), covered, Int(columns[2 &* column &+ 1]))
        place &+= 1
      }
    }
  }

  /// Calls `body` with the number of every element that a place covers, row by row, and with its register.
  @inline(__always)
  func forEachElement(
    _ first: Int, _ rows: Int, _ columns: Int, _ body: (_ number: Int32, _ register: Int) -> Void
  ) {
    var number: Int32 = 0
    for row in 0..<rows {
      for column in 0..<columns {
        body(number, first &+ row &* width &+ column)
        number &+= 1
      }
    }
  }
}

/// The largest element of a plane under every place of a window.
///
/// - Parameters:
///   - width: registers of a row of the plane.
///   - rows, columns: of every row of `height` ones of places the first row of the plane that it covers, and how many; columns
///     alike, `across` of them.
///   - areSquares: whether all places cover 2 × 2 elements.
///   - isRectified: whether of every element max(0, x) is taken first.
public func maxPool(
  _ x: UnsafePointer<Float>, width: Int, rows: UnsafePointer<Int32>, height: Int,
  columns: UnsafePointer<Int32>, across: Int, areSquares: Bool, isRectified: Bool,
  into result: UnsafeMutablePointer<Float>
) {
  let (x, result) = (x.inLanes, result.inLanes)
  let places = Places(width: width, rows: rows, columns: columns, height: height, across: across)
  @inline(__always)
  func squares(_ isRectified: Bool) {
    places.forEach { place, first, _, _ in
      let square = Square(x + first, width, isRectified)
      result[place] = square.top.replacing(with: square.bottom, where: square.below)
    }
  }
  if areSquares {
    if isRectified { squares(true) } else { squares(false) }
    return
  }
  places.forEach { place, first, rows, columns in
    var largest = x[first].rectified(isRectified)
    places.forEachElement(first, rows, columns) { _, register in
      let element = x[register].rectified(isRectified)
      largest.replace(with: element, where: beats(element, largest))
    }
    result[place] = largest
  }
}

/// Every place's delta to the element that won, the first in row-major order among equals.
///
/// - Parameters:
///   - elements: of the plane.
///   - areSquares: as for `maxPool`; they lie side by side.
///   - isRectified: whether the elements are sums, of which max(0, x) was pooled; the result is theirs then.
///   - others: as for `maxPool`.
public func passToWinners(
  _ delta: UnsafePointer<Float>, _ x: UnsafePointer<Float>, elements: Int, width: Int,
  rows: UnsafePointer<Int32>, height: Int, columns: UnsafePointer<Int32>, across: Int,
  areSquares: Bool, isRectified: Bool, into result: UnsafeMutablePointer<Float>
) {
  let (deltas, x, result) = (delta.inLanes, x.inLanes, result.inLanes)
  let places = Places(width: width, rows: rows, columns: columns, height: height, across: across)
  if !areSquares || 4 &* height &* across < elements {
    for element in 0..<elements { result[element] = Lane() }
  }
  @inline(__always)
  func squares(_ isRectified: Bool) {
    places.forEach { place, first, _, _ in
      let square = Square(x + first, width, isRectified)
      let largest = square.top.replacing(with: square.bottom, where: square.below)
      let delta = largest.delta(deltas[place], isRectified)
      let (upper, zero) = (result + first, Lane())
      let lower = upper + width
      upper[0] = delta.replacing(with: zero, where: square.below .| square.right)
      upper[1] = zero.replacing(with: delta, where: square.right .& .!square.below)
      lower[0] = zero.replacing(with: delta, where: square.below .& .!square.rightBelow)
      lower[1] = zero.replacing(with: delta, where: square.below .& square.rightBelow)
    }
  }
  if areSquares {
    if isRectified { squares(true) } else { squares(false) }
    return
  }
  places.forEach { place, first, rows, columns in
    var largest = x[first].rectified(isRectified)
    var winner = Lane.MaskStorage(repeating: 0)
    places.forEachElement(first, rows, columns) { number, register in
      let element = x[register].rectified(isRectified)
      let wins = beats(element, largest)
      largest.replace(with: element, where: wins)
      winner.replace(with: .init(repeating: number), where: wins)
    }
    places.forEachElement(first, rows, columns) { number, register in
      let isWinner = winner .== .init(repeating: number)
      result[register].replace(with: result[register] + deltas[place], where: isWinner)
    }
  }
  if isRectified {
    for element in 0..<elements { result[element] = x[element].delta(result[element], true) }
  }
}
