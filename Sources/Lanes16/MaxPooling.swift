// The largest element under a window, of as many examples as there are lanes. Which one that is
// differs from lane to lane.

/// Whether `y` takes the place of the largest element so far: NaN wins.
@inline(__always)
private func beats(_ y: Lane, _ x: Lane) -> SIMDMask<Lane.MaskStorage> { (y .> x) .| (y .!= y) }

/// The largest element of a window of 2 × 2.
private struct Square {
  let largest: Lane
  /// Its number, row by row.
  let winner: Lane.MaskStorage

  @inline(__always)
  init(_ x: UnsafePointer<Lane>, _ width: Int, _ isRectified: Bool) {
    let (a, b) = (x[0].rectified(isRectified), x[1].rectified(isRectified))
    let (c, d) = (x[width].rectified(isRectified), x[width &+ 1].rectified(isRectified))
    let (right, rightBelow) = (beats(b, a), beats(d, c))
    let (top, bottom) = (
      a.replacing(with: b, where: right), c.replacing(with: d, where: rightBelow)
    )
    let below = beats(bottom, top)
    largest = top.replacing(with: bottom, where: below)
    let (zero, one) = (Lane.MaskStorage(), Lane.MaskStorage(repeating: 1))
    let (two, three) = (Lane.MaskStorage(repeating: 2), Lane.MaskStorage(repeating: 3))
    winner = zero.replacing(with: one, where: right)
      .replacing(with: two.replacing(with: three, where: rightBelow), where: below)
  }
}

/// What is added to the number of a winner that a rectifier has left nothing of.
private let rectifiedAway: Int32 = 128

extension UnsafeMutablePointer<UInt8> {
  /// Writes the winners of a place, of which a rectifier may have left nothing.
  @inline(__always)
  fileprivate func note(
    _ winners: Lane.MaskStorage, _ largest: Lane, _ isRectified: Bool, at place: Int
  ) {
    var numbers = winners
    if isRectified {
      let away = winners &+ Lane.MaskStorage(repeating: rectifiedAway)
      numbers = away.replacing(with: winners, where: largest .> Lane())
    }
    UnsafeMutableRawPointer(self).storeBytes(
      of: numbers.lowestBytes, toByteOffset: place &* lanes, as: LaneOfBytes.self)
  }
}

/// The winners of a place, as `maxPool` noted them.
private struct Winners {
  let numbers: Lane.MaskStorage
  /// A rectifier's derivative there.
  let slope: Lane

  @inline(__always)
  init(_ notes: UnsafePointer<UInt8>, at place: Int) {
    let noted = Lane.MaskStorage(
      bytes: UnsafeRawPointer(notes + place &* lanes).loadUnaligned(as: LaneOfBytes.self))
    numbers = noted & Lane.MaskStorage(repeating: rectifiedAway - 1)
    slope = Lane().replacing(
      with: Lane(repeating: 1), where: noted .< Lane.MaskStorage(repeating: rectifiedAway))
  }

  /// What of a delta goes to the element of this number.
  @inline(__always)
  func share(of number: Int32, _ delta: Lane) -> Lane {
    Lane().replacing(with: delta, where: numbers .== Lane.MaskStorage(repeating: number))
  }
}

/// The places of a window on a plane.
private struct Places {
  /// Registers of a row of the plane.
  let width: Int
  /// Of every row of places the first row that is covered, and how many are; columns alike.
  let rows, columns: UnsafePointer<Int32>
  let height, across: Int

  /// Calls `body` with every place, and with the register of the upper left that it covers, how
  /// many rows there are, and how many columns.
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

  /// Calls `body` with the number of every element that a place covers, row by row, and with its
  /// register.
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

extension CompiledKernels {
  /// The largest element of a plane under every place of a window, and which that is.
  ///
  /// - Parameters:
  ///   - width: registers of a row of the plane.
  ///   - rows, columns: of every row of `height` ones of places the first row of the plane that it covers, and how many; columns
  ///     alike, `across` of them.
  ///   - areSquares: whether all places cover 2 × 2 elements.
  ///   - isRectified: whether of every element max(0, x) is taken first.
  ///   - winners: gets the numbers of the elements that won, row by row among those that the place covers, at most 127, of the first
  ///     among equals; and 128 more where a rectifier has left nothing of it. nil where nobody asks.
  public static func maxPool(
    _ x: UnsafePointer<Float>, width: Int, rows: UnsafePointer<Int32>, height: Int,
    columns: UnsafePointer<Int32>, across: Int, areSquares: Bool, isRectified: Bool,
    into result: UnsafeMutablePointer<Float>, winners: UnsafeMutablePointer<UInt8>?
  ) {
    let (x, result) = (x.inLanes, result.inLanes)
    let places = Places(width: width, rows: rows, columns: columns, height: height, across: across)
    if areSquares {
      places.forEach { place, first, _, _ in
        let square = Square(x + first, width, isRectified)
        result[place] = square.largest
        winners?.note(square.winner, square.largest, isRectified, at: place)
      }
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
      result[place] = largest
      winners?.note(winner, largest, isRectified, at: place)
    }
  }

  /// Every place's delta to the element that won.
  ///
  /// - Parameters:
  ///   - winners: as `maxPool` wrote them; what goes back through a rectifier is that much.
  ///   - elements: of the plane.
  ///   - areSquares: as for `maxPool`; they lie side by side.
  ///   - others: as for `maxPool`.
  public static func passToWinners(
    _ delta: UnsafePointer<Float>, _ winners: UnsafePointer<UInt8>, elements: Int, width: Int,
    rows: UnsafePointer<Int32>, height: Int, columns: UnsafePointer<Int32>, across: Int,
    areSquares: Bool, into result: UnsafeMutablePointer<Float>
  ) {
    let (deltas, result) = (delta.inLanes, result.inLanes)
    let places = Places(width: width, rows: rows, columns: columns, height: height, across: across)
    if !areSquares || 4 &* height &* across < elements {
      for element in 0..<elements { result[element] = Lane() }
    }
    if areSquares {
      places.forEach { place, first, _, _ in
        let winners = Winners(winners, at: place)
        let delta = deltas[place] * winners.slope
        let (upper, lower) = (result + first, result + first + width)
        upper[0] = winners.share(of: 0, delta)
        upper[1] = winners.share(of: 1, delta)
        lower[0] = winners.share(of: 2, delta)
        lower[1] = winners.share(of: 3, delta)
      }
      return
    }
    places.forEach { place, first, rows, columns in
      let winners = Winners(winners, at: place)
      places.forEachElement(first, rows, columns) { number, register in
        result[register] += winners.share(of: number, deltas[place])
      }
    }
    // An element that wins several places has all its deltas when they pass the rectifier.
    places.forEach { place, first, rows, columns in
      let winners = Winners(winners, at: place)
      places.forEachElement(first, rows, columns) { number, register in
        result[register].replace(
          with: result[register] * winners.slope,
          where: winners.numbers .== .init(repeating: number))
      }
    }
  }
}
