// The largest element under a window, of as many examples as there are lanes. Which one that is differs from lane to lane.

/// Whether `y` takes the place of the largest element so far: NaN wins.
@inline(__always)
private func beats(_ y: Lane, _ x: Lane) -> SIMDMask<Lane.MaskStorage> { (y .> x) .| (y .!= y) }

/// What a window covers at one of its places.
private struct Covered {
  /// The register of its upper left, and how many rows and columns there are.
  let first, rows, columns: Int

  /// - Parameter places: three numbers of each.
  @inline(__always)
  init(_ places: UnsafePointer<Int32>, _ place: Int) {
    first = Int(places[3 &* place])
    rows = Int(places[3 &* place &+ 1])
    columns = Int(places[3 &* place &+ 2])
  }

  /// Calls `body` with the register of every element, row by row.
  @inline(__always)
  func forEachRegister(_ width: Int, _ body: (Int) -> Void) {
    for row in 0..<rows {
      for column in 0..<columns { body(first &+ row &* width &+ column) }
    }
  }
}

/// A window of 2 × 2.
private struct Square {
  /// The winners of the two rows, and whether those are the right ones.
  let top, bottom: Lane
  let right, rightBelow: SIMDMask<Lane.MaskStorage>
  /// Whether the second row's is the window's.
  let below: SIMDMask<Lane.MaskStorage>

  @inline(__always)
  init(_ x: UnsafePointer<Lane>, _ width: Int) {
    let (a, b, c, d) = (x[0], x[1], x[width], x[width &+ 1])
    (right, rightBelow) = (beats(b, a), beats(d, c))
    top = a.replacing(with: b, where: right)
    bottom = c.replacing(with: d, where: rightBelow)
    below = beats(bottom, top)
  }
}

/// The largest element of a plane under every place of a window.
///
/// - Parameters:
///   - width: registers of a row of the plane.
///   - places: of each place the register of the upper left that it covers, how many rows, and how many columns.
///   - areSquares: whether all places cover 2 × 2 elements.
public func maxPool(
  _ x: UnsafePointer<Float>, width: Int, under places: UnsafePointer<Int32>, count: Int,
  areSquares: Bool, into result: UnsafeMutablePointer<Float>
) {
  let (x, result) = (x.inLanes, result.inLanes)
  for place in 0..<count {
    let covered = Covered(places, place)
    if areSquares {
      let square = Square(x + covered.first, width)
      result[place] = square.top.replacing(with: square.bottom, where: square.below)
      continue
    }
    var largest = x[covered.first]
    covered.forEachRegister(width) {
      largest.replace(with: x[$0], where: beats(x[$0], largest))
    }
    result[place] = largest
  }
}

/// Every place's delta to the element that won, the first in row-major order among equals.
///
/// - Parameter result: of squares that lie side by side those are written; else what is there is added to.
public func passToWinners(
  _ delta: UnsafePointer<Float>, _ x: UnsafePointer<Float>, width: Int,
  under places: UnsafePointer<Int32>, count: Int, areSquares: Bool,
  into result: UnsafeMutablePointer<Float>
) {
  let (delta, x, result) = (delta.inLanes, x.inLanes, result.inLanes)
  for place in 0..<count {
    let (covered, delta) = (Covered(places, place), delta[place])
    if areSquares {
      let square = Square(x + covered.first, width)
      let (upper, zero) = (result + covered.first, Lane())
      let lower = upper + width
      upper[0] = delta.replacing(with: zero, where: square.below .| square.right)
      upper[1] = zero.replacing(with: delta, where: square.right .& .!square.below)
      lower[0] = zero.replacing(with: delta, where: square.below .& .!square.rightBelow)
      lower[1] = zero.replacing(with: delta, where: square.below .& square.rightBelow)
      continue
    }
    var largest = x[covered.first]
    var winner = Lane.MaskStorage(repeating: Lane.MaskStorage.Scalar(covered.first))
    covered.forEachRegister(width) {
      let wins = beats(x[$0], largest)
      largest.replace(with: x[$0], where: wins)
      winner.replace(with: .init(repeating: .init($0)), where: wins)
    }
    covered.forEachRegister(width) {
      let isWinner = winner .== .init(repeating: .init($0))
      result[$0].replace(with: result[$0] + delta, where: isWinner)
    }
  }
}
