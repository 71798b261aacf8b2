import Compute
import Tensors

/// An activation that treats every element by itself, with a derivative that its output tells.
public protocol ElementwiseActivation: Activation {
  /// f(x)
  func value<R: Real>(_ x: R) -> R

  /// f′(x), given y = f(x).
  func slope<R: Real>(output y: R) -> R
}

extension ElementwiseActivation {
  public var isElementwise: Bool { true }

  public func apply(to sum: inout Tensor, _ workers: ThreadPool) {
    sum.map(by: Value(activation: self), workers)
  }

  public func makeDelta(
    of error: inout Tensor, sum: Tensor?, output: Tensor, _ workers: ThreadPool
  ) {
    error.combine(with: output, by: Delta(activation: self), workers)
  }

  public func derivative(sum: Tensor?, output: Tensor, _ workers: ThreadPool) -> Tensor? {
    output.mapped(by: Slope(activation: self), workers)
  }
}

/// An activation that treats every element by itself, with a derivative that only the sum tells.
public protocol ElementwiseActivationBySum: Activation {
  /// f(x)
  func value<R: Real>(_ x: R) -> R

  /// f′(x)
  func slope<R: Real>(sum x: R) -> R
}

extension ElementwiseActivationBySum {
  public var isElementwise: Bool { true }
  public var backwardNeedsSum: Bool { true }

  public func apply(to sum: inout Tensor, _ workers: ThreadPool) {
    sum.map(by: ValueBySum(activation: self), workers)
  }

  public func makeDelta(
    of error: inout Tensor, sum: Tensor?, output: Tensor, _ workers: ThreadPool
  ) {
    error.combine(with: required(sum), by: DeltaBySum(activation: self), workers)
  }

  public func derivative(sum: Tensor?, output: Tensor, _ workers: ThreadPool) -> Tensor? {
    required(sum).mapped(by: SlopeBySum(activation: self), workers)
  }

  private func required(_ sum: Tensor?) -> Tensor {
    guard let sum else { preconditionFailure("derivative of '\(word)' without the sum") }
    return sum
  }
}

private struct Value<A: ElementwiseActivation>: ElementFunction {
  let activation: A
  func callAsFunction<R: Real>(_ x: R) -> R { activation.value(x) }
}

private struct Slope<A: ElementwiseActivation>: ElementFunction {
  let activation: A
  func callAsFunction<R: Real>(_ y: R) -> R { activation.slope(output: y) }
}

private struct Delta<A: ElementwiseActivation>: PairFunction {
  let activation: A
  func callAsFunction<R: Real>(_ error: R, _ y: R) -> R { error * activation.slope(output: y) }
}

private struct ValueBySum<A: ElementwiseActivationBySum>: ElementFunction {
  let activation: A
  func callAsFunction<R: Real>(_ x: R) -> R { activation.value(x) }
}

private struct SlopeBySum<A: ElementwiseActivationBySum>: ElementFunction {
  let activation: A
  func callAsFunction<R: Real>(_ x: R) -> R { activation.slope(sum: x) }
}

private struct DeltaBySum<A: ElementwiseActivationBySum>: PairFunction {
  let activation: A
  func callAsFunction<R: Real>(_ error: R, _ x: R) -> R { error * activation.slope(sum: x) }
}
