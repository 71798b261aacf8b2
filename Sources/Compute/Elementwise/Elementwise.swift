import Tensors

/// Elements in one piece of elementwise work: a constant, so that the cut never depends on the threads.
public let elementsPerPiece = 16_384

/// Arithmetic on every element, or every example, by itself; F32 and F64.
///
/// The functions are passed as values with a generic call operator, so that one text serves both element
/// types and is specialized for each.
extension Tensor {
  /// f(x) for every element x.
  @inlinable
  public func mapped(by f: some ElementFunction, _ workers: ThreadPool) -> Tensor {
    var result = Tensor(uninitialized: shape, dtype)
    map(by: f, into: &result, workers)
    return result
  }

  /// As `mapped`, into memory that is used again.
  @inlinable
  public func map(
    by f: some ElementFunction, into result: inout Tensor, _ workers: ThreadPool
  ) {
    result.become(uninitialized: shape, dtype)
    dispatch(
      dtype,
      f32: { fill(&result, of: Float.self, by: f, workers) },
      f64: { fill(&result, of: Double.self, by: f, workers) })
  }

  @inlinable
  func fill<R: Real>(
    _ result: inout Tensor, of type: R.Type, by f: some ElementFunction, _ workers: ThreadPool
  ) {
    withValues(of: type) { x in
      result.withMutableValues(of: type) { result in
        workers.run(overElements: x.count) { range in
          for index in range { result[index] = f(x[index]) }
        }
      }
    }
  }

  /// f(x) for every byte x, as a number of the result's type.
  @inlinable
  public func mapBytes(
    by f: some ElementFunction, into result: inout Tensor, _ workers: ThreadPool
  ) {
    result.become(uninitialized: shape, result.dtype)
    dispatch(
      result.dtype,
      f32: { fillFromBytes(&result, of: Float.self, by: f, workers) },
      f64: { fillFromBytes(&result, of: Double.self, by: f, workers) })
  }

  @inlinable
  func fillFromBytes<R: Real>(
    _ result: inout Tensor, of type: R.Type, by f: some ElementFunction, _ workers: ThreadPool
  ) {
    withValues(of: UInt8.self) { x in
      result.withMutableValues(of: type) { result in
        // Shorter than of numbers: from bytes each takes longer, and who does this beside another work shall soon look at that again.
        workers.run(cutting: x.count, into: elementsPerPiece / 4) { range in
          for index in range { result[index] = f(R(x[index])) }
        }
      }
    }
  }

  /// f(x) in the place of every element x.
  @inlinable
  public mutating func map(by f: some ElementFunction, _ workers: ThreadPool) {
    switch dtype {
    case .f32: map(of: Float.self, by: f, workers)
    case .f64: map(of: Double.self, by: f, workers)
    default: preconditionFailure("arithmetic in \(dtype.rawValue)")
    }
  }

  @inlinable
  mutating func map<R: Real>(of type: R.Type, by f: some ElementFunction, _ workers: ThreadPool) {
    withMutableValues(of: type) { values in
      guard let x = values.baseAddress else { return }
      workers.run(overElements: values.count) { range in
        // By way of other memory: where a function leaves an element as it is, the compiler would leave out the store and
        // make a jump of a choice, element by element, where it else writes whole vectors. It does so only if no sum of
        // places can overflow, so each part has a pointer to its start.
        let length = min(range.count, 512)
        withUnsafeTemporaryAllocation(of: R.self, capacity: length) { results in
          guard let results = results.baseAddress else { return }
          for start in stride(from: range.lowerBound, to: range.upperBound, by: length) {
            let (part, count) = (x + start, min(length, range.upperBound - start))
            for index in 0..<count { results[index] = f(part[index]) }
            part.update(from: results, count: count)
          }
        }
      }
    }
  }

  /// f(x, y) in the place of every element x, y being the element of `other` at the same place.
  @inlinable
  public mutating func combine(
    with other: Tensor, by f: some PairFunction, _ workers: ThreadPool
  ) {
    precondition(other.shape == shape, "shape \(shape) combined with \(other.shape)")
    switch dtype {
    case .f32: combine(with: other, of: Float.self, by: f, workers)
    case .f64: combine(with: other, of: Double.self, by: f, workers)
    default: preconditionFailure("arithmetic in \(dtype.rawValue)")
    }
  }

