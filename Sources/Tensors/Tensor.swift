/// An n-dimensional array: packed, row-major, little-endian, as a safetensors file holds it.
///
/// A value: copies are independent, and share memory until one of them is written to. Several tensors
/// may lie in one storage, as the tensors of a document do.
public struct Tensor: Sendable {
  public let dtype: DType
  public let shape: Shape
  @usableFromInline var storage: Storage
  @usableFromInline var offset: Int
  @usableFromInline let byteCount: Int

  /// The elements at `offset` (bytes) of a storage that nobody writes to any more.
  ///
  /// The bytes are copied when the offset is not aligned for the element type.
  public init(dtype: DType, shape: Shape, storage: Storage, offset: Int) {
    guard let byteCount = dtype.byteCount(of: shape.count) else {
      preconditionFailure("\(shape) elements of \(dtype.rawValue) are no whole number of bytes")
    }
    precondition(offset >= 0 && offset + byteCount <= storage.bytes.count, "tensor outside storage")
    self.dtype = dtype
    self.shape = shape
    self.storage = storage
    self.offset = offset
    self.byteCount = byteCount
    if offset % max(1, dtype.bitWidth / 8) != 0 { copyStorage() }
  }

  /// Memory for a result that the caller is about to fill; its contents are undefined.
  public init(uninitialized shape: Shape, _ dtype: DType) {
    let byteCount = dtype.byteCount(of: shape.count)
    precondition(byteCount != nil, "\(shape) elements of \(dtype.rawValue) overflow")
    self.init(
      dtype: dtype, shape: shape,
      storage: Storage(byteCount: byteCount!, for: "a tensor of \(dtype.rawValue) \(shape)"),
      offset: 0)
  }

  public init(zeros shape: Shape, _ dtype: DType) {
    self.init(uninitialized: shape, dtype)
    withUnsafeMutableBytes { _ = $0.initializeMemory(as: UInt8.self, repeating: 0) }
  }

  /// A tensor of the given values in row-major order.
  public init<E: TensorElement>(_ values: [E], shape: Shape) {
    precondition(values.count == shape.count, "\(values.count) values for shape \(shape)")
    self.init(uninitialized: shape, E.dtype)
    withUnsafeMutableBytes { target in
      values.withUnsafeBytes { target.copyMemory(from: $0) }
    }
  }

  /// A tensor of one axis.
  public init<E: TensorElement>(_ values: [E]) { self.init(values, shape: [values.count]) }

  // MARK: Access

