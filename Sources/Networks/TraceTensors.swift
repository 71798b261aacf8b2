import Compute
import Layers
import Tensors

/// How a slot's tensor gets from the program that goes forward to the one that goes back.
enum Transfer: Sendable {
  /// Backward does not read it.
  case unread
  /// It is computed again: from the input, or as what its source has, in another shape or layout.
  case computedAgain
  case carried
}

/// How the tensors of a plan get into traces, found once for all batches.
struct TracePlan: Sendable {
  /// How each slot gets into a trace that people look at, or keep: every output, sums and saved tensors that backward reads.
  let whole: [Transfer]
  /// How each slot gets into a brief trace: only what backward reads and cannot be computed again.
  let brief: [Transfer]
  /// For every slot the operation that writes it last: an activation in place writes where its layer did.
  let writers: [Int]
  /// The positions of the parameters whose values backward reads.
  let parameters: [Int]

  /// - Parameters:
  ///   - slots: how many there are.
  ///   - unreadSums: those that only people look at.
  init(_ operations: [Operation], slots: Int, answer: Int, unreadSums: [Int]) {
    var whole = [Transfer](repeating: .carried, count: slots)
    for slot in unreadSums { whole[slot] = .unread }
    var writers = [Int](repeating: -1, count: slots)
    for (index, operation) in operations.enumerated() {
      for slot in operation.outputs + operation.saved { writers[slot] = index }
    }
    (self.whole, self.writers) = (whole, writers)
    brief = Self.brief(operations, slots: slots, answer: answer)
    parameters = operations.flatMap { operation in
      operation.goesBack ? operation.reads.parameters.map { operation.parameters[$0] } : []
    }
  }

  private static func brief(
    _ operations: [Operation], slots: Int, answer: Int
  ) -> [Transfer] {
    var isRead = [Bool](repeating: false, count: slots)
    isRead[answer] = true
    for operation in operations where operation.goesBack {
      switch operation.work {
      case .layer:
        if operation.reads.inputs { for slot in operation.inputs { isRead[slot] = true } }
        for slot in operation.saved { isRead[slot] = true }
      case .activation(let activation):
        isRead[activation.backwardNeedsSum ? operation.inputs[0] : operation.outputs[0]] = true
      }
    }
    var result = [Transfer](repeating: .unread, count: slots)
    for operation in operations.reversed() {
      for slot in operation.outputs + operation.saved {
        if operation.isPrefix {
          result[slot] = .computedAgain
        } else if isRead[slot] && result[slot] == .unread {
          // To pack or unpack takes longer than to carry, unless the source is there anyway.
          let repeats = operation.repeatsInput && (!operation.isMove || isRead[operation.inputs[0]])
          result[slot] = repeats ? .computedAgain : .carried
          if repeats { isRead[operation.inputs[0]] = true }
        }
      }
    }
    return result
  }
}

// The names of an executor's tensors in traces and gradients: `LAYER.output`, `LAYER.sum`, `LAYER.SAVED` and parameters; with
// deltas `LAYER.error`, `LAYER.derivative`, `LAYER.delta`. What lies in blocked layout has a name that ends in `.blocked`;
// it is seen only in a ring, by the stage after the one that wrote it.
extension Executor {
  /// The tensors of the last forward pass that a trace carries.
  ///
  /// Whole traces are those of executors without kernels. A brief trace has only what backward reads and cannot compute
  /// again.
  public func traceTensors(brief: Bool) -> [String: Tensor] {
    let plan = currentPlan
    var result: [String: Tensor] = [:]
    for (slot, transfer) in (brief ? plan.trace.brief : plan.trace.whole).enumerated()
    where slot != ExecutionPlan.input && (transfer == .carried || keeping == .everything) {
      result[plan.slots[slot].name] = values[slot]
    }
    for position in plan.trace.parameters {
      result[parameterNames[position]] = parameters[position]
    }
    if keeping == .everything {
      // Without an activation the sum is the output.
      for (node, sum, output) in plan.slotsOfNodes where sum == output {
        result["\(network.nodes[node].name).sum"] = values[sum]
      }
    }
    return result
  }

