import Kernels
import Tensors

/// What a layer does to its sums before they leave it as outputs.
public protocol Activation: Sendable {
  /// The word in the topology.
  var word: String { get }

  /// The activation with the options that stand in its line.
  ///
  /// - Throws: `TopologyFault`.
  func configured(_ words: inout LayerWords) throws -> any Activation

  /// How wide the random start values of the weights before it are spread.
  var spread: Spread { get }

  /// Why no error passes back through it; nil when one does.
  var reasonWithoutDerivative: String? { get }

  /// Whether `delta` and `derivative` read the sum, so that a trace must carry it.
  var backwardNeedsSum: Bool { get }

  /// Why it makes no sense for outputs of this shape (per example); nil when it does.
  func objection(to output: Shape) -> String?

  /// output = f(sum), of the same shape.
  func forward(_ sum: Tensor, _ workers: Workers) -> Tensor

  /// ∂loss/∂sum from error = ∂loss/∂output; must not be asked for where there is no derivative.
  ///
  /// - Parameter sum: nil unless `backwardNeedsSum`.
  func delta(error: Tensor, sum: Tensor?, output: Tensor, _ workers: Workers) -> Tensor

  /// f′(sum) for every element, to be looked at; nil when outputs depend on more than their own sum.
  func derivative(sum: Tensor?, output: Tensor, _ workers: Workers) -> Tensor?
}

extension Activation {
  public func configured(_ words: inout LayerWords) throws -> any Activation { self }
  public var spread: Spread { .glorot }
  public var reasonWithoutDerivative: String? { nil }
  public var backwardNeedsSum: Bool { false }
  public func objection(to output: Shape) -> String? { nil }
}

/// The limit of the uniform distribution that weights are drawn from at the start.
public enum Spread: Sendable {
  /// √(6 / (fan-in + fan-out)). Source: Glorot, Bengio 2010, Understanding the difficulty of training deep
  /// feedforward neural networks, equation 16.
  case glorot

  /// √(6 / fan-in). Source: He, Zhang, Ren, Sun 2015, Delving deep into rectifiers, equation 10, as a
  /// uniform distribution of the same variance.
  case he

  public func limit(fanIn: Int, fanOut: Int) -> Double {
    switch self {
    case .glorot: (6 / (Double(fanIn) + Double(fanOut))).squareRoot()
    case .he: (6 / Double(fanIn)).squareRoot()
    }
  }
}

/// Every activation that a topology may name, as it is without options.
public let activations: [any Activation] = [
  Identity(),
  ReLU(),
  Sigmoid(),
  Softmax(),
  Step(),
  Tanh(),
]

/// An activation that treats every element by itself, with a derivative that its output tells.
public protocol ElementwiseActivation: Activation {
  /// f(x)
  func value<R: Real>(_ x: R) -> R

  /// f′(x), given y = f(x).
  func slope<R: Real>(output y: R) -> R
}

extension ElementwiseActivation {
  public func forward(_ sum: Tensor, _ workers: Workers) -> Tensor {
    sum.mapped(by: Value(activation: self), workers)
  }

  public func delta(error: Tensor, sum: Tensor?, output: Tensor, _ workers: Workers) -> Tensor {
    error.combined(with: output, by: Delta(activation: self), workers)
  }

  public func derivative(sum: Tensor?, output: Tensor, _ workers: Workers) -> Tensor? {
    output.mapped(by: Slope(activation: self), workers)
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
