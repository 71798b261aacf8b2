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

  /// Calls `body` with the elements to read and where to write new ones, all of them: the same place, or another one where somebody
  /// else holds the elements too, who keeps them. `E` must be the tensor's own element type.
  @inlinable
  public mutating func withRenewal<E: TensorElement, R>(
    of type: E.Type, _ body: (UnsafePointer<E>, UnsafeMutablePointer<E>) -> R
  ) -> R? {
    if hasOwnStorage() {
      return withMutableValues(of: type) { own in
        own.baseAddress.map { body(UnsafePointer($0), $0) }
      }
    }
    let before = self
    self = Tensor(uninitialized: shape, dtype)
    return before.withValues(of: type) { old in
      withMutableValues(of: type) { new in
        guard let old = old.baseAddress, let new = new.baseAddress else { return nil }
        return body(old, new)
      }
    }
  }
}
