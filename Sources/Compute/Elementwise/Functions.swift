/// A function of one number, for `Tensor.mapped`.
public protocol ElementFunction: Sendable {
  func callAsFunction<R: Real>(_ x: R) -> R
}

/// A function of two numbers, for `Tensor.combined`.
public protocol PairFunction: Sendable {
  func callAsFunction<R: Real>(_ x: R, _ y: R) -> R
}

/// A function of one example's numbers, for `Tensor.mappedRows`; it must write all of `result`.
public protocol RowFunction: Sendable {
  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, into result: UnsafeMutableBufferPointer<R>)
}

/// A function of one example's numbers in two tensors, for `Tensor.combinedRows`; it must write all of
/// `result`.
public protocol RowPairFunction: Sendable {
  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, _ y: UnsafeBufferPointer<R>,
    into result: UnsafeMutableBufferPointer<R>)
}

/// x + y
public struct Addition: PairFunction {
  public init() {}

  @inlinable
  public func callAsFunction<R: Real>(_ x: R, _ y: R) -> R { x + y }
}

/// x · y
public struct Multiplication: PairFunction {
  public init() {}

  @inlinable
  public func callAsFunction<R: Real>(_ x: R, _ y: R) -> R { x * y }
}

/// x · factor
public struct Times: ElementFunction {
  public let factor: Double

  public init(factor: Double) { self.factor = factor }

  @inlinable
  public func callAsFunction<R: Real>(_ x: R) -> R { x * R(factor) }
}
