import Compute
import Layers
import Networks
import Safetensors
import Tensors

/// The forward stage: a model, ready to push batches through its network.
public struct Forward: Sendable {
  public private(set) var model: Model
  private let network: Network
  let workers: ThreadPool
  private let memoryLimit: Int
  /// For predictions; nil before the first.
  private var answers: Executor?
  /// For traces, and the kind of the last one; nil before the first.
  private var tracer: Executor?
  private var lastKind = TraceKind.outputs

  /// Examples whose tensors are in memory together when only predictions are asked for. A multiple of the chunks
  /// that products are cut into, so that the same examples give the same bytes in one document or in several.
  static let chunk = 256

  /// - Parameter memoryLimit: the most bytes that a document's tensors may take.
  /// - Throws: `TopologyError`, `NetworkError` when the model's parameters are not the network's.
  public init(_ model: Model, _ workers: ThreadPool, memoryLimit: Int = .max) throws {
    self.model = model
    self.workers = workers
    self.memoryLimit = memoryLimit
    network = try Network(topology: model.topology)
    try network.checkParameters(model.parameters)
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
  /// - Throws: `NetworkError` when the input or target does not fit, or the signals are too large; `DocumentError.notFinite` for
  ///   the result.
  public mutating func prediction(of batch: Document) throws -> Document {
    var executor =
      answers.take() ?? Executor(network, .inference, model.dtype, keeping: .answers)
    defer { answers = executor }
    let batch = try ExampleBatch(batch, for: network, dtype: model.dtype) {
      try executor.admit(
        $0, atOnce: Self.chunk, hasClassIDs: $1, goesBack: false, threads: workers.count,
        limit: memoryLimit)
    }
    executor.use(model.parameters)
    var outputs = [Tensor]()
    var losses = [Tensor]()
    for start in stride(from: 0, to: batch.count, by: Self.chunk) {
      let rows = start..<min(start + Self.chunk, batch.count)
      executor.forward(
        batch.input.rows(rows), target: batch.target?.rows(rows), Context(.inference, workers))
      outputs.append(executor.output)
      if batch.target != nil { losses.append(executor.losses) }
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
  /// - Throws: `NetworkError.tooFewExamples`.
  public func foresee(_ batch: Document) throws {
    guard batch[.rows] != nil, let count = batch.tensors[Role.input]?.shape.dimensions.first
    else { return }
    let (step, steps, rows) = (
      try batch.integer(.step), try batch.integer(.steps), try batch.integer(.rows)
    )
    let last = rows - (steps - 1) * count
    if step < steps, last > 0 { try checkTraining(onLast: last) }
  }

  /// - Throws: `NetworkError.tooFewExamples` when a layer cannot be trained on a last batch of so many examples.
  func checkTraining(onLast examples: Int) throws {
    try network.checkTraining(on: examples, of: "the epoch's last batch")
  }

  /// What a trace carries.
  public enum TraceKind: Sendable {
    /// `LAYER.output` of every layer, and what backward reads besides.
    case outputs
    /// These, and `LAYER.sum` also where backward does not need it.
    case outputsAndSums
    /// Only what backward reads and cannot compute again, as it lies in memory: for `Backprop` of the same build on the same
    /// machine.
    case brief
  }

  /// A batch on its way into a trace: what of that needs no weights.
  public struct Prepared: Sendable {
    fileprivate let batch: ExampleBatch
    fileprivate let kind: TraceKind
    fileprivate let context: Context
  }

  /// Every tensor of a forward pass, and the parameters that backward needs.
  ///
  /// - Parameter mode: whether normalization and dropout act as in training.
  /// - Returns: a trace document: the batch, `LAYER.output` of every layer, `LAYER.sum`, what layers save for backward,
  ///   `loss` [N].
  /// - Throws: as `prediction`; `NetworkError.tooFewExamples`; `DocumentError` for a batch that does not say where it
  ///   belongs when a layer draws by that.
  public mutating func trace(
    of batch: Document, _ mode: Mode = .training, _ kind: TraceKind = .outputs
  ) throws -> Document {
    try trace(of: prepared(batch, mode, kind))
  }

  /// Computes what of a trace needs no weights, while these are not known yet. The next trace must be that of this batch.
  ///
  /// - Parameter mode: of brief traces only `training`.
  /// - Throws: as `trace`, for what is wrong with the batch.
  public mutating func prepared(
    _ batch: Document, _ mode: Mode = .training, _ kind: TraceKind = .outputs
  ) throws -> Prepared {
    precondition(mode == .training || kind != .brief, "a brief trace in \(mode.rawValue)")
    var executor = executor(mode, kind)
    defer { tracer = executor }
    let batch = try ExampleBatch(batch, for: network, dtype: model.dtype) {
      try executor.admit(
        $0, hasClassIDs: $1, goesBack: false, threads: workers.count, limit: memoryLimit)
    }
    if mode == .training { try network.checkTraining(on: batch.count) }
    let context = try batch.source.context(mode, of: network, workers)
    executor.begin(batch.input, context)
    return Prepared(batch: batch, kind: kind, context: context)
  }

  /// That of the last trace, if it fits; taken out of the stage, so that its tensors have one owner.
  private mutating func executor(_ mode: Mode, _ kind: TraceKind) -> Executor {
    if let executor = tracer.take(), lastKind == kind, executor.mode == mode { return executor }
    lastKind = kind
    return Executor(
      network, mode, model.dtype, keeping: kind == .outputsAndSums ? .everything : .training,
      kind == .brief ? .best : nil)
  }

  /// The trace of a batch that has been prepared.
  ///
  /// - Throws: as `trace`.
  public mutating func trace(of prepared: Prepared) throws -> Document {
    guard var executor = tracer.take() else { preconditionFailure("nothing was prepared") }
    defer { tracer = executor }
    let (batch, isBrief) = (prepared.batch, prepared.kind == .brief)
    executor.use(model.parameters)
    executor.finish(target: batch.target, prepared.context)
    var result = batch.descendant(.trace, topology: model.topology)
    result[.mode] = prepared.context.mode.rawValue
    if isBrief { result[.signals] = briefSignals }
    result.tensors[Role.input] = batch.source.tensors[Role.input]
    result.tensors[Role.target] = batch.source.tensors[Role.target]
    result.tensors.merge(executor.traceTensors(brief: isBrief)) { _, made in made }
    try executor.output.requireFinite(Role.output)
    if batch.target != nil {
      try executor.losses.requireFinite(Role.loss)
      result.tensors[Role.loss] = executor.losses
    }
    return result
  }
}

/// A batch or dataset, checked against a network and converted to its type.
struct ExampleBatch {
  let source: Document
  /// [N, …] in the network's shape, and in its dtype or another one that it accepts.
  let input: Tensor
  /// [N, …] in the shape of the network's output; nil where nothing is known.
  let target: Tensor?

  var count: Int { input.shape[0] }

  /// - Parameters:
  ///   - check: refuses what would need too much memory; it is told how many examples there are, and whether their
  ///     targets are class ids, before more is made than the input in the network's type.
  init(
    _ document: Document, for network: Network, dtype: DType,
    _ check: (_ examples: Int, _ hasClassIDs: Bool) throws -> Void = { _, _ in }
  ) throws {
    try document.require(.batch, .dataset)
    source = document
    let input = try document.tensor(Role.input)
    guard input.shape.rank > 0, input.shape[0] > 0 else {
      throw DocumentError.noExamples(Role.input)
    }
    do {
      self.input = try network.prepared(input: input, dtype: dtype)
    } catch let error as LayerError {
      let rows = try? document.rows(count: input.shape[0])
      throw error.ofDataset(rows: rows?.map { Int(clamping: $0) } ?? [])
    }
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