  /// Takes the tensors of a trace, to go on with `backward`.
  ///
  /// - Parameters:
  ///   - tensors: as `traceTensors` gave them, and perhaps others.
  ///   - input: that of the forward pass.
  /// - Throws: `NetworkError` about the first tensor that is missing, or has another shape or dtype than it would here.
  public mutating func load(
    _ tensors: [String: Tensor], input: Tensor, brief: Bool, _ context: Context
  ) throws {
    precondition(context.mode == mode, "a trace in \(context.mode.rawValue)")
    choosePlan(for: input.shape[0])
    values[ExecutionPlan.input] = input
    let plan = currentPlan
    let transfers = brief ? plan.trace.brief : plan.trace.whole
    for (index, operation) in plan.operations.enumerated() {
      if transfers[operation.outputs[0]] == .computedAgain {
        compute(operation, context)
        continue
      }
      for slot in operation.outputs + operation.saved where plan.trace.writers[slot] == index {
        try load(slot, transfers[slot], from: tensors, examples: input.shape[0])
      }
    }
    for position in plan.trace.parameters {
      let parameter = network.parameters[position]
      parameters[position] = try network.required(
        tensors[parameter.name], parameter.name, parameter.shape, dtype)
    }
  }

  private mutating func load(
    _ place: Int, _ transfer: Transfer, from tensors: [String: Tensor], examples: Int
  ) throws {
    let slot = currentPlan.slots[place]
    let (shape, dtype) = (slot.shape(examples, kernels), slot.dtype ?? dtype)
    if transfer == .unread { return values[place].becomeUnread(shape, dtype) }
    values[place] = try network.required(tensors[slot.name], slot.name, shape, dtype)
    if slot.layout == .blocked { values[place].align() }
  }

  /// Gives up the memory of what was loaded.
  public mutating func unload() {
    for index in values.indices { values[index] = none }
    for index in parameters.indices { parameters[index] = none }
  }

  /// The derivatives by the tensors of every layer that a gradient reached in the last backward pass, [N, …] each:
  /// `LAYER.error` = ∂loss/∂output, `LAYER.derivative` of its activation, and `LAYER.delta` = ∂loss/∂sum.
  ///
  /// A layer has no derivative where its outputs depend on more than their own sums (softmax); the last one has only its
  /// delta where loss and activation are differentiated in one.
  public func deltas(_ workers: ThreadPool) -> [String: Tensor] {
    precondition(keeping == .everything, "deltas of an executor that keeps not everything")
    var result: [String: Tensor] = [:]
    for (node, sum, output) in currentPlan.slotsOfNodes where network.carriesError[node] {
      let (name, activation) = (network.nodes[node].name, network.nodes[node].activation)
      result["\(name).delta"] = gradients[sum]
      if node == network.nodes.count - 1 && network.loss.derivesBySum { continue }
      result["\(name).error"] = gradients[output]
      result["\(name).derivative"] = activation.derivative(
        sum: activation.backwardNeedsSum ? values[sum] : nil, output: values[output], workers)
    }
    return result
  }

  /// The tensors of a node in the last forward pass, before and after its activation.
  ///
  /// - Parameter node: its index in the network.
  public func tensors(of node: Int) -> (sum: Tensor, output: Tensor) {
    guard let slots = currentPlan.slotsOfNodes.first(where: { $0.node == node }) else {
      preconditionFailure("node \(node) is not computed by itself")
    }
    return (values[slots.sum], values[slots.output])
  }
}

extension Tensor {
  /// Makes it one of this shape of which no element may be read. In builds with assertions those are NaN.
  fileprivate mutating func becomeUnread(_ shape: Shape, _ dtype: DType) {
    if self.shape == shape && self.dtype == dtype { return }
    self = Tensor(uninitialized: shape, dtype)
    assert(
      {
        withUnsafeMutableBytes { _ = $0.initializeMemory(as: UInt8.self, repeating: 0xFF) }
        return true
      }())
  }
}
