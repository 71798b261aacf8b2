import Kernels
import Tensors

/// An operation with shapes and, mostly, parameters; the activation that follows it is not its business.
///
/// A layer is a value made from one topology line. It holds no parameters, keeps nothing between calls and
/// knows no learning rate. Tensors have the batch first: [N, …]. Most layers take one input and conform to
/// `SingleInputLayer`.
public protocol Layer: Sendable {
  /// The word that starts its topology line; with a running number, also its name.
  static var word: String { get }

  /// Whether its line names further inputs behind the word: `add NAME…`.
  static var joinsOthers: Bool { get }

  /// - Parameters:
  ///   - words: the line's words after the layer's own; the initializer takes those that it knows.
  ///   - inputs: what reaches the layer; one, unless it joins others.
  /// - Throws: `TopologyFault`.
  init(_ words: inout LayerWords, inputs: [LayerInput]) throws

  /// The shape of one example that leaves the layer.
  var output: Shape { get }

  /// Its parameters, named within the layer: `weight`, `bias`.
  var parameters: [Parameter] { get }

  /// The parameters whose values `backward` reads.
  ///
  /// - Parameter wantsInputGradient: whether any input's gradient will be asked for.
  func parametersForBackward(_ mode: Mode, wantsInputGradient: Bool) -> [String]

  /// Whether `backward` reads the elements of its inputs, and not only their shapes.
  var backwardReadsInputs: Bool { get }

  /// What `forward` finds on its way and `backward` reads again, besides inputs and parameters.
  func kept(in mode: Mode) -> [KeptSignal]

  /// Whether `forward` gives its input's own memory on, so that the result takes none.
  func handsOnMemory(in mode: Mode) -> Bool

  /// What it takes besides signals and parameters.
  ///
  /// - Parameter threads: that compute at once.
  func workingMemory(
    examples: Int, _ dtype: DType, threads: Int, _ passage: Passage
  ) -> WorkingMemory

  /// Whether a training pass draws random numbers.
  var isRandom: Bool { get }

  /// Why a training pass over so few examples has no result, as what follows `the batch has`; nil when it has one.
  func objection(toTrainingOn examples: Int) -> String?

  /// - Parameters:
  ///   - inputs: [N, …] each, with as many elements per example as the layer expects.
  ///   - parameters: all of `parameters`, in the inputs' dtype.
  func forward(_ inputs: [Tensor], _ parameters: [String: Tensor], _ pass: Pass) -> LayerOutput

  /// Undoes `forward`: from ∂loss/∂(what forward returned) to ∂loss/∂(what it was given).
  ///
  /// - Parameters:
  ///   - delta: [N] + `output`.
  ///   - inputs: what `forward` was given.
  ///   - kept: what `forward` kept.
  ///   - parameters: at least `parametersForBackward`.
  ///   - wanted: for each input whether its gradient is asked for.
  func backward(
    delta: Tensor, inputs: [Tensor], kept: [String: Tensor], _ parameters: [String: Tensor],
    wanted: [Bool], _ pass: Pass
  ) -> LayerGradient
}

extension Layer {
  public static var joinsOthers: Bool { false }
  public var parameters: [Parameter] { [] }
  public func parametersForBackward(_ mode: Mode, wantsInputGradient: Bool) -> [String] { [] }
  public var backwardReadsInputs: Bool { true }
  public func kept(in mode: Mode) -> [KeptSignal] { [] }
  public func handsOnMemory(in mode: Mode) -> Bool { false }
  public func workingMemory(
    examples: Int, _ dtype: DType, threads: Int, _ passage: Passage
  ) -> WorkingMemory { .none }
  public var isRandom: Bool { false }
  public func objection(toTrainingOn examples: Int) -> String? { nil }
}

/// A layer of one input.
public protocol SingleInputLayer: Layer {
  /// - Parameter input: the shape of one example that reaches the layer.
  /// - Throws: `TopologyFault`.
  init(_ words: inout LayerWords, input: Shape) throws

  /// As `Layer.forward` with its one input.
  func forward(_ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass) -> LayerOutput

  /// As `Layer.backward` with its one input.
  func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient
}

