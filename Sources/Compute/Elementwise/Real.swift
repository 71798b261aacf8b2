import CLibrary
import Tensors

/// The two types that a model computes in, Float and Double, with the functions of the C library.
///
/// Everything is inlinable so that generic kernels are specialized in every module that uses them.
public protocol Real: BinaryFloatingPoint, Codable, SIMDScalar, TensorElement {
  static func exp(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  /// log(1 + x), exact near 0.
  static func log1p(_ x: Self) -> Self
  static func tanh(_ x: Self) -> Self
  /// e^x − 1, exact near 0.
  static func expm1(_ x: Self) -> Self
  /// 1 − erf(x), exact where erf is nearly 1.
  static func erfc(_ x: Self) -> Self
}

extension Float: Real {
  @inlinable public static func exp(_ x: Float) -> Float { expf(x) }
  @inlinable public static func log(_ x: Float) -> Float { logf(x) }
  @inlinable public static func log1p(_ x: Float) -> Float { log1pf(x) }
  @inlinable public static func tanh(_ x: Float) -> Float { tanhf(x) }
  @inlinable public static func expm1(_ x: Float) -> Float { expm1f(x) }
  @inlinable public static func erfc(_ x: Float) -> Float { erfcf(x) }
}

extension Double: Real {
  @inlinable public static func exp(_ x: Double) -> Double { libraryExp(x) }
  @inlinable public static func log(_ x: Double) -> Double { libraryLog(x) }
  @inlinable public static func log1p(_ x: Double) -> Double { libraryLog1p(x) }
  @inlinable public static func tanh(_ x: Double) -> Double { libraryTanh(x) }
  @inlinable public static func expm1(_ x: Double) -> Double { libraryExpm1(x) }
  @inlinable public static func erfc(_ x: Double) -> Double { libraryErfc(x) }
}

// Inside the extension the C functions are hidden by the methods of the same name.
@inlinable func libraryExp(_ x: Double) -> Double { exp(x) }
@inlinable func libraryLog(_ x: Double) -> Double { log(x) }
@inlinable func libraryLog1p(_ x: Double) -> Double { log1p(x) }
@inlinable func libraryTanh(_ x: Double) -> Double { tanh(x) }
@inlinable func libraryExpm1(_ x: Double) -> Double { expm1(x) }
@inlinable func libraryErfc(_ x: Double) -> Double { erfc(x) }

/// Runs the kernel for the element type of `dtype`, which must be F32 or F64.
///
/// The choice is made once per call of a kernel; behind it everything is specialized.
@inlinable
public func dispatch<Result>(
  _ dtype: DType, f32: () -> Result, f64: () -> Result
) -> Result {
  switch dtype {
  case .f32: return f32()
  case .f64: return f64()
  default: preconditionFailure("arithmetic in \(dtype.rawValue)")
  }
}
