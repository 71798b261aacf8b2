import Tensors

extension Tensor {
  /// The largest element under a window: [N, C, H, W] gives [N, C, H', W']. Padding counts as −∞, and NaN wins.
  ///
  /// - Parameter window: without dilation; the padding is at most half its length.
  public func maxPooled(_ window: Window, _ workers: ThreadPool) -> Tensor {
    var result = Tensor(uninitialized: [0], dtype)
    maxPool(window, into: &result, workers)
    return result
  }

  /// As `maxPooled`, into memory that is used again.
  public func maxPool(_ window: Window, into result: inout Tensor, _ workers: ThreadPool) {
    let pooling = Pooling(window, over: shape)
    result.become(uninitialized: pooling.result, dtype)
    dispatch(
      dtype,
      f32: { maxPool(pooling, into: &result, of: Float.self, workers) },
      f64: { maxPool(pooling, into: &result, of: Double.self, workers) })
  }

  private func maxPool<R: Real>(
    _ pooling: Pooling, into result: inout Tensor, of type: R.Type, _ workers: ThreadPool
  ) {
    withValues(of: type) { x in
      result.withMutableValues(of: type) { result in
        guard let x = x.baseAddress, let result = result.baseAddress else { return }
        let isHalving = pooling.window.isHalving
        pooling.run(workers) { picture in
          let x = x + picture * pooling.height * pooling.width
          let result = result + picture * pooling.rows * pooling.columns
          if isHalving { return halve(x, pooling, into: result) }
          pooling.forEachPlace { place, rows, columns in
            result[place] = x[winner(x, pooling.width, rows, columns)]
          }
        }
      }
    }
  }

  /// The gradient that passes to the input of `maxPooled`: every delta goes to the element that won its
  /// place, the first in row-major order among equals.
  ///
  /// - Parameter input: what was pooled, [N, C, H, W]; the winners are found in it again.
  /// - Returns: in the input's shape.
  public func maxPoolGradient(input: Tensor, _ window: Window, _ workers: ThreadPool) -> Tensor {
    var result = Tensor(uninitialized: [0], dtype)
    passToWinners(of: input, window, into: &result, workers)
    return result
  }

  /// As `maxPoolGradient`, into memory that is used again.
  public func passToWinners(
    of input: Tensor, _ window: Window, into result: inout Tensor, _ workers: ThreadPool
  ) {
    let pooling = Pooling(window, over: input.shape)
    precondition(shape == pooling.result, "delta \(shape) of pooled \(input.shape)")
    result.become(uninitialized: input.shape, dtype)
    dispatch(
      dtype,
      f32: { passToWinners(input, pooling, into: &result, of: Float.self, workers) },
      f64: { passToWinners(input, pooling, into: &result, of: Double.self, workers) })
  }

  private func passToWinners<R: Real>(
    _ input: Tensor, _ pooling: Pooling, into result: inout Tensor, of type: R.Type,
    _ workers: ThreadPool
  ) {
    withValues(of: type) { delta in
      input.withValues(of: type) { x in
        result.withMutableValues(of: type) { result in
          guard let delta = delta.baseAddress, let x = x.baseAddress,
            let result = result.baseAddress
          else { return }
          let isHalving = pooling.window.isHalving
          let size = pooling.height * pooling.width
          pooling.run(workers) { picture in
            let delta = delta + picture * pooling.rows * pooling.columns
            let (x, result) = (x + picture * size, result + picture * size)
            if !isHalving || size > 4 * pooling.rows * pooling.columns {
              result.update(repeating: 0, count: size)
            }
            if isHalving { return passToHalfWinners(delta, x, pooling, into: result) }
            pooling.forEachPlace { place, rows, columns in
              result[winner(x, pooling.width, rows, columns)] += delta[place]
            }
          }
        }
      }
    }
  }
}

/// Whether `y` takes the place of the largest element so far.
@inline(__always)
private func beats<R: Real>(_ y: R, _ x: R) -> Bool { y > x || y != y }

/// Where the largest element under a window lies.
@inline(__always)
private func winner<R: Real>(
  _ x: UnsafePointer<R>, _ width: Int, _ rows: Range<Int>, _ columns: Range<Int>
) -> Int {
  var winner = rows.lowerBound * width + columns.lowerBound
  for row in rows {
    for element in row * width + columns.lowerBound..<row * width + columns.upperBound {
      winner = beats(x[element], x[winner]) ? element : winner
    }
  }
  return winner
}

