import Lanes16

/// The kernels of `Lanes16` for dense layers, in F32. See there what each of them computes.
public struct DenseKernels: Sendable {
  /// The fewest terms, or columns of a result, that they take.
  let lanes = Lanes16.lanes

  /// Those of this processor; nil where the BLAS is as fast.
  public static let best: DenseKernels? = LaneKernels.best?.lanes == Lanes16.lanes ? .init() : nil

  /// Those that this processor can run.
  public static let supported: [DenseKernels] =
    LaneKernels.supported.contains { $0.lanes == Lanes16.lanes } ? [.init()] : []

  /// a · bᵀ + bias.
  func multiply(
    _ a: Matrix<Float>, byTransposed b: Matrix<Float>, plus bias: UnsafePointer<Float>?,
    into result: UnsafeMutablePointer<Float>, stride: Int
  ) {
    precondition(
      a.columns == b.columns && a.columns >= lanes, "rows of \(a.columns) and \(b.columns)")
    multiplyByTransposed(
      a.elements, aStride: a.stride, rows: a.rows, b.elements, bStride: b.stride, columns: b.rows,
      terms: a.columns, bias: bias, into: result, stride: stride)
  }
}

/// A type that the gradients of dense layers are computed in.
protocol DenseReal: BLASReal {
  /// a · b, into packed rows: by kernels, where there are any for the type and rows of b fill a register, else by the BLAS.
  static func multiply(
    _ a: Factor<Self>, by b: Matrix<Self>, into result: UnsafeMutablePointer<Self>,
    with kernels: DenseKernels?)
}

extension Double: DenseReal {
  static func multiply(
    _ a: Factor<Double>, by b: Matrix<Double>, into result: UnsafeMutablePointer<Double>,
    with kernels: DenseKernels?
  ) {
    multiply(a, .plain(b), into: result, adding: false)
  }
}

extension Float: DenseReal {
  static func multiply(
    _ a: Factor<Float>, by b: Matrix<Float>, into result: UnsafeMutablePointer<Float>,
    with kernels: DenseKernels?
  ) {
    guard let kernels, b.columns >= kernels.lanes else {
      return multiply(a, .plain(b), into: result, adding: false)
    }
    precondition(a.columns == b.rows, "\(a.columns) columns, \(b.rows) rows")
    let places = a.places
    Lanes16.multiply(
      places.start, down: places.down, right: places.right, rows: a.rows, b.elements,
      bStride: b.stride, columns: b.columns, terms: b.rows, into: result, stride: b.columns)
  }
}
