/// Results that go to the memory of the ones before them, so that a step allocates nothing that the last one left.
extension Tensor {
  /// Makes it one of this shape and type whose contents are undefined, for a result that the caller is about to write.
  ///
  /// Its memory is kept where it has the right size and no other tensor shares it.
  @inlinable
  public mutating func become(uninitialized shape: Shape, _ dtype: DType) {
    if dtype == self.dtype && shape.count == self.shape.count && hasOwnStorage() {
      if shape != self.shape { self = reshaped(shape) }
    } else {
      self = Tensor(uninitialized: shape, dtype)
    }
  }

  /// As `become(uninitialized: [rows, columns], dtype)`, which needs no shape where it has that already.
  @inlinable
  public mutating func become(rows: Int, columns: Int, _ dtype: DType) {
    let isSo = shape.rank == 2 && shape[0] == rows && shape[1] == columns && dtype == self.dtype
    if !isSo || !hasOwnStorage() { become(uninitialized: [rows, columns], dtype) }
  }

  /// Makes it one with the elements of another, and memory of its own.
  public mutating func become(copyOf other: Tensor) {
    become(uninitialized: other.shape, other.dtype)
    withUnsafeMutableBytes { target in other.withUnsafeBytes { target.copyMemory(from: $0) } }
  }

  /// Makes it one of the rows `indices` of another, converted to `dtype`: `source.gathered(indices).converted(to: dtype)`.
  ///
  /// - Parameter shape: of the result.
  public mutating func become(
    rows indices: ArraySlice<Int>, of source: Tensor, as dtype: DType, shape: Shape
  ) {
    let width = source.shape.count / max(1, source.shape[0])
    precondition(shape.count == indices.count * width, "rows of \(source.shape) as \(shape)")
    func convert<From: TensorElement, To: TensorElement>(_ from: From.Type, _ number: (From) -> To)
    {
      become(uninitialized: shape, dtype)
      withMutableValues(of: To.self) { target in
        source.withValues(of: from) { source in
          guard var to = target.baseAddress, let rows = source.baseAddress else { return }
          for index in indices {
            precondition((0..<source.count).contains(index * width), "row \(index) of no source")
            let from = rows + index * width
            for column in 0..<width { to[column] = number(from[column]) }
            to += width
          }
        }
      }
    }
    switch (source.dtype, dtype) {
    case (.u8, .f32): convert(UInt8.self) { Float($0) }
    case (.f32, .f32): convert(Float.self) { $0 }
    case (.f64, .f64): convert(Double.self) { $0 }
    default: self = source.gathered(indices).converted(to: dtype).reshaped(shape)
    }
  }
}