// Windows of 2 × 2 side by side have loops of their own, without branches: four windows at a time, the last four of a row
// together with some of those before, once more, where it has not a multiple of four. By hand, for of such choices the compiler
// makes branches. A winner among the winners of two rows is the first in row-major order too.

private func halve<R: Real>(
  _ x: UnsafePointer<R>, _ pooling: Pooling, into result: UnsafeMutablePointer<R>
) {
  let (width, columns) = (pooling.width, pooling.columns)
  for row in 0..<pooling.rows {
    let (upper, lower) = (x + 2 * row * width, x + (2 * row + 1) * width)
    let result = result + row * columns
    if columns < 4 {
      for column in 0..<columns {
        result[column] = x[winner(x, width, 2 * row..<2 * row + 2, 2 * column..<2 * column + 2)]
      }
      continue
    }
    for start in stride(from: 0, to: columns, by: 4) {
      let column = min(start, columns - 4)
      let four = Four(upper + 2 * column, lower + 2 * column)
      UnsafeMutableRawPointer(result + column).storeBytes(
        of: four.top.replacing(with: four.bottom, where: four.below), as: SIMD4<R>.self)
    }
  }
}

/// Writes zeros too, but not into a last row or column that no window covers.
private func passToHalfWinners<R: Real>(
  _ delta: UnsafePointer<R>, _ x: UnsafePointer<R>, _ pooling: Pooling,
  into result: UnsafeMutablePointer<R>
) {
  let (width, columns) = (pooling.width, pooling.columns)
  for row in 0..<pooling.rows {
    let delta = delta + row * columns
    let (upper, lower) = (x + 2 * row * width, x + (2 * row + 1) * width)
    let (target, targetBelow) = (result + 2 * row * width, result + (2 * row + 1) * width)
    if columns < 4 {
      for column in 0..<columns {
        for element in 2 * column..<2 * column + 2 {
          (target[element], targetBelow[element]) = (0, 0)
        }
        result[winner(x, width, 2 * row..<2 * row + 2, 2 * column..<2 * column + 2)] = delta[column]
      }
      continue
    }
    for start in stride(from: 0, to: columns, by: 4) {
      let column = min(start, columns - 4)
      let four = Four(upper + 2 * column, lower + 2 * column)
      let delta = UnsafeRawPointer(delta + column).loadUnaligned(as: SIMD4<R>.self)
      let zero = SIMD4<R>(repeating: 0)
      store(
        delta.replacing(with: zero, where: four.below .| four.right),
        zero.replacing(with: delta, where: four.right .& .!four.below), target + 2 * column)
      store(
        zero.replacing(with: delta, where: four.below .& .!four.rightBelow),
        zero.replacing(with: delta, where: four.below .& four.rightBelow), targetBelow + 2 * column)
    }
  }
}

/// Four windows.
private struct Four<R: Real> {
  /// The winners of the two rows.
  let top, bottom: SIMD4<R>
  /// Whether those are the right ones.
  let right, rightBelow: SIMDMask<SIMD4<R.SIMDMaskScalar>>
  /// Whether that of the second row is the window's.
  let below: SIMDMask<SIMD4<R.SIMDMaskScalar>>

  @inline(__always)
  init(_ upper: UnsafePointer<R>, _ lower: UnsafePointer<R>) {
    let (a, b) = halves(upper)
    let (c, d) = halves(lower)
    (right, rightBelow) = (beats(b, a), beats(d, c))
    top = a.replacing(with: b, where: right)
    bottom = c.replacing(with: d, where: rightBelow)
    below = beats(bottom, top)
  }
}

/// The elements with even numbers of eight, and those with odd ones.
@inline(__always)
private func halves<R: Real>(_ x: UnsafePointer<R>) -> (even: SIMD4<R>, odd: SIMD4<R>) {
  let eight = UnsafeRawPointer(x).loadUnaligned(as: SIMD8<R>.self)
  return (eight.evenHalf, eight.oddHalf)
}

@inline(__always)
private func store<R: Real>(
  _ even: SIMD4<R>, _ odd: SIMD4<R>, _ target: UnsafeMutablePointer<R>
) {
  var eight = SIMD8<R>()
  eight.evenHalf = even
  eight.oddHalf = odd
  UnsafeMutableRawPointer(target).storeBytes(of: eight, as: SIMD8<R>.self)
}

@inline(__always)
private func beats<R: Real>(_ y: SIMD4<R>, _ x: SIMD4<R>) -> SIMDMask<SIMD4<R.SIMDMaskScalar>> {
  (y .> x) .| (y .!= y)
}
