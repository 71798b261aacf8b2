import Tensors

/// The format of NumPy's `save`: an array of any rank behind a header that is a Python dictionary.
///
/// Source: NumPy, "NEP 1, A simple file format for NumPy arrays", and `numpy/lib/format.py` for versions 2 and 3.
public enum NPY {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)

  /// NumPy's own most.
  static let mostAxes = 64

  /// By NumPy's kind and byte count; `swapped` is how many bytes change places where the order is the other one.
  static let elementTypes: [(code: String, dtype: DType, swapped: Int)] = [
    ("b1", .bool, 1), ("u1", .u8, 1), ("i1", .i8, 1), ("u2", .u16, 2), ("i2", .i16, 2),
    ("f2", .f16, 2), ("u4", .u32, 4), ("i4", .i32, 4), ("f4", .f32, 4), ("u8", .u64, 8),
    ("i8", .i64, 8), ("f8", .f64, 8), ("c8", .c64, 4),
  ]

  /// Whether the bytes begin as an NPY file does and a text never: with 0x93.
  public static func looksLikeNPY(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.first == magic[0]
  }

  /// The array that the bytes hold, all of them, in the same type and with the last axis innermost; NaN and infinity stay
  /// what they are.
  ///
  /// - Throws: `FormatError` when the bytes are not exactly one NPY file of numbers; memory is taken only for data that is there.
  public static func tensor(from bytes: UnsafeRawBufferPointer) throws -> Tensor {
    let header = try NPYHeader(bytes)
    let dtype = header.dtype
    let (shape, data) = try ArrayFile.data(
      in: bytes, from: header.byteCount, header.dimensions, at: header.shapeOffset, dtype)
    var tensor = Tensor(uninitialized: shape, dtype)
    tensor.withUnsafeMutableBytes { target in
      if header.firstAxisIsInnermost {
        transpose(data, shape, width: dtype.bitWidth / 8, into: target)
      } else {
        target.copyMemory(from: data)
      }
      if header.isBigEndian { makeLittleEndian(target, width: header.swapped) }
    }
    return tensor
  }

  /// Elements of `width` bytes whose first axis is innermost, written with the last one innermost.
  private static func transpose(
    _ source: UnsafeRawBufferPointer, _ shape: Shape, width: Int,
    into target: UnsafeMutableRawBufferPointer
  ) {
    var strides: [Int] = []
    var step = width
    for dimension in shape.dimensions {
      strides.append(step)
      step *= dimension
    }
    var place = [Int](repeating: 0, count: shape.rank)
    var from = 0
    for element in 0..<shape.count {
      for byte in 0..<width { target[element * width + byte] = source[from + byte] }
      // The next place, as a counter's wheels turn.
      var axis = shape.rank - 1
      while axis >= 0 {
        place[axis] += 1
        from += strides[axis]
        if place[axis] < shape[axis] { break }
        from -= strides[axis] * shape[axis]
        place[axis] = 0
        axis -= 1
      }
    }
  }
}
