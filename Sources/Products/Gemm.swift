import CBLASThreads
import Kernels

#if canImport(Accelerate)
  import Accelerate
#else
  import CBLAS
#endif

/// A block of a row-major matrix in memory.
public struct Matrix<R: Real> {
  var elements: UnsafePointer<R>
  var rows: Int
  var columns: Int
  /// Elements from the start of one row to the start of the next.
  let stride: Int

  /// Packed rows that are all of `elements`.
  public init(_ elements: UnsafeBufferPointer<R>, rows: Int, columns: Int) {
    precondition(
      elements.count == rows * columns, "\(elements.count) elements for \(rows) × \(columns)")
    guard let start = elements.baseAddress, elements.count > 0 else {
      preconditionFailure("a matrix of \(rows) × \(columns)")
    }
    self.elements = start
    (self.rows, self.columns, stride) = (rows, columns, columns)
  }

  /// Rows that start `stride` elements apart.
  public init(_ elements: UnsafePointer<R>, rows: Int, columns: Int, stride: Int) {
    precondition(
      rows > 0 && columns > 0 && columns <= stride, "\(rows) × \(columns) by \(stride)")
    self.elements = elements
    (self.rows, self.columns, self.stride) = (rows, columns, stride)
  }

  subscript(rows range: Range<Int>) -> Matrix {
    var block = self
    block.elements += range.lowerBound * stride
    block.rows = range.count
    return block
  }

  subscript(columns range: Range<Int>) -> Matrix {
    var block = self
    block.elements += range.lowerBound
    block.columns = range.count
    return block
  }
}

/// A factor of a product: a matrix as it lies in memory, or its transpose.
public enum Factor<R: Real> {
  case plain(Matrix<R>)
  case transposed(Matrix<R>)

  var rows: Int {
    switch self {
    case .plain(let matrix): matrix.rows
    case .transposed(let matrix): matrix.columns
    }
  }

  var columns: Int {
    switch self {
    case .plain(let matrix): matrix.columns
    case .transposed(let matrix): matrix.rows
    }
  }
}

/// A type that the BLAS multiplies matrices of.
public protocol BLASReal: Real {
  /// result = a · b, or result + a · b where `adding`; `result` is row-major, its rows `stride` elements apart.
  static func multiply(
    _ a: Factor<Self>, _ b: Factor<Self>, into result: UnsafeMutablePointer<Self>, stride: Int,
    adding: Bool)
}

extension BLASReal {
  /// result = a · b, or result + a · b where `adding`; `result` is row-major and packed.
  public static func multiply(
    _ a: Factor<Self>, _ b: Factor<Self>, into result: UnsafeMutablePointer<Self>, adding: Bool
  ) {
    multiply(a, b, into: result, stride: b.columns, adding: adding)
  }
}

extension Float: BLASReal {
  public static func multiply(
    _ a: Factor<Float>, _ b: Factor<Float>, into result: UnsafeMutablePointer<Float>, stride: Int,
    adding: Bool
  ) {
    if isTiny(a, b) { return multiplyPlainly(a, b, into: result, stride: stride, adding: adding) }
    let (a, b) = blasFactors(a, b)
    cblas_sgemm(
      CblasRowMajor, a.order, b.order, a.rows, b.columns, a.columns, 1, a.elements, a.stride,
      b.elements, b.stride, adding ? 1 : 0, result, CInt(stride))
  }
}

extension Double: BLASReal {
  public static func multiply(
    _ a: Factor<Double>, _ b: Factor<Double>, into result: UnsafeMutablePointer<Double>,
    stride: Int, adding: Bool
  ) {
    if isTiny(a, b) { return multiplyPlainly(a, b, into: result, stride: stride, adding: adding) }
    let (a, b) = blasFactors(a, b)
    cblas_dgemm(
      CblasRowMajor, a.order, b.order, a.rows, b.columns, a.columns, 1, a.elements, a.stride,
      b.elements, b.stride, adding ? 1 : 0, result, CInt(stride))
  }
}

/// Whether a product is so small that a BLAS would take longer to prepare it than to compute it: fewer than some
/// 300 multiplications on the machines measured.
private func isTiny<R>(_ a: Factor<R>, _ b: Factor<R>) -> Bool {
  a.rows * a.columns * b.columns <= 256
}

/// As `multiply`, every element of the result added up from the first term to the last.
private func multiplyPlainly<R: Real>(
  _ a: Factor<R>, _ b: Factor<R>, into result: UnsafeMutablePointer<R>, stride: Int, adding: Bool
) {
  precondition(
    a.columns == b.rows, "product of \(a.rows) × \(a.columns) and \(b.rows) × \(b.columns)")
  let (x, y) = (a.places, b.places)
  for row in 0..<a.rows {
    for column in 0..<b.columns {
      let place = row * stride + column
      var sum = adding ? result[place] : 0
      for term in 0..<a.columns {
        sum += x.start[row * x.down + term * x.right] * y.start[term * y.down + column * y.right]
      }
      result[place] = sum
    }
  }
}

extension Factor {
  /// Where its elements lie, and how far apart those of neighboring rows and columns are.
  var places: (start: UnsafePointer<R>, down: Int, right: Int) {
    switch self {
    case .plain(let matrix): (matrix.elements, matrix.stride, 1)
    case .transposed(let matrix): (matrix.elements, 1, matrix.stride)
    }
  }
}

/// A factor in the terms of the BLAS.
private struct BLASFactor<R: Real> {
  let elements: UnsafePointer<R>
  let order: CBLAS_TRANSPOSE
  let rows, columns, stride: CInt

  init(_ factor: Factor<R>) {
    let matrix: Matrix<R>
    switch factor {
    case .plain(let plain): (matrix, order) = (plain, CblasNoTrans)
    case .transposed(let transposed): (matrix, order) = (transposed, CblasTrans)
    }
    precondition(
      max(factor.rows, factor.columns, matrix.stride) <= Int(CInt.max),
      "the BLAS counts to \(CInt.max), not to \(factor.rows) × \(factor.columns)")
    elements = matrix.elements
    (rows, columns) = (CInt(factor.rows), CInt(factor.columns))
    stride = CInt(matrix.stride)
  }
}

private func blasFactors<R>(_ a: Factor<R>, _ b: Factor<R>) -> (BLASFactor<R>, BLASFactor<R>) {
  precondition(
    a.columns == b.rows, "product of \(a.rows) × \(a.columns) and \(b.rows) × \(b.columns)")
  _ = onlyOneThread
  return (BLASFactor(a), BLASFactor(b))
}

/// Once, before the first product.
private let onlyOneThread: Void = nn_blas_use_one_thread()