extension SingleInputLayer {
  public init(_ words: inout LayerWords, inputs: [LayerInput]) throws {
    precondition(inputs.count == 1, "\(inputs.count) inputs of a layer that takes one")
    try self.init(&words, input: inputs[0].shape)
  }

  public func forward(
    _ inputs: [Tensor], _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    forward(inputs[0], parameters, pass)
  }

  public func backward(
    delta: Tensor, inputs: [Tensor], kept: [String: Tensor], _ parameters: [String: Tensor],
    wanted: [Bool], _ pass: Pass
  ) -> LayerGradient {
    backward(
      delta: delta, input: inputs[0], kept: kept, parameters, wantsInputGradient: wanted[0], pass)
  }
}

/// Where a layer's input comes from, and its shape per example.
public struct LayerInput: Sendable, Equatable {
  /// The name of the layer, or `input`.
  public let name: String
  public let shape: Shape

  public init(name: String, shape: Shape) {
    self.name = name
    self.shape = shape
  }
}

/// What `Layer.forward` gives.
public struct LayerOutput: Sendable {
  /// [N] + the layer's output.
  public var sum: Tensor

  /// The tensors of `Layer.kept`, by name.
  public let kept: [String: Tensor]

  public init(_ sum: Tensor, kept: [String: Tensor] = [:]) {
    self.sum = sum
    self.kept = kept
  }
}

/// A tensor that a layer hands from forward to backward; a trace carries it as `LAYER.NAME`.
public struct KeptSignal: Sendable {
  public let name: String
  /// Per example, or of the whole batch.
  public let shape: Shape
  public let isPerExample: Bool
  /// Whether it is what `forward` returns, under another name.
  public let isSum: Bool

  public init(_ name: String, _ shape: Shape, isPerExample: Bool, isSum: Bool = false) {
    self.name = name
    self.shape = shape
    self.isPerExample = isPerExample
    self.isSum = isSum
  }

  /// Of a batch of so many examples.
  public func shape(of examples: Int) -> Shape { isPerExample ? shape.batched(examples) : shape }
}

/// What `Layer.backward` finds.
public struct LayerGradient: Sendable {
  /// By the parameter's name: ∂loss/∂parameter, summed over the examples; for a running statistic the sum over
  /// the examples of momentum · (statistic − what the batch showed).
  public let parameters: [String: Tensor]

  /// ∂loss/∂input of every input, in its shape; nil where nobody asked.
  public let inputs: [Tensor?]

  public init(parameters: [String: Tensor] = [:], inputs: [Tensor?]) {
    self.parameters = parameters
    self.inputs = inputs
  }

  public init(parameters: [String: Tensor] = [:], input: Tensor?) {
    self.init(parameters: parameters, inputs: [input])
  }
}

/// A tensor of a layer that a model carries.
public struct Parameter: Sendable, Equatable {
  /// How its values are at the start.
  public enum Start: Sendable, Equatable {
    /// The same number everywhere.
    case constant(Double)

    /// As many blocks of equal length along the first axis, each with its own number.
    case blocks([Double])

    /// Random, within limits that depend on how many inputs an output adds up (`fanIn`), on how many
    /// outputs an input acts upon (`fanOut`), and on the activation that follows.
    case spread(fanIn: Int, fanOut: Int)
  }

  /// What the names of statistics begin with: what a layer learns of its inputs by averaging, not by gradient.
  public static let statisticPrefix = "running_"

  /// What the names of statistics end with that cannot be below 0.
  public static let varianceName = statisticPrefix + "var"

  public let name: String
  public let shape: Shape
  public let start: Start

  /// Whether it is a running variance.
  public var isVariance: Bool { name.hasSuffix(Self.varianceName) }

  /// Whether a gradient corrects it; else it is a running statistic.
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

/// Every kind of layer that a topology may name.
public let layerKinds: [any Layer.Type] = [
  Add.self,
  AvgPool.self,
  BatchNorm.self,
  Concat.self,
  Conv.self,
  Dense.self,
  Dropout.self,
  GlobalAvgPool.self,
  GRU.self,
  LayerNorm.self,
  LSTM.self,
  MaxPool.self,
  Normalize.self,
  Reshape.self,
  RNN.self,
  Scale.self,
]