  @inlinable
  public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try body(UnsafeRawBufferPointer(rebasing: storage.bytes[offset..<offset + byteCount]))
  }

  @inlinable
  public mutating func withUnsafeMutableBytes<R>(
    _ body: (UnsafeMutableRawBufferPointer) throws -> R
  ) rethrows -> R {
    if !isKnownUniquelyReferenced(&storage) { copyStorage() }
    return try body(
      UnsafeMutableRawBufferPointer(rebasing: storage.bytes[offset..<offset + byteCount]))
  }

  /// The elements for reading; `E` must be the tensor's own element type.
  @inlinable
  public func withValues<E: TensorElement, R>(
    of type: E.Type, _ body: (UnsafeBufferPointer<E>) throws -> R
  ) rethrows -> R {
    precondition(E.dtype == dtype, "tensor of \(dtype.rawValue) read as \(E.dtype.rawValue)")
    return try withUnsafeBytes { try body($0.assumingMemoryBound(to: E.self)) }
  }

  /// The elements for writing; `E` must be the tensor's own element type.
  @inlinable
  public mutating func withMutableValues<E: TensorElement, R>(
    of type: E.Type, _ body: (UnsafeMutableBufferPointer<E>) throws -> R
  ) rethrows -> R {
    precondition(E.dtype == dtype, "tensor of \(dtype.rawValue) written as \(E.dtype.rawValue)")
    return try withUnsafeMutableBytes { try body($0.assumingMemoryBound(to: E.self)) }
  }

  /// A copy of the elements; `E` must be the tensor's own element type.
  public func values<E: TensorElement>(of type: E.Type) -> [E] {
    withValues(of: type) { Array($0) }
  }

  @usableFromInline
  mutating func copyStorage() {
    let copy = Storage(
      byteCount: byteCount, for: "a copy of a tensor of \(dtype.rawValue) \(shape)")
    withUnsafeBytes { copy.bytes.copyMemory(from: $0) }
    storage = copy
    offset = 0
  }

  /// Moves it to memory that is aligned for SIMD loads, unless it lies so.
  public mutating func align() {
    if offset % Storage.alignment != 0 { copyStorage() }
  }

  /// Whether no other tensor shares its memory.
  @inlinable
  public mutating func hasOwnMemory() -> Bool { isKnownUniquelyReferenced(&storage) }

  /// Whether its memory is its own and no larger than it needs.
  @inlinable
  mutating func hasOwnStorage() -> Bool {
    storage.bytes.count == byteCount && isKnownUniquelyReferenced(&storage)
  }

  // MARK: Rearranging

  /// The same elements under another shape of the same count, without copying them.
  public func reshaped(_ shape: Shape) -> Tensor {
    precondition(shape.count == self.shape.count, "\(self.shape) reshaped to \(shape)")
    return Tensor(dtype: dtype, shape: shape, storage: storage, offset: offset)
  }

  /// The examples `range` along the first axis, without copying them.
  public func rows(_ range: Range<Int>) -> Tensor {
    precondition(range.lowerBound >= 0 && range.upperBound <= shape[0], "rows outside \(shape)")
    return Tensor(
      dtype: dtype, shape: shape.perExample.batched(range.count), storage: storage,
      offset: offset + range.lowerBound * rowByteCount)
  }

  /// The examples at `indices` along the first axis, in that order.
  public func gathered(_ indices: ArraySlice<Int>) -> Tensor {
    let width = rowByteCount
    var result = Tensor(uninitialized: shape.perExample.batched(indices.count), dtype)
    result.withUnsafeMutableBytes { target in
      withUnsafeBytes { source in
        var start = 0
        for index in indices {
          precondition(index >= 0 && index < shape[0], "row \(index) outside \(shape)")
          UnsafeMutableRawBufferPointer(rebasing: target[start..<start + width])
            .copyMemory(
              from: UnsafeRawBufferPointer(rebasing: source[index * width..<(index + 1) * width]))
          start += width
        }
      }
    }
    return result
  }

  /// The examples at `indices` along the first axis, in that order.
  public func gathered(_ indices: some Collection<Int>) -> Tensor { gathered(Array(indices)[...]) }

  /// The tensors one after the other along the first axis; all must agree in everything else.
  public static func concatenated(_ parts: [Tensor]) -> Tensor {
    precondition(
      Set(parts.map { $0.dtype }).count == 1 && Set(parts.map { $0.shape.perExample }).count == 1,
      "concatenated tensors of different kinds")
    if parts.count == 1 { return parts[0] }
    let rows = parts.reduce(0) { $0 + $1.shape[0] }
    var result = Tensor(
      uninitialized: parts[0].shape.perExample.batched(rows), parts[0].dtype)
    result.withUnsafeMutableBytes { target in
      var start = 0
      for part in parts {
        part.withUnsafeBytes {
          UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: $0)
          start += $0.count
        }
      }
    }
    return result
  }

  /// The examples of several tensors side by side: row n is row n of each, flat.
  ///
  /// - Parameter parts: of one dtype and number of examples.
  /// - Returns: [N, elements of an example of all parts].
  public static func joinedRows(_ parts: [Tensor]) -> Tensor {
    precondition(
      Set(parts.map { $0.dtype }).count == 1 && Set(parts.map { $0.shape[0] }).count == 1,
      "joined rows of different kinds")
    let widths = parts.map(\.rowByteCount)
    let rows = parts[0].shape[0]
    var result = Tensor(
      uninitialized: [rows, parts.reduce(0) { $0 + $1.shape.perExample.count }], parts[0].dtype)
    let width = widths.reduce(0, +)
    result.withUnsafeMutableBytes { target in
      var start = 0
      for (part, own) in zip(parts, widths) {
        part.withUnsafeBytes { source in
          for row in 0..<rows {
            UnsafeMutableRawBufferPointer(rebasing: target[row * width + start..<(row + 1) * width])
              .copyMemory(
                from: UnsafeRawBufferPointer(rebasing: source[row * own..<(row + 1) * own]))
          }
        }
        start += own
      }
    }
    return result
  }

  /// Of every example, taken flat, the elements `range`: [N, range.count].
  public func partOfRows(_ range: Range<Int>) -> Tensor {
    let width = rowByteCount
    let size = width / max(1, shape.perExample.count)
    var result = Tensor(uninitialized: [shape[0], range.count], dtype)
    let own = range.count * size
    result.withUnsafeMutableBytes { target in
      withUnsafeBytes { source in
        for row in 0..<shape[0] {
          let start = row * width + range.lowerBound * size
          UnsafeMutableRawBufferPointer(rebasing: target[row * own..<(row + 1) * own])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<start + own]))
        }
      }
    }
    return result
  }

  private var rowByteCount: Int {
    precondition(shape.rank > 0, "a scalar has no rows")
    guard let width = dtype.byteCount(of: shape.perExample.count) else {
      preconditionFailure("rows of \(dtype.rawValue) \(shape) do not start at whole bytes")
    }
    return width
  }
}

extension Tensor: Equatable {
  /// Whether dtype, shape and every byte agree: NaN equals NaN, and 0 differs from −0.
  public static func == (a: Tensor, b: Tensor) -> Bool {
    a.dtype == b.dtype && a.shape == b.shape
      && a.withUnsafeBytes { x in b.withUnsafeBytes { y in x.elementsEqual(y) } }
  }
}

/// A Swift type that a tensor's elements can be viewed as.
public protocol TensorElement: BitwiseCopyable, Sendable {
  static var dtype: DType { get }
}

extension Float: TensorElement { public static var dtype: DType { .f32 } }
extension Double: TensorElement { public static var dtype: DType { .f64 } }
extension Int8: TensorElement { public static var dtype: DType { .i8 } }
extension Int16: TensorElement { public static var dtype: DType { .i16 } }
extension Int32: TensorElement { public static var dtype: DType { .i32 } }
extension Int64: TensorElement { public static var dtype: DType { .i64 } }
extension UInt8: TensorElement { public static var dtype: DType { .u8 } }
extension UInt16: TensorElement { public static var dtype: DType { .u16 } }
extension UInt32: TensorElement { public static var dtype: DType { .u32 } }
extension UInt64: TensorElement { public static var dtype: DType { .u64 } }
