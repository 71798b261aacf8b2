import Documents
import Kernels
import Layers
import Networks
import Safetensors
import Tensors
import Training

/// The backward stage: from what a batch's signals were to how the loss changes with every parameter.
public struct Backprop: Sendable {
  private let workers: Workers
  private let keepsDeltas: Bool
  private let memoryLimit: Int
  /// The network of the last trace; the next one usually is of the same.
  private var network: Network?
  /// Where the gradients of brief traces of that network are found; nil before the first.
  private var workspace: Workspace?

  /// - Parameters:
  ///   - keepingDeltas: whether the errors, derivatives and deltas of every layer and example are written too.
  ///   - memoryLimit: the most bytes that a trace's gradients and what is needed to find them may take; see `SignalMemory`.
  public init(keepingDeltas: Bool = false, _ workers: Workers, memoryLimit: Int = .max) {
    self.memoryLimit = memoryLimit
    self.workers = workers
    keepsDeltas = keepingDeltas
  }

  /// The gradient of the summed loss over a trace's examples.
  ///
  /// - Returns: a gradient document: under each parameter's name the sum over the examples, `nn.examples`, `nn.loss`;
  ///   with deltas also `LAYER.error`, `LAYER.derivative` and `LAYER.delta`, [N, …].
  /// - Throws: `DocumentError` for a trace without targets or with tensors missing or misshapen; `NetworkFault` for a layer
  ///   without a gradient; `DocumentError.notFinite` for the result.
  public mutating func gradient(of trace: Document) throws -> Document {
    workers.expectWork()
    try trace.require(.trace)
    let network = try network(of: trace)
    let count: Int
    var result = Document(kind: .gradient)
    if try trace.isBrief() {
      (result.tensors, count) = try briefGradients(of: trace, network)
    } else {
      (result.tensors, count) = try gradients(of: trace, network)
    }
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
  private func gradients(
    of trace: Document, _ network: Network
  ) throws -> ([String: Tensor], Int) {
    let mode = try trace.mode()
    let outputs = trace.signals("output", of: network)
    let last = network.nodes[network.nodes.count - 1].name
    let dtype = try computable(outputs[last], "\(last).output")
    let input = try network.prepared(input: trace.tensor(Role.input), dtype: dtype)
    let count = input.shape[0]
    try network.checkMemory(
      of: count, for: .gradients(mode), dtype, threads: workers.count, limit: memoryLimit)
    let signals = try network.signals(
      outputs: outputs, sums: trace.signals("sum", of: network), others: trace.tensors, mode,
      examples: count, dtype: dtype)
    // Behind the signals: only they show that the trace is as large as the topology claims, as one-hot targets will be.
    let target = try network.prepared(
      target: trace.tensor(Role.target), examples: count, dtype: dtype)
    try network.checkParametersForBackward(trace.tensors, mode, dtype: dtype)
    let gradients = try network.backward(
      input: input, target: target, signals: signals, parameters: trace.tensors,
      keepingDeltas: keepsDeltas, trace.pass(mode, of: network, workers))
    return (gradients.parameters.merging(gradients.deltas) { parameter, _ in parameter }, count)
  }

  /// As `gradients`, of a trace that carries no more than they need.
  ///
  /// - Throws: also `PropagationError.tooBrief` when more is asked for.
  private mutating func briefGradients(
    of trace: Document, _ network: Network
  ) throws -> ([String: Tensor], Int) {
    guard !keepsDeltas, try trace.mode() == .training else { throw PropagationError.tooBrief }
    try network.checkDerivatives()
    // The last layer's output need not be there.
    let dtype = try computable(trace.tensor(Role.loss), Role.loss)
    let input = try network.prepared(
      input: trace.tensor(Role.input), dtype: dtype, keepingBytes: true)
    let count = input.shape[0]
    try network.checkMemory(
      of: count, for: .briefTrace, dtype, threads: workers.count, limit: memoryLimit)
    var workspace = self.workspace.take() ?? Workspace(network, dtype: dtype)
    if workspace.dtype != dtype { workspace = Workspace(network, dtype: dtype) }
    let pass = try trace.pass(.training, of: network, workers)
    try workspace.takeOver(trace.tensors, input: input, pass)
    let target = try network.prepared(
      target: trace.tensor(Role.target), examples: count, dtype: dtype)
    workspace.backward(input, target: target, pass)
    workspace.giveUp()
    var result: [String: Tensor] = [:]
    for (names, gradients) in zip(workspace.names, workspace.gradients) {
      for (name, gradient) in zip(names, gradients) { result[name] = gradient }
    }
    self.workspace = workspace
    return (result, count)
  }

  /// The dtype of a tensor that has that of all signals.
  private func computable(_ signal: Tensor?, _ name: String) throws -> DType {
    let dtype = signal?.dtype ?? .f32
    guard dtype.isComputable else {
      throw NetworkFault.wrongDType(tensor: name, found: dtype, expected: "F32 or F64")
    }
    return dtype
  }

  private mutating func network(of trace: Document) throws -> Network {
    let topology = try trace.text(.topology)
    if let network, network.topology == topology { return network }
    let network = try Network(topology: topology)
    (self.network, workspace) = (network, nil)
    return network
  }
}

extension Document {
  /// The tensors `LAYER.kind` of a trace, by the layers' names.
  fileprivate func signals(_ kind: String, of network: Network) -> [String: Tensor] {
    var signals = [String: Tensor]()
    for node in network.nodes { signals[node.name] = tensors["\(node.name).\(kind)"] }
    return signals
  }
}
