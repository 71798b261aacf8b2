import Documents
import Kernels
import Layers
import Networks
import Safetensors
import Tensors
import Training

/// The forward stage: a model, ready to push batches through its network.
public struct Forward: Sendable {
  public private(set) var model: Model
  private let network: Network
  private let answers: AnswerPass
  let workers: Workers
  private let memoryLimit: Int
  /// Where brief traces are made; nil before the first.
  private var workspace: Workspace?

  /// Examples whose signals are in memory together when only predictions are asked for. A multiple of the pieces
  /// that products are cut into, so that the same examples give the same bytes in one document or in several.
  static let chunk = 256

  /// - Parameter memoryLimit: the most bytes that a document's signals may take; see `SignalMemory`.
  /// - Throws: `TopologyFault`, `NetworkFault` when the model's parameters are not the network's.
  public init(_ model: Model, _ workers: Workers, memoryLimit: Int = .max) throws {
    self.model = model
    self.workers = workers
    self.memoryLimit = memoryLimit
    network = try Network(topology: model.topology)
    try network.checkParameters(model.parameters)
    answers = AnswerPass(network, .inference, model.dtype)
  }

  /// Goes on with corrected weights of the same network.
  ///
  /// - Throws: `PropagationError.otherModel`; as `init` otherwise.
  public mutating func follow(_ next: Document) throws {
    workers.expectWork()
    let next = try Model(next)
    guard next.topology == model.topology, next.dtype == model.dtype else {
      throw PropagationError.otherModel
    }
    try network.checkParameters(next.parameters)
    model = next
  }

  /// What the network answers to a batch or a dataset, and how wrong that is where the target is known.
  ///
  /// - Returns: a prediction document: `output` [N, …]; `loss` [N], `target` and `index` where there are any.
  /// - Throws: `NetworkFault` when the input or target does not fit, or the signals are too large; `DocumentError.notFinite` for
  ///   the result.
  public func prediction(of batch: Document) throws -> Document {
    let batch = try ExampleBatch(batch, for: network, dtype: model.dtype, keepingBytes: true) {
      try checkMemory(of: $0, together: Self.chunk, for: .answer, hasClassIDs: $1)
    }
    var outputs = [Tensor]()
    var losses = [Tensor]()
    for start in stride(from: 0, to: batch.count, by: Self.chunk) {
      let rows = start..<min(start + Self.chunk, batch.count)
      let signals = answers.signals(
        of: batch.input.rows(rows), parameters: model.parameters, Pass(.inference, workers))
      outputs.append(signals.output)
      if let target = batch.target {
        losses.append(network.losses(signals, target: target.rows(rows), workers: workers))
      }
    }
    var result = batch.descendant(.prediction, topology: model.topology)
    let output = Tensor.concatenated(outputs)
    try output.requireFinite(Role.output)
    result.tensors[Role.output] = output
    if !losses.isEmpty {
      let loss = Tensor.concatenated(losses)
      try loss.requireFinite(Role.loss)
      result.tensors[Role.loss] = loss
    }
    result.tensors[Role.target] = batch.source.tensors[Role.target]
    return result
  }

  /// Refuses an epoch in which a layer cannot be trained on the last batch, as its first one already shows.
  ///
  /// - Parameter batch: of the epoch, any but the last; a document that does not say how many rows its epoch has passes.
  /// - Throws: `NetworkFault.tooFewExamples`.
  public func foresee(_ batch: Document) throws {
    guard batch[.rows] != nil, let count = batch.tensors[Role.input]?.shape.dimensions.first
    else { return }
    let (step, steps, rows) = (
      try batch.integer(.step), try batch.integer(.steps), try batch.integer(.rows)
    )
    let last = rows - (steps - 1) * count
    if step < steps, last > 0 { try checkTraining(onLast: last) }
  }

  /// - Throws: `NetworkFault.tooFewExamples` when a layer cannot be trained on a last batch of so many examples.
  func checkTraining(onLast examples: Int) throws {
    try network.checkTraining(on: examples, of: "the epoch's last batch")
  }

  /// What a trace carries.
  public enum Signals: Sendable {
    /// `LAYER.output` of every layer, and what the way back reads besides.
    case outputs
    /// These, and `LAYER.sum` also where the way back does not need it.
    case outputsAndSums
    /// Only what the way back reads and does not find again, as it lies in memory: for `Backprop` with the same kernels, which is
    /// to say on the same machine.
    case brief
  }

  /// Every signal on the way through the network, and the parameters that the way back needs.
  ///
  /// - Parameters:
  ///   - mode: whether normalization and dropout act as in training.
  ///   - keepingSums: whether `LAYER.sum` is kept also where the way back does not need it.
  /// - Returns: a trace document: the batch, `LAYER.output` of every layer, `LAYER.sum`, what layers keep for the way
  ///   back, `loss` [N].
  /// - Throws: as `prediction`; `NetworkFault.tooFewExamples`; `DocumentError` for a batch that does not say where it
  ///   belongs when a layer draws by that.
  public func trace(
    of batch: Document, _ mode: Mode = .training, keepingSums: Bool = false
  ) throws -> Document {
    let signals = keepingSums ? Signals.outputsAndSums : .outputs
    return try wholeTrace(of: checked(batch, mode, signals))
  }

  /// A batch on its way into a trace: what of that needs no weights.
  public struct Prepared: Sendable {
    fileprivate let batch: ExampleBatch
    fileprivate let mode: Mode
    fileprivate let signals: Signals
    fileprivate let pass: Pass
  }

