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

extension Lane {
  /// 0 for what is below, if it is to be so.
  @inline(__always)
  fileprivate func rectified(_ isRectified: Bool) -> Lane {
    isRectified ? replacing(with: Lane(), where: self .< Lane()) : self
  }

  /// What passes back through a rectifier of this sum.
  @inline(__always)
  fileprivate func delta(_ error: Lane, _ isRectified: Bool) -> Lane {
    if !isRectified { return error }
    return error * Lane().replacing(with: Lane(repeating: 1), where: self .> Lane())
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
  init(_ x: UnsafePointer<Lane>, _ width: Int, _ isRectified: Bool) {
    let (a, b) = (x[0].rectified(isRectified), x[1].rectified(isRectified))
    let (c, d) = (x[width].rectified(isRectified), x[width &+ 1].rectified(isRectified))
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
///   - isRectified: whether of every element max(0, x) is taken first.
public func maxPool(
  _ x: UnsafePointer<Float>, width: Int, under places: UnsafePointer<Int32>, count: Int,
  areSquares: Bool, isRectified: Bool, into result: UnsafeMutablePointer<Float>
) {
  let (x, result) = (x.inLanes, result.inLanes)
  @inline(__always)
  func all(_ areSquares: Bool, _ isRectified: Bool) {
    for place in 0..<count {
      let covered = Covered(places, place)
      if areSquares {
        let square = Square(x + covered.first, width, isRectified)
        result[place] = square.top.replacing(with: square.bottom, where: square.below)
        continue
      }
      var largest = x[covered.first].rectified(isRectified)
      covered.forEachRegister(width) {
        let element = x[$0].rectified(isRectified)
        largest.replace(with: element, where: beats(element, largest))
      }
      result[place] = largest
    }
  }
  switch (areSquares, isRectified) {
  case (true, true): all(true, true)
  case (true, false): all(true, false)
  default: all(false, isRectified)
  }
}

/// Every place's delta to the element that won, the first in row-major order among equals.
///
/// - Parameters:
///   - elements: of the plane.
///   - areSquares: as for `maxPool`; they lie side by side.
///   - isRectified: whether the elements are sums, of which max(0, x) was pooled; the result is theirs then.
public func passToWinners(
  _ delta: UnsafePointer<Float>, _ x: UnsafePointer<Float>, width: Int,
  elements: Int, under places: UnsafePointer<Int32>, count: Int, areSquares: Bool,
  isRectified: Bool, into result: UnsafeMutablePointer<Float>
) {
  let (deltas, x, result) = (delta.inLanes, x.inLanes, result.inLanes)
  if !areSquares || 4 &* count < elements {
    for element in 0..<elements { result[element] = Lane() }
  }
  @inline(__always)
  func squares(_ isRectified: Bool) {
    for place in 0..<count {
      let first = Covered(places, place).first
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
  for place in 0..<count {
    let covered = Covered(places, place)
    var largest = x[covered.first].rectified(isRectified)
    var winner = Lane.MaskStorage(repeating: Lane.MaskStorage.Scalar(covered.first))
    covered.forEachRegister(width) {
      let element = x[$0].rectified(isRectified)
      let wins = beats(element, largest)
      largest.replace(with: element, where: wins)
      winner.replace(with: .init(repeating: .init($0)), where: wins)
    }
    covered.forEachRegister(width) {
      let isWinner = winner .== .init(repeating: .init($0))
      result[$0].replace(with: result[$0] + deltas[place], where: isWinner)
    }
  }
  if isRectified {
    for element in 0..<elements { result[element] = x[element].delta(result[element], true) }
  }
}
