import Compute
import Tensors

/// What a layer does to its sums before they leave it as outputs.
public protocol Activation: Sendable {
  /// The word in the topology.
  var word: String { get }

  /// The activation with the options that stand in its line.
  ///
  /// - Throws: `TopologyError`.
  func configured(_ words: inout LayerWords) throws -> any Activation

  /// How wide the random start values of the weights before it are spread.
  var spread: VarianceScaling { get }

  /// Why no error passes back through it; nil when one does.
  var reasonWithoutDerivative: String? { get }

  /// Whether `delta` and `derivative` read the sum, so that a trace must carry it.
  var backwardNeedsSum: Bool { get }

  /// Whether every element is treated by itself, so that the order of elements does not matter.
  var isElementwise: Bool { get }

  /// Why it makes no sense for outputs of this shape (per example); nil when it does.
  func objection(to output: Shape) -> String?

  /// output = f(sum), in the sum's place.
  func apply(to sum: inout Tensor, _ workers: ThreadPool)

  /// ∂loss/∂sum in the place of error = ∂loss/∂output; must not be asked for where there is no derivative.
  ///
  /// - Parameter sum: nil unless `backwardNeedsSum`.
  func makeDelta(of error: inout Tensor, sum: Tensor?, output: Tensor, _ workers: ThreadPool)

  /// f′(sum) for every element, to be looked at; nil when outputs depend on more than their own sum.
  func derivative(sum: Tensor?, output: Tensor, _ workers: ThreadPool) -> Tensor?
}

extension Activation {
  public func configured(_ words: inout LayerWords) throws -> any Activation { self }
  public var spread: VarianceScaling { .glorot }
  public var reasonWithoutDerivative: String? { nil }
  public var backwardNeedsSum: Bool { false }
  public var isElementwise: Bool { false }
  public func objection(to output: Shape) -> String? { nil }

  /// output = f(sum), of the same shape.
  public func forward(_ sum: Tensor, _ workers: ThreadPool) -> Tensor {
    var output = sum
    apply(to: &output, workers)
    return output
  }
}

/// How far from 0 the random start values of weights lie, so that signals and errors keep their strength.
public enum VarianceScaling: Sendable, Equatable {
  /// Variance 2 / (fan-in + fan-out). Source: Glorot, Bengio 2010, Understanding the difficulty of training
  /// deep feedforward neural networks, equation 12.
  case glorot

  /// Variance 2 / ((1 + slope²) fan-in), before a rectifier of this slope below 0. Source: He, Zhang, Ren,
  /// Sun 2015, Delving deep into rectifiers, equations 10 and 15.
  case he(slope: Double = 0)

  /// Variance 1 / fan-in. Source: LeCun, Bottou, Orr, Müller 1998, Efficient backprop, equation 16.
  case leCun

  /// The limit of the uniform distribution of this variance, √(3 · variance).
  public func limit(fanIn: Int, fanOut: Int) -> Double { root(of: 3, fanIn, fanOut) }

  /// The standard deviation, √variance.
  public func deviation(fanIn: Int, fanOut: Int) -> Double { root(of: 1, fanIn, fanOut) }

  /// √(factor · variance)
  private func root(of factor: Double, _ fanIn: Int, _ fanOut: Int) -> Double {
    switch self {
    case .glorot: (2 * factor / (Double(fanIn) + Double(fanOut))).squareRoot()
    case .he(let slope): (2 * factor / ((1 + slope * slope) * Double(fanIn))).squareRoot()
    case .leCun: (factor / Double(fanIn)).squareRoot()
    }
  }
}

/// Every activation that a topology may name, as it is without options.
public let activations: [any Activation] = [
  ELU(),
  GELU(),
  HardSigmoid(),
  Identity(),
  LeakyReLU(),
  Mish(),
  ReLU(),
  SELU(),
  Sigmoid(),
  SiLU(),
  Softmax(),
  Softplus(),
  Softsign(),
  Step(),
  Tanh(),
]
