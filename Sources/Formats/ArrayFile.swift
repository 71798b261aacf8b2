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
}
