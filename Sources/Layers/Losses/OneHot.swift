import Compute
import Tensors

/// Targets from class ids: 1 in the column of the class, 0 elsewhere.
///
/// - Parameters:
///   - ids: [N] integers of any type.
///   - classes: at least 2; the ids go from 0 to one less.
///   - dtype: F32 or F64.
/// - Returns: [N, classes].
/// - Throws: `LossError.classOutOfRange`.
public func oneHot(ids: Tensor, classes: Int, dtype: DType) throws -> Tensor {
  let columns = try classColumns(ids, classes: classes)
  func fill<R: Real>(_ type: R.Type) -> Tensor {
    var result = [R](repeating: 0, count: columns.count * classes)
    for (row, column) in columns.enumerated() { result[row * classes + column] = 1 }
    return Tensor(result, shape: [columns.count, classes])
  }
  return dispatch(dtype, f32: { fill(Float.self) }, f64: { fill(Double.self) })
}

/// Class ids of any integer type as numbers from 0 to `classes` − 1.
///
/// - Throws: `LossError.classOutOfRange`.
public func classColumns(_ ids: Tensor, classes: Int) throws -> [Int] {
  func columns<E: BinaryInteger & TensorElement>(_ type: E.Type) throws -> [Int] {
    try ids.withValues(of: type) { ids in
      try ids.enumerated().map { row, id in
        guard let column = Int(exactly: id), (0..<classes).contains(column) else {
          throw LossError.classOutOfRange(id: "\(id)", row: row, classes: classes)
        }
        return column
      }
    }
  }
  switch ids.dtype {
  case .u8: return try columns(UInt8.self)
  case .i8: return try columns(Int8.self)
  case .u16: return try columns(UInt16.self)
  case .i16: return try columns(Int16.self)
  case .u32: return try columns(UInt32.self)
  case .i32: return try columns(Int32.self)
  case .u64: return try columns(UInt64.self)
  case .i64: return try columns(Int64.self)
  default: preconditionFailure("class ids of type \(ids.dtype.rawValue)")
  }
}