  /// What of a trace can be made while its weights are not known yet. The next trace must be that of this batch.
  ///
  /// - Parameter mode: of brief traces only `training`.
  /// - Throws: as `trace(of:_:keepingSums:)`, for what is wrong with the batch.
  public mutating func prepared(
    _ batch: Document, _ mode: Mode = .training, _ signals: Signals = .outputs
  ) throws -> Prepared {
    let prepared = try checked(batch, mode, signals)
    if signals == .brief {
      precondition(mode == .training, "a brief trace in \(mode.rawValue)")
      if workspace == nil { workspace = Workspace(network, dtype: model.dtype) }
      workspace?.begin(prepared.batch.input, prepared.pass)
    }
    return prepared
  }

  /// The trace of a batch that has been prepared.
  ///
  /// - Throws: as `trace(of:_:keepingSums:)`.
  public mutating func trace(of prepared: Prepared) throws -> Document {
    guard prepared.signals == .brief, var workspace = workspace.take() else {
      return try wholeTrace(of: prepared)
    }
    defer { self.workspace = workspace }
    let batch = prepared.batch
    workspace.use(model.parameters)
    workspace.finish(batch.input, target: batch.target, prepared.pass)
    var result = emptyTrace(of: prepared)
    result[.signals] = briefSignals
    result.tensors.merge(workspace.handedOver()) { _, made in made }
    return try completed(
      result, output: workspace.output, losses: batch.target == nil ? nil : workspace.losses)
  }

  private func checked(
    _ batch: Document, _ mode: Mode, _ signals: Signals
  ) throws -> Prepared {
    let keepsSums = signals == .outputsAndSums
    let batch = try ExampleBatch(
      batch, for: network, dtype: model.dtype, keepingBytes: signals == .brief
    ) {
      try checkMemory(of: $0, for: keepsSums ? .everything(mode) : .trace(mode), hasClassIDs: $1)
    }
    if mode == .training { try network.checkTraining(on: batch.count) }
    return Prepared(
      batch: batch, mode: mode, signals: signals,
      pass: try batch.source.pass(mode, of: network, workers))
  }

  private func wholeTrace(of prepared: Prepared) throws -> Document {
    let batch = prepared.batch
    let signals = network.forward(
      batch.input, parameters: model.parameters,
      keeping: prepared.signals == .outputsAndSums ? .everything : .whatBackwardNeeds,
      prepared.pass)
    var result = emptyTrace(of: prepared)
    for (layer, output) in signals.outputs { result.tensors["\(layer).output"] = output }
    for (layer, sum) in signals.sums { result.tensors["\(layer).sum"] = sum }
    for (name, tensor) in signals.kept { result.tensors[name] = tensor }
    for name in network.parameterNamesForBackward(prepared.mode) {
      result.tensors[name] = model.parameters[name]
    }
    return try completed(
      result, output: signals.output,
      losses: batch.target.map { network.losses(signals, target: $0, workers: workers) })
  }

  /// A trace with the batch and no signals.
  private func emptyTrace(of prepared: Prepared) -> Document {
    let batch = prepared.batch
    var result = batch.descendant(.trace, topology: model.topology)
    result[.mode] = prepared.mode.rawValue
    result.tensors[Role.input] = batch.source.tensors[Role.input]
    result.tensors[Role.target] = batch.source.tensors[Role.target]
    return result
  }

  private func completed(
    _ trace: Document, output: Tensor, losses: Tensor?
  ) throws -> Document {
    try output.requireFinite(Role.output)
    guard let losses else { return trace }
    try losses.requireFinite(Role.loss)
    var trace = trace
    trace.tensors[Role.loss] = losses
    return trace
  }

  private func checkMemory(
    of examples: Int, together: Int? = nil, for purpose: SignalMemory.Purpose, hasClassIDs: Bool
  ) throws {
    try network.checkMemory(
      of: examples, together: together, for: purpose, model.dtype, threads: workers.count,
      hasClassIDs: hasClassIDs, limit: memoryLimit)
  }
}

/// A batch or dataset, checked against a network and converted to its type.
struct ExampleBatch {
  let source: Document
  /// [N, …] in the network's shape and type; perhaps bytes, where the network takes them and they were asked for.
  let input: Tensor
  /// [N, …] in the shape of the network's output; nil where nothing is known.
  let target: Tensor?

  var count: Int { input.shape[0] }

  /// - Parameters:
  ///   - keepingBytes: as for `Network.prepared(input:dtype:keepingBytes:)`.
  ///   - check: refuses what would need too much memory; it is told how many examples there are, and whether their
  ///     targets are class ids, before more is made than the input in the network's type.
  init(
    _ document: Document, for network: Network, dtype: DType, keepingBytes: Bool = false,
    _ check: (_ examples: Int, _ hasClassIDs: Bool) throws -> Void = { _, _ in }
  ) throws {
    try document.require(.batch, .dataset)
    source = document
    let input = try document.tensor(Role.input)
    guard input.shape.rank > 0, input.shape[0] > 0 else {
      throw DocumentError.noExamples(Role.input)
    }
    self.input = try network.prepared(
      input: input, dtype: dtype, keepingBytes: keepingBytes)
    let known = document.tensors[Role.target]
    try check(input.shape[0], known?.dtype.isInteger == true)
    target = try known.map {
      try network.prepared(target: $0, examples: input.shape[0], dtype: dtype)
    }
    try document.tensors[Role.index]?.requireExamples(input.shape[0], as: Role.index)
  }

  /// A document of the next kind with what passes through a stage.
  func descendant(_ kind: Kind, topology: String) -> Document {
    let roles = [Role.input, Role.target, Role.index, Role.output, Role.loss]
    var result = Document(kind: kind)
    result.passThrough(from: source) { roles.contains($0) }
    result.copy(Key.ofBatch, from: source)
    result[.topology] = topology
    result.tensors[Role.index] = source.tensors[Role.index]
    return result
  }
}
