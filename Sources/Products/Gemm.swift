import Kernels
import Microkernels

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

extension Factor {
  /// Where its elements lie, and how far apart those of neighboring rows and columns are.
  fileprivate var places: (start: UnsafePointer<R>, down: Int, right: Int) {
    switch self {
    case .plain(let matrix): (matrix.elements, matrix.stride, 1)
    case .transposed(let matrix): (matrix.elements, 1, matrix.stride)
    }
  }
}

/// A type that matrices of are multiplied in: F32 and F64.
public protocol ProductReal: Real {
  /// result = a · b, or result + a · b where `adding`; `result` is row-major, its rows `stride`
  /// elements apart.
  ///
  /// By the calling thread. An element depends on its own row of a and column of b alone, and on
  /// whether the factors are transposed: a product of some rows or columns has the bytes that it
  /// has in the whole.
  static func multiply(
    _ a: Factor<Self>, _ b: Factor<Self>, into result: UnsafeMutablePointer<Self>, stride: Int,
    adding: Bool, with kernels: ProductKernels)
}

extension ProductReal {
  /// As `multiply` with the kernels that are best on this processor.
  public static func multiply(
    _ a: Factor<Self>, _ b: Factor<Self>, into result: UnsafeMutablePointer<Self>, stride: Int,
    adding: Bool
  ) {
    multiply(a, b, into: result, stride: stride, adding: adding, with: .best)
  }

  /// As `multiply` into packed rows.
  public static func multiply(
    _ a: Factor<Self>, _ b: Factor<Self>, into result: UnsafeMutablePointer<Self>, adding: Bool
  ) {
    multiply(a, b, into: result, stride: b.columns, adding: adding)
  }
}

extension Float: ProductReal {
  public static func multiply(
    _ a: Factor<Float>, _ b: Factor<Float>, into result: UnsafeMutablePointer<Float>, stride: Int,
    adding: Bool, with kernels: ProductKernels
  ) {
    withScratch(a, b, kernels) { scratch in
      let (x, y) = (a.places, b.places)
      kernels.compiled.multiply(
        x.start, aDown: x.down, aRight: x.right, rows: a.rows, y.start, bDown: y.down,
        bRight: y.right, columns: b.columns, terms: a.columns, into: result, stride: stride,
        adding: adding, scratch: scratch)
    }
  }
}

extension Double: ProductReal {
  public static func multiply(
    _ a: Factor<Double>, _ b: Factor<Double>, into result: UnsafeMutablePointer<Double>,
    stride: Int, adding: Bool, with kernels: ProductKernels
  ) {
    withScratch(a, b, kernels) { scratch in
      let (x, y) = (a.places, b.places)
      kernels.compiled.multiply(
        x.start, aDown: x.down, aRight: x.right, rows: a.rows, y.start, bDown: y.down,
        bRight: y.right, columns: b.columns, terms: a.columns, into: result, stride: stride,
        adding: adding, scratch: scratch)
    }
  }
}

private func withScratch<R: Real>(
  _ a: Factor<R>, _ b: Factor<R>, _ kernels: ProductKernels,
  _ body: (UnsafeMutablePointer<R>) -> Void
) {
  precondition(
    a.columns == b.rows, "product of \(a.rows) × \(a.columns) and \(b.rows) × \(b.columns)")
  let size = kernels.compiled.productScratch(rows: a.rows, columns: b.columns, terms: a.columns)
  Scratch.with(size, of: R.self, body)
}
