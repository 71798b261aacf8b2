import Compute
import Layers
import Networks
import Safetensors
import Tensors

/// The backward stage: from the tensors of a batch's forward pass to how the loss changes with every parameter.
public struct Backprop: Sendable {
  private let workers: ThreadPool
  private let keepsDeltas: Bool
  private let memoryLimit: Int
  /// Of the last trace, and whether that was brief; the next one usually is of the same network and kind.
  private var executor: Executor?
  private var wasBrief = false

  /// - Parameters:
  ///   - keepingDeltas: whether the errors, derivatives and deltas of every layer and example are written too.
  ///   - memoryLimit: the most bytes that a trace's gradients and what is needed to find them may take.
  public init(keepingDeltas: Bool = false, _ workers: ThreadPool, memoryLimit: Int = .max) {
    self.memoryLimit = memoryLimit
    self.workers = workers
    keepsDeltas = keepingDeltas
  }

  /// The gradient of the summed loss over a trace's examples.
  ///
  /// - Returns: a gradient document: under each parameter's name the sum over the examples, `nn.examples`, `nn.loss`;
  ///   with deltas also `LAYER.error`, `LAYER.derivative` and `LAYER.delta`, [N, …].
  /// - Throws: `DocumentError` for a trace without targets or with tensors missing or misshapen; `NetworkError` for a layer
  ///   without a gradient; `DocumentError.notFinite` for the result.
  public mutating func gradient(of trace: Document) throws -> Document {
    workers.expectWork()
    try trace.require(.trace)
    let network = try network(of: trace)
    try network.checkDerivatives()
    var result = Document(kind: .gradient)
    let count: Int
    (result.tensors, count) = try gradients(of: trace, network)
    for name in result.tensors.keys.sorted() { _ = try result.finiteTensor(name) }
    result.passThrough(from: trace) { _ in true }
    result.copy(Key.ofBatch, from: trace)
    result[.topology] = network.topology
    result[.examples] = String(count)
    let losses = try trace.finiteTensor(Role.loss)
    guard losses.shape == [count] else {
      throw DocumentError.wrongShape(Role.loss, found: losses.shape, expected: "[\(count)]")
    }
    let loss = losses.doubles().reduce(0, +)
    guard loss.isFinite else { throw TrainingError.lossOverflow }
    result[.loss] = decimal(loss)
    return result
  }

  /// The gradients, and the number of examples.
  ///
  /// - Throws: also `PropagationError.tooBrief` when more is asked for than a brief trace has.
  private mutating func gradients(
    of trace: Document, _ network: Network
  ) throws -> ([String: Tensor], Int) {
    let (mode, isBrief) = (try trace.mode(), try trace.isBrief())
    if isBrief && (keepsDeltas || mode != .training) { throw PropagationError.tooBrief }
    // In a brief trace the last layer's output need not be there.
    let last = "\(network.nodes[network.nodes.count - 1].name).output"
    let dtype = try computable(
      isBrief ? trace.tensor(Role.loss) : trace.tensors[last], isBrief ? Role.loss : last)
    let input = try network.prepared(input: trace.tensor(Role.input), dtype: dtype)
    let count = input.shape[0]
    var executor = executor(network, mode, dtype, isBrief: isBrief)
    try executor.admit(
      count, hasClassIDs: false, goesBack: true, hasArrived: !isBrief, threads: workers.count,
      limit: memoryLimit)
    let context = try trace.context(mode, of: network, workers)
    try executor.load(trace.tensors, input: input, brief: isBrief, context)
    // After the tensors: only they show that the trace is as large as the topology claims, as one-hot targets will be.
    let target = try network.prepared(
      target: trace.tensor(Role.target), examples: count, dtype: dtype)
    executor.backward(target: target, context)
    var result = executor.namedGradients
    if keepsDeltas { result.merge(executor.deltas(workers)) { parameter, _ in parameter } }
    executor.unload()
    self.executor = executor
    return (result, count)
  }

  /// That of the last trace, if it fits.
  private mutating func executor(
    _ network: Network, _ mode: Mode, _ dtype: DType, isBrief: Bool
  ) -> Executor {
    // Taken out of the stage, so that its tensors have one owner.
    if let executor = executor.take(), executor.mode == mode, executor.dtype == dtype,
      wasBrief == isBrief, executor.network.topology == network.topology
    {
      return executor
    }
    wasBrief = isBrief
    return Executor(
      network, mode, dtype, keeping: keepsDeltas ? .everything : .training, isBrief ? .best : nil)
  }

  /// The dtype of a tensor that has that of all signals.
  private func computable(_ signal: Tensor?, _ name: String) throws -> DType {
    let dtype = signal?.dtype ?? .f32
    guard dtype.isComputable else {
      throw NetworkError.wrongDType(tensor: name, found: dtype, expected: "F32 or F64")
    }
    return dtype
  }

  private func network(of trace: Document) throws -> Network {
    let topology = try trace.text(.topology)
    if let executor, executor.network.topology == topology { return executor.network }
    return try Network(topology: topology)
  }
}
