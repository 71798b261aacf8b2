import Tensors

/// The format of the MNIST files: a big-endian array of any rank behind a header of its dimensions.
///
/// Two zero bytes, the element type, the rank, then one unsigned 32-bit length per axis, then the
/// elements in row-major order. Source: LeCun, Cortes and Burges, "The MNIST database of handwritten
/// digits", section "The IDX file format".
public enum IDX {
  static let elementTypes: [(code: UInt8, dtype: DType)] = [
    (0x08, .u8), (0x09, .i8), (0x0B, .i16), (0x0C, .i32), (0x0D, .f32), (0x0E, .f64),
  ]

  /// Whether the bytes begin as an IDX file does and a text never: with two zeros.
  public static func looksLikeIDX(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 2 && bytes[0] == 0 && bytes[1] == 0
  }

  /// The array that the bytes hold, all of them, in the same type; NaN and infinity stay what they are.
  ///
  /// Throws `FormatError` when the bytes are not exactly one IDX file; memory is taken only for data that
  /// is there.
  public static func tensor(from bytes: UnsafeRawBufferPointer) throws -> Tensor {
    let (dtype, dimensions, start) = try header(of: bytes)
    let (shape, data) = try ArrayFile.data(in: bytes, from: start, dimensions, at: 4, dtype)
    var tensor = Tensor(uninitialized: shape, dtype)
    tensor.withUnsafeMutableBytes { target in
      target.copyMemory(from: data)
      makeLittleEndian(target, width: dtype.bitWidth / 8)
    }
    return tensor
  }

  private static func header(
    of bytes: UnsafeRawBufferPointer
  ) throws -> (dtype: DType, dimensions: [Int], byteCount: Int) {
    // Bytes that begin wrongly are no IDX file, whether or not they also end early.
    if bytes.prefix(2).contains(where: { $0 != 0 }) {
      throw FormatError.magic(found: Array(bytes.prefix(2)))
    }
    if bytes.count < 4 { throw FormatError.truncatedMagic(found: bytes.count) }
    guard let dtype = elementTypes.first(where: { $0.code == bytes[2] })?.dtype else {
      throw FormatError.unknownElementType(bytes[2])
    }
    let byteCount = 4 + 4 * Int(bytes[3])
    if bytes.count < byteCount {
      throw FormatError.truncatedDimensions(found: bytes.count - 4, expected: byteCount - 4)
    }
    let dimensions = stride(from: 4, to: byteCount, by: 4).map { offset in
      Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }
    return (dtype, dimensions, byteCount)
  }
}