  @inlinable
  mutating func combine<R: Real>(
    with other: Tensor, of type: R.Type, by f: some PairFunction, _ workers: ThreadPool
  ) {
    withMutableValues(of: type) { x in
      other.withValues(of: type) { y in
        workers.run(overElements: x.count) { range in
          for index in range { x[index] = f(x[index], y[index]) }
        }
      }
    }
  }

  /// f(x, y) for every element x and the element y of `other` at the same place.
  @inlinable
  public func combined(
    with other: Tensor, by f: some PairFunction, _ workers: ThreadPool
  ) -> Tensor {
    var result = Tensor(uninitialized: shape, dtype)
    combine(with: other, by: f, into: &result, workers)
    return result
  }

  /// As `combined`, into memory that is used again.
  @inlinable
  public func combine(
    with other: Tensor, by f: some PairFunction, into result: inout Tensor, _ workers: ThreadPool
  ) {
    precondition(other.shape == shape, "shape \(shape) combined with \(other.shape)")
    result.become(uninitialized: shape, dtype)
    dispatch(
      dtype,
      f32: { fill(&result, with: other, of: Float.self, by: f, workers) },
      f64: { fill(&result, with: other, of: Double.self, by: f, workers) })
  }

  @inlinable
  func fill<R: Real>(
    _ result: inout Tensor, with other: Tensor, of type: R.Type, by f: some PairFunction,
    _ workers: ThreadPool
  ) {
    withValues(of: type) { x in
      other.withValues(of: type) { y in
        result.withMutableValues(of: type) { result in
          workers.run(overElements: x.count) { range in
            for index in range { result[index] = f(x[index], y[index]) }
          }
        }
      }
    }
  }

  /// f of every row of `width` elements, in as many rows of the same width.
  @inlinable
  public func mappedRows(width: Int, by f: some RowFunction, _ workers: ThreadPool) -> Tensor {
    precondition(width > 0 && shape.count % width == 0, "rows of \(width) in shape \(shape)")
    var result = Tensor(uninitialized: shape, dtype)
    dispatch(
      dtype,
      f32: { fillRows(&result, width, of: Float.self, by: f, workers) },
      f64: { fillRows(&result, width, of: Double.self, by: f, workers) })
    return result
  }

  @inlinable
  func fillRows<R: Real>(
    _ result: inout Tensor, _ width: Int, of type: R.Type, by f: some RowFunction,
    _ workers: ThreadPool
  ) {
    withValues(of: type) { x in
      result.withMutableValues(of: type) { result in
        workers.run(overRows: x.count / width, width: width) { row in
          f(x.row(row, width), into: result.row(row, width))
        }
      }
    }
  }

  /// f of every row of `width` elements in its place; f may write an element once it has read it for the last time.
  @inlinable
  public mutating func mapRows(width: Int, by f: some RowFunction, _ workers: ThreadPool) {
    precondition(width > 0 && shape.count % width == 0, "rows of \(width) in shape \(shape)")
    switch dtype {
    case .f32: mapRows(width, of: Float.self, by: f, workers)
    case .f64: mapRows(width, of: Double.self, by: f, workers)
    default: preconditionFailure("arithmetic in \(dtype.rawValue)")
    }
  }

  @inlinable
  mutating func mapRows<R: Real>(
    _ width: Int, of type: R.Type, by f: some RowFunction, _ workers: ThreadPool
  ) {
    withMutableValues(of: type) { x in
      workers.run(overRows: x.count / width, width: width) { row in
        f(UnsafeBufferPointer(x.row(row, width)), into: x.row(row, width))
      }
    }
  }

