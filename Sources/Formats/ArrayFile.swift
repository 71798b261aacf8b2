import Tensors

/// An array in one of the formats that state its type and shape: IDX or NPY.
public enum ArrayFile {
  public static func looksLikeArray(_ bytes: UnsafeRawBufferPointer) -> Bool {
    IDX.looksLikeIDX(bytes) || NPY.looksLikeNPY(bytes)
  }

  /// The array that the bytes hold, all of them.
  ///
  /// - Throws: `FormatError`.
  public static func tensor(from bytes: UnsafeRawBufferPointer) throws -> Tensor {
    try NPY.looksLikeNPY(bytes) ? NPY.tensor(from: bytes) : IDX.tensor(from: bytes)
  }

  /// The shape of an array and its bytes, which are all those behind its header.
  ///
  /// - Parameters:
  ///   - start: where the data begin.
  ///   - offset: where the dimensions stand.
  /// - Throws: `FormatError` when there are fewer or more.
  static func data(
    in bytes: UnsafeRawBufferPointer, from start: Int, _ dimensions: [Int], at offset: Int,
    _ dtype: DType
  ) throws -> (shape: Shape, bytes: UnsafeRawBufferPointer) {
    guard let shape = Shape(checking: dimensions), let expected = dtype.byteCount(of: shape.count)
    else { throw FormatError.dimensionOverflow(offset: offset, dimensions, dtype) }
    let found = bytes.count - start
    if found < expected {
      throw FormatError.truncatedData(
        offset: bytes.count, shape: shape, dtype: dtype, found: found, expected: expected)
    }
    if found > expected {
      throw FormatError.trailingBytes(
        offset: start + expected, shape: shape, dtype: dtype, found: found - expected)
    }
    return (shape, UnsafeRawBufferPointer(rebasing: bytes[start...]))
  }
}
