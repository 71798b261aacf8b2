import Compute
import Tensors

/// An operation of a network with its shapes and, mostly, parameters. The activation after it is a matter of its own.
///
/// A layer is a value made from one topology line. It holds no parameters, keeps nothing between calls and
/// knows no learning rate. Tensors have the batch first: [N, …]. Inputs, outputs, parameters and saved tensors are
/// known by their positions; their memory is the executor's.
public protocol Layer: Sendable {
  /// The shape of one example that leaves the layer by its first output.
  var output: Shape { get }

  /// The shapes of one example by all outputs; only `output` unless the layer says otherwise.
  var outputs: [Shape] { get }

  /// Its parameters, named within the layer: `weight`, `bias`.
  var parameters: [Parameter] { get }

  /// What forward computes and backward reads again, besides inputs and parameters.
  func saved(_ mode: Mode) -> [SavedTensor]

  /// What backward reads besides output gradients and saved tensors.
  ///
  /// - Parameter wantsInputGradient: whether any input's gradient will be asked for.
  func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads

  /// Whether the output is the input's own memory under another shape, so that it takes none.
  func sharesInput(_ mode: Mode) -> Bool

  /// The most bytes that a call takes for a time besides its arguments.
  ///
  /// - Parameter threads: those that compute at once.
  func scratchBytes(examples: Int, _ dtype: DType, threads: Int) -> Double

  /// Whether a training pass draws random numbers.
  var isRandom: Bool { get }

  /// Whether the network's input may reach it in this dtype, though computation is in another one.
  func accepts(_ dtype: DType) -> Bool

  /// Refuses values of the network's input that the layer is not defined for.
  ///
  /// - Parameter input: [N, …] in the dtype in which it came.
  /// - Throws: `LayerError`.
  func check(input: Tensor) throws

  /// Why a training pass over so few examples has no result, as what follows `the batch has`; nil when it has one.
  func objection(toTrainingOn examples: Int) -> String?

  /// Computes the outputs, and what is saved for backward.
  func forward(_ call: ForwardCall)

  /// Undoes forward: from ∂loss/∂output to ∂loss/∂parameter and, where wanted, ∂loss/∂input.
  func backward(_ call: BackwardCall)
}

extension Layer {
  public var outputs: [Shape] { [output] }
  public var parameters: [Parameter] { [] }
  public func saved(_ mode: Mode) -> [SavedTensor] { [] }
  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads()
  }
  public func sharesInput(_ mode: Mode) -> Bool { false }
  public func scratchBytes(examples: Int, _ dtype: DType, threads: Int) -> Double { 0 }
  public var isRandom: Bool { false }
  public func accepts(_ dtype: DType) -> Bool { false }
  public func check(input: Tensor) throws {}
  public func objection(toTrainingOn examples: Int) -> String? { nil }
}

/// What `Layer.backward` reads besides output gradients and saved tensors.
public struct BackwardReads: Sendable, Equatable {
  /// Whether it reads the elements of the inputs, and not only their shapes.
  public var inputs: Bool

  /// The positions of the parameters whose values it reads.
  public var parameters: [Int]

  public init(inputs: Bool = false, parameters: [Int] = []) {
    (self.inputs, self.parameters) = (inputs, parameters)
  }
}

/// A tensor that forward leaves for backward; a trace carries it as `LAYER.NAME`.
public struct SavedTensor: Sendable, Equatable {
  public let name: String
  /// The shape for one example, or of the whole tensor.
  public let shape: Shape
  public let isPerExample: Bool
  /// nil for the dtype that the network computes in.
  public let dtype: DType?

  public init(_ name: String, _ shape: Shape, isPerExample: Bool, _ dtype: DType? = nil) {
    (self.name, self.shape, self.isPerExample, self.dtype) = (name, shape, isPerExample, dtype)
  }
}

/// Where a layer's input comes from, and its shape per example.
public struct LayerInput: Sendable, Equatable {
  /// The name of the layer, or `input`.
  public let name: String
  public let shape: Shape

  /// Whether it is the network's input.
  public var isNetworkInput: Bool { name == "input" }

  public init(name: String, shape: Shape) { (self.name, self.shape) = (name, shape) }
}

/// Values that a layer is not defined for.
public enum LayerError: Fault, Equatable {
  /// An id of the input that is none of 0…`count` − 1.
  case idOutOfRange(id: String, row: Int, position: [Int], count: Int)
  /// Ids of a dtype that is none of integers.
  case notIntegers(found: DType)

  /// The same of rows of a dataset.
  ///
  /// - Parameter rows: the dataset's row for each example of the batch.
  public func ofDataset(rows: [Int]) -> LayerError {
    guard case .idOutOfRange(let id, let row, let position, let count) = self,
      rows.indices.contains(row)
    else { return self }
    return .idOutOfRange(id: id, row: rows[row], position: position, count: count)
  }

  public var description: String {
    switch self {
    case .idOutOfRange(let id, let row, let position, let count):
      "tensor 'input': found id \(id) in row \(row)"
        + (position.isEmpty ? "" : " at step \(position.map(String.init).joined(separator: ", "))")
        + ", expected ids from 0 to \(count - 1)"
    case .notIntegers(let found):
      "tensor 'input': found dtype \(found.rawValue), expected integers, which are ids"
    }
  }
}

/// A tensor of a layer that a model carries.
public struct Parameter: Sendable, Equatable {
  /// Its values before the first step.
  public enum Start: Sendable, Equatable {
    /// The same number everywhere.
    case constant(Double)

    /// As many blocks of equal length along the first axis, each with its own number.
    case blocks([Double])

    /// Random, within limits that depend on how many inputs an output adds up (`fanIn`), on how many
    /// outputs an input acts upon (`fanOut`), and on the activation that follows.
    case spread(fanIn: Int, fanOut: Int)
  }

  /// The prefix of the names of running statistics, which a layer learns by averaging and not by gradient.
  public static let statisticPrefix = "running_"

  /// The name of a statistic that cannot be below 0.
  public static let varianceName = statisticPrefix + "var"

  public let name: String
  public let shape: Shape
  public let start: Start

  /// Whether it is a running variance.
  public var isVariance: Bool { name.hasSuffix(Self.varianceName) }

  /// Whether it is learned by gradient; else it is a running statistic.
  public let isLearned: Bool

  public init(_ name: String, _ shape: Shape, _ start: Start, isLearned: Bool = true) {
    precondition(
      isLearned != (name.split(separator: ".").last ?? "").hasPrefix(Self.statisticPrefix),
      "'\(name)' does not say whether it is learned")
    self.name = name
    self.shape = shape
    self.start = start
    self.isLearned = isLearned
  }
}
