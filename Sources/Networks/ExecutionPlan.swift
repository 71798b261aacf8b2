import Compute
import Layers
import Tensors

/// Which tensors of a batch an executor keeps.
public enum Keeping: Sendable {
  /// The answer, and every other tensor only until its last use.
  case answers
  /// What backward reads.
  case training
  /// Every tensor for itself, for people to look at.
  case everything
}

/// A tensor of an executor: its shape, and how it lies in memory.
struct Slot: Sendable {
  /// What it is called in a trace: `conv1.output`; in blocked layout `conv1.output.blocked`.
  let name: String
  /// For one example, or of the whole tensor.
  let shape: Shape
  let isPerExample: Bool
  /// nil for the dtype that is computed in.
  let dtype: DType?
  let layout: BatchLayout
  /// The slot whose memory it shares, often its own.
  var root: Int

  /// The shape for a batch.
  func shape(_ examples: Int, _ kernels: LaneKernels?) -> Shape {
    if !isPerExample { return shape }
    guard layout == .blocked, let kernels else { return shape.batched(examples) }
    return kernels.shape(of: shape, examples)
  }

  func bytes(_ examples: Int, _ dtype: DType) -> Double {
    let size = Double((self.dtype ?? dtype).bitWidth / 8)
    return (isPerExample ? Double(examples) : 1) * Double(shape.count) * size
  }
}

/// One entry of an execution plan: a layer, or an activation, with the slots that it reads and writes.
final class Operation: Sendable {
  enum Work: Sendable {
    case layer(any Layer)
    case activation(any Activation)
  }

  let work: Work
  /// The name of the network's node that it computes; `input` for the input in another layout.
  let name: String
  let inputs, outputs, saved: [Int]
  /// The positions of its parameters among those of the network.
  let parameters: [Int]
  let reads: BackwardReads
  let isRandom: Bool
  /// Whether neither parameters nor chance have a part in its output: the input alone decides it.
  let isPrefix: Bool
  /// Whether its output has the elements of its input, under another shape or in another layout.
  let repeatsInput: Bool
  /// Whether it only packs or unpacks.
  let isMove: Bool
  /// Whether its backward pass is to be computed: it, or an operation that it takes from, has learned parameters.
  let goesBack: Bool
  /// For every input whether its gradient is asked for.
  let wanted: [Bool]
  /// Where the inputs' gradients are written: their slots or, where another gradient has arrived there before, spare ones.
  let inputGradients: [Int]
  /// The spare gradients that are then added to those that had arrived.
  let additions: [(spare: Int, slot: Int)]

  init(_ draft: OperationDraft, _ gradients: GradientPlaces) {
    (work, name) = (draft.work, draft.name)
    (inputs, outputs, saved) = (draft.inputs, draft.outputs, draft.saved)
    (parameters, reads, isRandom) = (draft.parameters, draft.reads, draft.isRandom)
    (isPrefix, repeatsInput, isMove) = (draft.isPrefix, draft.repeatsInput, draft.isMove)
    goesBack = draft.goesBack
    (wanted, inputGradients, additions) = (draft.wanted, gradients.places, gradients.additions)
  }

  /// The most bytes that it takes for a time besides its slots.
  func scratchBytes(_ examples: Int, _ dtype: DType, threads: Int) -> Double {
    guard case .layer(let layer) = work else { return 0 }
    return layer.scratchBytes(examples: examples, dtype, threads: threads)
  }
}

/// An operation whose gradients have no places yet.
struct OperationDraft {
  let work: Operation.Work
  let name: String
  let inputs, outputs: [Int]
  var saved: [Int] = []
  var parameters: [Int] = []
  var reads = BackwardReads()
  var isRandom = false
  var isPrefix = false
  var repeatsInput = false
  var isMove = false
  var goesBack = false
  var wanted: [Bool] = []
}

/// Where an operation's input gradients go.
struct GradientPlaces {
  var places: [Int] = []
  var additions: [(spare: Int, slot: Int)] = []
}

/// The operations by which a network is computed, in their order, and the slots that they use.
final class ExecutionPlan: Sendable {
  /// The slot of the network's input.
  static let input = 0

  let network: Network
  let slots: [Slot]
  let operations: [Operation]
  /// The operations that compute the prefix, and the others, by their numbers.
  let prefix, rest: [Int]
  /// The number of gradients: those of `slots`, then the spare ones.
  let gradientCount: Int
  /// For every operation the slots that no later operation reads.
  let lastUses: [[Int]]
  /// The slot of the answer, and the one of what the last activation was given.
  let answer, answerSum: Int
  /// For the nodes of the network that are computed: the slots before and after the activation.
  let slotsOfNodes: [(node: Int, sum: Int, output: Int)]
  let trace: TracePlan