  /// f of every row of `width` elements and the row of `other` at the same place, in its place; f may write an element
  /// once it has read it for the last time.
  @inlinable
  public mutating func combineRows(
    width: Int, with other: Tensor, by f: some RowPairFunction, _ workers: ThreadPool
  ) {
    precondition(other.shape == shape, "shape \(shape) combined with \(other.shape)")
    switch dtype {
    case .f32: combineRows(width, with: other, of: Float.self, by: f, workers)
    case .f64: combineRows(width, with: other, of: Double.self, by: f, workers)
    default: preconditionFailure("arithmetic in \(dtype.rawValue)")
    }
  }

  @inlinable
  mutating func combineRows<R: Real>(
    _ width: Int, with other: Tensor, of type: R.Type, by f: some RowPairFunction,
    _ workers: ThreadPool
  ) {
    withMutableValues(of: type) { x in
      other.withValues(of: type) { y in
        workers.run(overRows: x.count / width, width: width) { row in
          f(UnsafeBufferPointer(x.row(row, width)), y.row(row, width), into: x.row(row, width))
        }
      }
    }
  }

  /// f of every row of `width` elements and the row of `other` at the same place; `result` has the same
  /// number of rows.
  @inlinable
  public func combinedRows(
    width: Int, with other: Tensor, into shape: Shape, by f: some RowPairFunction,
    _ workers: ThreadPool
  ) -> Tensor {
    var result = Tensor(uninitialized: shape, dtype)
    combineRows(width: width, with: other, into: &result, shape, by: f, workers)
    return result
  }

  /// As `combinedRows`, into memory that is used again.
  @inlinable
  public func combineRows(
    width: Int, with other: Tensor, into result: inout Tensor, _ shape: Shape,
    by f: some RowPairFunction, _ workers: ThreadPool
  ) {
    precondition(
      other.shape == self.shape, "rows of shape \(self.shape) combined with \(other.shape)")
    precondition(
      width > 0 && self.shape.count % width == 0 && self.shape.count > 0
        && shape.count % (self.shape.count / width) == 0,
      "rows of \(width) in shape \(self.shape), into \(shape)")
    result.become(uninitialized: shape, dtype)
    dispatch(
      dtype,
      f32: { fillRows(&result, width, with: other, of: Float.self, by: f, workers) },
      f64: { fillRows(&result, width, with: other, of: Double.self, by: f, workers) })
  }

  @inlinable
  func fillRows<R: Real>(
    _ result: inout Tensor, _ width: Int, with other: Tensor, of type: R.Type,
    by f: some RowPairFunction, _ workers: ThreadPool
  ) {
    withValues(of: type) { x in
      other.withValues(of: type) { y in
        result.withMutableValues(of: type) { result in
          let rows = x.count / width
          let resultWidth = result.count / rows
          workers.run(overRows: rows, width: width) { row in
            f(x.row(row, width), y.row(row, width), into: result.row(row, resultWidth))
          }
        }
      }
    }
  }
}

extension ThreadPool {
  /// Calls `body` with ranges of fixed length that together are 0..<count.
  @inlinable
  func run(overElements count: Int, _ body: (Range<Int>) -> Void) {
    run(cutting: count, into: elementsPerPiece, body)
  }

  /// Calls `body` with every row's number, several rows in one piece when they are short.
  @inlinable
  func run(overRows count: Int, width: Int, _ body: (Int) -> Void) {
    run(cutting: count, into: max(1, elementsPerPiece / width)) { for row in $0 { body(row) } }
  }

  /// Calls `body` with the ranges of `length` numbers, the last one shorter, that together are 0..<count.
  ///
  /// - Parameter alone: as for `run(pieces:)`.
  @inlinable
  public func run(
    cutting count: Int, into length: Int, alone: Bool = false, _ body: (Range<Int>) -> Void
  ) {
    run(pieces: (count + length - 1) / length, alone: alone) { piece in
      body(piece * length..<min(count, (piece + 1) * length))
    }
  }
}

extension UnsafeBufferPointer {
  @inlinable func row(_ row: Int, _ width: Int) -> Self {
    Self(rebasing: self[row * width..<(row + 1) * width])
  }
}

extension UnsafeMutableBufferPointer {
  @inlinable func row(_ row: Int, _ width: Int) -> Self {
    Self(rebasing: self[row * width..<(row + 1) * width])
  }
}
