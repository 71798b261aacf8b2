/// Σ xᵢ of a row, in lanes and then in Double: for rows of a few thousand elements as exact as the element type.
@inlinable
func laneSum<R: Real>(_ x: UnsafePointer<R>, _ count: Int) -> Double {
  var lanes = SIMD16<R>(repeating: 0)
  let whole = count & ~15
  for start in stride(from: 0, to: whole, by: 16) { lanes += x.lanes(start) }
  return tail(lanes, whole..<count) { x[$0] }
}

/// Σ (xᵢ − shift)² of a row.
@inlinable
func laneSquares<R: Real>(_ x: UnsafePointer<R>, minus shift: R, _ count: Int) -> Double {
  var lanes = SIMD16<R>(repeating: 0)
  let whole = count & ~15
  for start in stride(from: 0, to: whole, by: 16) {
    let distance = x.lanes(start) - shift
    lanes += distance * distance
  }
  return tail(lanes, whole..<count) { (x[$0] - shift) * (x[$0] - shift) }
}

/// Σ yᵢ and Σ yᵢ (xᵢ − shift) of two rows.
@inlinable
func laneSumAndProducts<R: Real>(
  _ y: UnsafePointer<R>, _ x: UnsafePointer<R>, minus shift: R, _ count: Int
) -> SIMD2<Double> {
  var (sums, products) = (SIMD16<R>(repeating: 0), SIMD16<R>(repeating: 0))
  let whole = count & ~15
  for start in stride(from: 0, to: whole, by: 16) {
    let y = y.lanes(start)
    sums += y
    products += y * (x.lanes(start) - shift)
  }
  return [
    tail(sums, whole..<count) { y[$0] },
    tail(products, whole..<count) { y[$0] * (x[$0] - shift) },
  ]
}

/// Σ xᵢ of a row in Double: of eight sums, each of which waits only for itself.
@inlinable
func doubleSum<R: Real>(_ x: UnsafePointer<R>, _ count: Int) -> Double {
  var eight = SIMD8<Double>.zero
  let whole = count & ~7
  for start in stride(from: 0, to: whole, by: 8) {
    eight += SIMD8<Double>(UnsafeRawPointer(x + start).loadUnaligned(as: SIMD8<R>.self))
  }
  return tail(eight, whole..<count) { x[$0] }
}

/// The lanes, halves by halves, and the terms of the elements behind the last whole group, added up in Double.
@inlinable
func tail<R: Real>(_ lanes: SIMD16<R>, _ rest: Range<Int>, _ term: (Int) -> R) -> Double {
  tail(SIMD8<Double>(lanes.lowHalf) + SIMD8<Double>(lanes.highHalf), rest, term)
}

@inlinable
func tail<R: Real>(_ eight: SIMD8<Double>, _ rest: Range<Int>, _ term: (Int) -> R) -> Double {
  let four = eight.lowHalf + eight.highHalf
  let two = four.lowHalf + four.highHalf
  var sum = two.x + two.y
  for index in rest { sum += Double(term(index)) }
  return sum
}

extension UnsafePointer where Pointee: Real {
  /// Sixteen elements from `start` on.
  @inlinable
  func lanes(_ start: Int) -> SIMD16<Pointee> {
    UnsafeRawPointer(self + start).loadUnaligned(as: SIMD16<Pointee>.self)
  }
}