  /// A plan with the network's nodes as they are.
  ///
  /// - Parameter wanted: the nodes to be computed, in their order; the last one gives the answer. nil for all.
  convenience init(
    _ network: Network, _ mode: Mode, _ keeping: Keeping, only wanted: [Int]? = nil
  ) {
    let wanted = wanted ?? Array(network.nodes.indices)
    var places = [Int?](repeating: nil, count: network.nodes.count)
    var nodes: [PlannedNode] = []
    for index in wanted {
      places[index] = nodes.count
      let sources = network.nodes[index].sources.map { $0.flatMap { places[$0] } }
      nodes.append(PlannedNode(index, of: network, sources: sources))
    }
    self.init(network, nodes, mode, keeping)
  }

  /// A plan in which layers that gain by it compute in blocked layout; nil where there is no such layer.
  convenience init?(
    _ network: Network, _ mode: Mode, _ keeping: Keeping, _ kernels: LaneKernels
  ) {
    guard let fusion = Fusion(network, kernels, keepsSum: network.keepsSum) else { return nil }
    self.init(network, fusion.nodes, mode, keeping)
  }

  private init(_ network: Network, _ nodes: [PlannedNode], _ mode: Mode, _ keeping: Keeping) {
    var draft = PlanDraft(network)
    for node in nodes { draft.append(node, mode, keeping) }
    if network.loss.derivesBySum, let last = draft.operations.last, case .activation = last.work {
      // The loss and the last activation are differentiated in one.
      draft.operations[draft.operations.count - 1].goesBack = false
    }
    self.network = network
    slots = draft.slots
    let (operations, gradientCount) = draft.withGradientPlaces()
    (self.operations, self.gradientCount) = (operations, gradientCount)
    prefix = operations.indices.filter { operations[$0].isPrefix }
    rest = operations.indices.filter { !operations[$0].isPrefix }
    let (sums, outputs) = (draft.sums, draft.outputs)
    (answer, answerSum) = (outputs.last ?? Self.input, sums.last ?? Self.input)
    let slotsOfNodes: [(node: Int, sum: Int, output: Int)] = nodes.indices.compactMap { index in
      guard let node = nodes[index].gives, nodes[index].parametersOf != nil else { return nil }
      return (node, sums[index], outputs[index])
    }
    self.slotsOfNodes = slotsOfNodes
    trace = TracePlan(
      operations, slots: draft.slots.count, answer: answer,
      unreadSums: slotsOfNodes.filter { $0.sum != $0.output && !network.keepsSum[$0.node] }
        .map(\.sum))
    lastUses = Self.lastUses(
      operations, slots: draft.slots.count, except: outputs.suffix(1) + sums.suffix(1))
  }

  private static func lastUses(
    _ operations: [Operation], slots: Int, except kept: [Int]
  ) -> [[Int]] {
    var last = [Int](repeating: -1, count: slots)
    for (index, operation) in operations.enumerated() {
      for slot in operation.inputs + operation.outputs + operation.saved { last[slot] = index }
    }
    var result = [[Int]](repeating: [], count: operations.count)
    for (slot, use) in last.enumerated() where use >= 0 && !kept.contains(slot) {
      result[use].append(slot)
    }
    return result
  }
}

/// A plan while nodes are added to it.
private struct PlanDraft {
  let network: Network
  var slots: [Slot]
  var operations: [OperationDraft] = []
  /// The planned nodes by number: the slot before the activation, and the one of the output.
  var sums: [Int] = []
  var outputs: [Int] = []
  /// For every planned node whether a gradient passes back to it, and whether the input alone decides its output.
  private var carriesGradient: [Bool] = []
  private var isPrefixed: [Bool] = []

  init(_ network: Network) {
    self.network = network
    slots = [
      Slot(
        name: "input", shape: network.input, isPerExample: true, dtype: nil, layout: .nchw,
        root: ExecutionPlan.input)
    ]
  }

  /// Adds a planned node: its layer, and its activation where it has one.
  mutating func append(_ node: PlannedNode, _ mode: Mode, _ keeping: Keeping) {
    let layer = node.layer
    let inputs = node.sources.map { $0.map { self.outputs[$0] } ?? ExecutionPlan.input }
    let wanted = node.sources.map { $0.map { carriesGradient[$0] } ?? false }
    let isPrefix =
      layer.parameters.isEmpty && !layer.isRandom
      && node.sources.allSatisfy { $0.map { isPrefixed[$0] } ?? true }
    let shares = layer.sharesInput(mode)
    let name = node.gives.map { network.nodes[$0].name } ?? "input"
    let hasActivation = !(node.activation is Identity)
    let keepsSum =
      hasActivation
      && (keeping == .everything || node.gives.map { network.keepsSum[$0] } == true)
    let outputs = layer.outputs.enumerated().map { number, shape in
      addSlot(
        "\(name).\(keepsSum ? "sum" : "output")" + (number == 0 ? "" : "\(number + 1)"), shape,
        node.layout, root: shares ? slots[inputs[0]].root : nil)
    }
    let goesBack = wanted.contains(true) || layer.parameters.contains(where: \.isLearned)
    let isMove = node.parametersOf == nil
    operations.append(
      OperationDraft(
        work: .layer(layer), name: name, inputs: inputs, outputs: outputs,
        saved: keeping == .answers
          ? []
          : layer.saved(mode).map {
            addSlot(
              "\(name).\($0.name)", $0.shape, node.layout, isPerExample: $0.isPerExample, $0.dtype)
          },
        parameters: node.parametersOf.map { network.parameterPositions[$0] } ?? [],
        reads: layer.backwardReads(mode, wantsInputGradient: wanted.contains(true)),
        isRandom: layer.isRandom, isPrefix: isPrefix,
        repeatsInput: (shares || isMove) && (keepsSum || !hasActivation), isMove: isMove,
        goesBack: goesBack, wanted: wanted))
    carriesGradient.append(goesBack)
    isPrefixed.append(isPrefix)
    sums.append(outputs[0])
    if !hasActivation {
      self.outputs.append(outputs[0])
      return
    }
    let output =
      keepsSum ? addSlot("\(name).output", layer.output, node.layout) : outputs[0]
    // An activation in place writes, so that what shared memory before has memory of its own.
    if !keepsSum { slots[output].root = output }
    operations.append(
      OperationDraft(
        work: .activation(node.activation), name: name, inputs: [outputs[0]], outputs: [output],
        isPrefix: isPrefix, goesBack: goesBack, wanted: [goesBack]))
    self.outputs.append(output)
  }

