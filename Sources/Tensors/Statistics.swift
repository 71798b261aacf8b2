/// What a tensor's numbers are like, for people.
public struct Statistics: Sendable, Equatable {
  /// Elements that are exactly 0.
  public let zeros: Int
  /// Elements that are NaN; they count in nothing else.
  public let nans: Int
  /// Of the numbers that are not NaN; nil when there are none.
  public let minimum: Double?
  public let maximum: Double?
  public let mean: Double?
  /// Of the population: divided by the count.
  public let standardDeviation: Double?

  /// C64 counts as its real and imaginary parts.
  public init(_ tensor: Tensor) {
    let all = tensor.doubles()
    let values = all.filter { !$0.isNaN }
    nans = all.count - values.count
    zeros = values.count { $0 == 0 }
    minimum = values.min()
    maximum = values.max()
    guard !values.isEmpty else {
      mean = nil
      standardDeviation = nil
      return
    }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    self.mean = mean
    standardDeviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
  }
}

extension Tensor {
  /// The first element below 0, and where it is; nil when there is none.
  public func firstNegative() -> (value: Double, position: [Int])? {
    let values = doubles()
    return values.firstIndex { $0 < 0 }.map { (values[$0], position(of: $0)) }
  }
}

extension Tensor {
  /// The elements added up in Double, from the first to the last; of F32 or F64.
  public func sum() -> Double {
    dtype == .f64
      ? withValues(of: Double.self) { $0.reduce(0, +) }
      : withValues(of: Float.self) { $0.reduce(0) { $0 + Double($1) } }
  }
}