  private mutating func addSlot(
    _ name: String, _ shape: Shape, _ layout: BatchLayout, isPerExample: Bool = true,
    _ dtype: DType? = nil,
    root: Int? = nil
  ) -> Int {
    slots.append(
      Slot(
        name: name + (layout == .blocked && isPerExample ? ".blocked" : ""), shape: shape,
        isPerExample: isPerExample, dtype: dtype, layout: layout,
        root: root ?? slots.count))
    return slots.count - 1
  }

  /// The operations with the places of their input gradients, in the order in which these arrive, and the number of places.
  func withGradientPlaces() -> ([Operation], Int) {
    var count = slots.count
    var hasArrived = [Bool](repeating: false, count: slots.count)
    var places = [GradientPlaces](repeating: GradientPlaces(), count: operations.count)
    for (index, draft) in operations.enumerated().reversed() where draft.goesBack {
      var spare = slots.count
      for (slot, isWanted) in zip(draft.inputs, draft.wanted) {
        // A slot that is the operation's own output is an activation's in place.
        if isWanted && hasArrived[slot] && draft.outputs[0] != slot {
          places[index].places.append(spare)
          places[index].additions.append((spare, slot))
          spare += 1
        } else {
          places[index].places.append(slot)
          if isWanted { hasArrived[slot] = true }
        }
      }
      count = max(count, spare)
    }
    return (zip(operations, places).map { Operation($0, $1) }, count)
  }
}

// MARK: Memory

/// The bytes that the executor's own tensors take for a batch. In Double, where sums and products do not overflow.
struct ExecutionMemory: Sendable, Equatable {
  /// The node that takes the most, and how much that is.
  var largest = ""
  var bytesOfLargest = 0.0
  /// All nodes together.
  var bytes = 0.0

  /// - Throws: `NetworkError.tooMuchMemory` when it is more than `limit`.
  func check(for examples: Int, limit: Int) throws {
    if bytes <= Double(limit) { return }
    throw NetworkError.tooMuchMemory(
      layer: largest, ofLayer: Int(exactly: bytesOfLargest.rounded()),
      found: Int(exactly: bytes.rounded()), examples: examples, limit: limit)
  }
}

extension ExecutionPlan {
  /// What a batch takes: the slots, those of gradients if there is a backward pass, and the scratch memory of the
  /// operation that needs the most of it.
  ///
  /// - Parameter hasArrived: whether the slots' tensors have come from elsewhere, so that only gradients are made.
  func memory(
    _ examples: Int, _ dtype: DType, threads: Int, _ keeping: Keeping, goesBack: Bool,
    hasArrived: Bool = false
  ) -> ExecutionMemory {
    var memory = ExecutionMemory()
    var there = 0.0
    // Slots that share memory count once, and are there until the last of them has had its last use.
    var owners = [Int](repeating: 0, count: slots.count)
    for slot in slots.dropFirst() { owners[slot.root] += 1 }
    var isMade = [Bool](repeating: false, count: slots.count)
    for (index, operation) in operations.enumerated() {
      var own = 0.0
      for slot in operation.outputs + operation.saved where !isMade[slot] {
        isMade[slot] = true
        let bytes = slots[slot].root == slot ? slots[slot].bytes(examples, dtype) : 0
        if !hasArrived { own += bytes }
        if goesBack && operation.goesBack && operation.outputs.contains(slot) { own += bytes }
      }
      let scratch = operation.scratchBytes(examples, dtype, threads: threads)
      there += own
      memory.bytes = max(memory.bytes, there + scratch)
      if own + scratch > memory.bytesOfLargest || memory.largest.isEmpty {
        (memory.largest, memory.bytesOfLargest) = (operation.name, own + scratch)
      }
      guard keeping == .answers else { continue }
      for slot in lastUses[index] where slot != Self.input {
        let root = slots[slot].root
        owners[root] -= 1
        if owners[root] == 0 && root != Self.input { there -= slots[root].bytes(examples, dtype) }
      }
    }
    return memory
  }
}
