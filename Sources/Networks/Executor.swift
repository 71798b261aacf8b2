import Compute
import Layers
import Tensors

/// Computes a network: the one way of a batch through its layers, and of the gradients back.
///
/// Everything that depends on the network alone is looked up once. Tensors lie in slots; where a batch is as large as the
/// one before, they are written where those of the one before were. `Keeping` says which of them outlive their last use.
public struct Executor: Sendable {
  public let network: Network
  public let mode: Mode
  /// What is computed in: F32 or F64.
  public let dtype: DType
  let keeping: Keeping

  /// The full names of the network's parameters, in its order.
  public let parameterNames: [String]

  /// In the order of `parameterNames`, in the dtype that is computed in.
  public var parameters: [Tensor]

  /// ∂loss/∂parameter of the last backward pass, summed over the examples, in the order of `parameterNames`; for a running
  /// statistic the sum over the examples of its change, negated.
  public private(set) var parameterGradients: [Tensor]

  /// The loss of every example of the last batch, [N].
  public private(set) var losses: Tensor

  private let plan: ExecutionPlan
  /// For batches whose examples fill the kernels' lanes; nil where no layer gains by it.
  private let blockedPlan: ExecutionPlan?
  let kernels: LaneKernels?
  private let loss: any Loss
  private let lossReadsSum: Bool
  private let lossIsOfSum: Bool

  /// The plan of the last batch.
  private(set) var currentPlan: ExecutionPlan
  var isBlocked: Bool { currentPlan !== plan }
  /// The tensors of the last batch, and ∂loss/∂tensor, by the slots of its plan.
  var values: [Tensor]
  var gradients: [Tensor]
  /// The largest batch that there was found to be memory for.
  private var admitted: (examples: Int, hasClassIDs: Bool)?
  /// Stands for a tensor that is not there.
  let none: Tensor

  /// An executor whose parameters are to be given to it.
  ///
  /// - Parameters:
  ///   - mode: of all its passes.
  ///   - dtype: F32 or F64.
  ///   - kernels: those for blocked layout, which `Keeping.everything` does without; nil for none.
  public init(
    _ network: Network, _ mode: Mode, _ dtype: DType, keeping: Keeping,
    _ kernels: LaneKernels? = .best
  ) {
    let usable = dtype == .f32 && keeping != .everything ? kernels : nil
    self.init(
      network, mode, dtype, keeping, ExecutionPlan(network, mode, keeping),
      usable.flatMap { ExecutionPlan(network, mode, keeping, $0) }, usable)
  }

  /// An executor of some nodes alone, of which the last one gives the answer.
  init(_ network: Network, only nodes: [Int], _ dtype: DType) {
    self.init(
      network, .inference, dtype, .answers,
      ExecutionPlan(network, .inference, .answers, only: nodes), nil, nil)
  }

  private init(
    _ network: Network, _ mode: Mode, _ dtype: DType, _ keeping: Keeping, _ plan: ExecutionPlan,
    _ blockedPlan: ExecutionPlan?, _ kernels: LaneKernels?
  ) {
    (self.network, self.mode, self.dtype, self.keeping) = (network, mode, dtype, keeping)
    (self.plan, self.blockedPlan, self.kernels) = (plan, blockedPlan, kernels)
    currentPlan = plan
    parameterNames = network.parameters.map(\.name)
    let none = Tensor(uninitialized: [0], dtype)
    self.none = none
    parameters = Array(repeating: none, count: parameterNames.count)
    parameterGradients = []
    losses = none
    values = Array(repeating: none, count: plan.slots.count)
    gradients = []
    loss = network.loss
    (lossReadsSum, lossIsOfSum) = (loss.needsSum, loss.derivesBySum)
  }

  /// Goes on with these parameters.
  ///
  /// - Parameter named: all of the network's, checked.
  public mutating func use(_ named: [String: Tensor]) {
    for (position, name) in parameterNames.enumerated() {
      guard let tensor = named[name] else { preconditionFailure("no parameter '\(name)'") }
      parameters[position] = tensor
    }
  }

  /// The parameters by their names.
  public var namedParameters: [String: Tensor] {
    Dictionary(uniqueKeysWithValues: zip(parameterNames, parameters))
  }

  /// The gradients of the last backward pass by the parameters' names.
  public var namedGradients: [String: Tensor] {
    var result: [String: Tensor] = [:]
    for operation in currentPlan.operations where operation.goesBack {
      for position in operation.parameters {
        result[parameterNames[position]] = parameterGradients[position]
      }
    }
    return result
  }

  /// The answer of the network to the last batch.
  public var output: Tensor { values[currentPlan.answer] }

  var plans: [ExecutionPlan] { [plan] + [blockedPlan].compactMap(\.self) }

  /// Chooses the plan for a batch of so many examples.
  mutating func choosePlan(for examples: Int) {
    choosePlan(blocked: blockedPlan != nil && kernels?.suit(examples) == true)
  }

  private mutating func choosePlan(blocked: Bool) {
    if blocked == isBlocked { return }
    currentPlan = blocked ? blockedPlan ?? plan : plan
    values = Array(repeating: none, count: currentPlan.slots.count)
    gradients = []
  }
}

// MARK: Forward

extension Executor {
  /// Computes all tensors, and the losses where there is a target.
  ///
  /// - Parameters:
  ///   - input: from `Network.prepared(input:dtype:)`.
  ///   - target: from `Network.prepared(target:examples:dtype:)`; nil where none is known.
  public mutating func forward(_ input: Tensor, target: Tensor?, _ context: Context) {
    begin(input, context)
    finish(target: target, context)
  }

  /// Computes the prefix: the tensors that the input alone decides, before the parameters are known.
  ///
  /// - Parameter input: as for `forward`.
  public mutating func begin(_ input: Tensor, _ context: Context) {
    precondition(context.mode == mode, "a pass in \(context.mode.rawValue)")
    choosePlan(for: input.shape[0])
    values[ExecutionPlan.input] = input
    run(prefix: true, context)
  }

  /// Computes the other tensors, and the losses where there is a target.
  ///
  /// - Parameter target: as for `forward`.
  public mutating func finish(target: Tensor?, _ context: Context) {
    run(prefix: false, context)
    guard let target else { return }
    let plan = currentPlan
    loss.values(
      output: values[plan.answer], sum: lossReadsSum ? values[plan.answerSum] : nil,
      target: target, into: &losses, context.workers)
  }

  /// Goes on from the prefix that another executor of the same network and kernels has computed, as if this one had. The
  /// other one gets the memory that was here for that.
  public mutating func takePrefix(of other: inout Executor) {
    choosePlan(blocked: other.isBlocked)
    values.swapAt(ExecutionPlan.input, with: &other.values)
    for operation in currentPlan.operations where operation.isPrefix {
      for slot in operation.outputs + operation.saved { values.swapAt(slot, with: &other.values) }
    }
  }

  /// Lets go of the input, so that its memory may be written to again.
  public mutating func releaseInput() { values[ExecutionPlan.input] = none }

  private mutating func run(prefix: Bool, _ context: Context) {
    let plan = currentPlan
    for index in prefix ? plan.prefix : plan.rest {
      compute(plan.operations[index], context)
      if keeping == .answers { for slot in plan.lastUses[index] { values[slot] = none } }
    }
  }

  /// Computes one operation.
  mutating func compute(_ operation: Operation, _ context: Context) {
    values.withUnsafeMutableBufferPointer { values in
      parameters.withUnsafeMutableBufferPointer { parameters in
        guard let values = values.baseAddress else { return }
        switch operation.work {
        case .layer(let layer):
          layer.forward(
            ForwardCall(
              inputs: TensorList(values, operation.inputs),
              parameters: TensorList(parameters.baseAddress ?? values, operation.parameters),
              outputs: TensorList(values, operation.outputs),
              saved: TensorList(values, operation.saved),
              operation.isRandom ? context.forLayer(named: operation.name) : context))
        case .activation(let activation):
          let (sum, output) = (operation.inputs[0], operation.outputs[0])
          if sum != output { values[output].become(copyOf: values[sum]) }
          activation.apply(to: &values[output], context.workers)
        }
      }
    }
  }
}

// MARK: Backward

extension Executor {
  /// Computes the gradients of the parameters from the tensors of the last forward pass.
  ///
  /// The network must have passed `checkDerivatives`.
  ///
  /// - Parameter target: that of the forward pass.
  public mutating func backward(target: Tensor, _ context: Context) {
    let plan = currentPlan
    if parameterGradients.isEmpty {
      parameterGradients = network.parameters.map { Tensor(uninitialized: $0.shape, dtype) }
    }
    if gradients.isEmpty { gradients = Array(repeating: none, count: plan.gradientCount) }
    loss.derivative(
      output: values[plan.answer], target: target,
      into: &gradients[lossIsOfSum ? plan.answerSum : plan.answer], context.workers)
    for operation in plan.operations.reversed() where operation.goesBack {
      undo(operation, context)
    }
  }

  /// The backward pass of one operation.
  private mutating func undo(_ operation: Operation, _ context: Context) {
    switch operation.work {
    case .activation(let activation): undo(activation, operation, context)
    case .layer(let layer):
      undo(layer, operation, context)
      for (spare, slot) in operation.additions {
        gradients[slot].combine(with: gradients[spare], by: Addition(), context.workers)
      }
      // Memory that was handed on is given up here, so that the next operation may write to it.
      let output = operation.outputs[0]
      if keeping != .everything && !gradients[output].hasOwnMemory() { gradients[output] = none }
    }
  }

  private mutating func undo(
    _ activation: any Activation, _ operation: Operation, _ context: Context
  ) {
    let (sum, output) = (operation.inputs[0], operation.outputs[0])
    if sum != output {
      if keeping == .everything {
        gradients[sum].become(copyOf: gradients[output])
      } else {
        gradients.swapAt(sum, output)
      }
    }
    activation.makeDelta(
      of: &gradients[sum], sum: activation.backwardNeedsSum ? values[sum] : nil,
      output: values[output], context.workers)
  }

  private mutating func undo(
    _ layer: any Layer, _ operation: Operation, _ context: Context
  ) {
    for output in operation.outputs.dropFirst()
    where gradients[output].shape != values[output].shape {
      // An output that no operation takes.
      gradients[output] = Tensor(zeros: values[output].shape, dtype)
    }
    values.withUnsafeMutableBufferPointer { values in
      gradients.withUnsafeMutableBufferPointer { gradients in
        parameters.withUnsafeMutableBufferPointer { parameters in
          parameterGradients.withUnsafeMutableBufferPointer { parameterGradients in
            guard let values = values.baseAddress, let gradients = gradients.baseAddress,
              let parameters = parameters.baseAddress,
              let parameterGradients = parameterGradients.baseAddress
            else { return }
            layer.backward(
              BackwardCall(
                outputGradients: TensorList(gradients, operation.outputs),
                inputs: TensorList(values, operation.inputs),
                parameters: TensorList(parameters, operation.parameters),
                saved: TensorList(values, operation.saved),
                parameterGradients: TensorList(parameterGradients, operation.parameters),
                inputGradients: TensorList(gradients, operation.inputGradients),
                wanted: operation.wanted,
                operation.isRandom ? context.forLayer(named: operation.name) : context))
          }
        }
      }
    }
  }
}

extension [Tensor] {
  fileprivate mutating func swapAt(_ index: Int, with other: inout [Tensor]) {
    swap(&self[index], &other[index])
  }
}

// MARK: Memory

extension Executor {
  /// How many numbers of an example the prefix computes at most.
  public var numbersOfPrefix: Double {
    plans.map { plan in
      plan.operations.reduce(0) { sum, operation in
        operation.isPrefix
          ? sum + operation.outputs.reduce(0) { $0 + Double(plan.slots[$1].shape.count) } : sum
      }
    }.max() ?? 0
  }

  /// Refuses a batch whose tensors would take more than `limit` bytes, before there is memory for any of them.
  ///
  /// Counted is what the executor allocates: its slots and those of gradients, the scratch memory of the operation that needs
  /// the most, class ids written out as rows, and what `answers` joins.
  ///
  /// - Parameters:
  ///   - atOnce: how many examples are computed at once; nil for all.
  ///   - hasClassIDs: whether class ids are given as targets.
  ///   - goesBack: whether backward follows.
  ///   - hasArrived: whether the tensors that forward makes have come from elsewhere.
  /// - Throws: `NetworkError.tooMuchMemory`.
  public mutating func admit(
    _ examples: Int, atOnce: Int? = nil, hasClassIDs: Bool, goesBack: Bool,
    hasArrived: Bool = false, threads: Int, limit: Int
  ) throws {
    if let admitted, examples <= admitted.examples, admitted.hasClassIDs || !hasClassIDs { return }
    let together = min(atOnce ?? examples, examples)
    let plan = blockedPlan.flatMap { kernels?.suit(together) == true ? $0 : nil } ?? plan
    var memory = plan.memory(
      together, dtype, threads: threads, keeping, goesBack: goesBack, hasArrived: hasArrived)
    let size = Double(dtype.bitWidth / 8)
    var others = 0.0
    if keeping == .answers {
      others += Double(examples - together) * Double(network.outputShape.count) * size
    }
    if hasClassIDs && network.outputShape.count > 1 {
      others += Double(examples) * Double(network.outputShape.count) * size
    }
    if goesBack { others += network.parameters.reduce(0) { $0 + Double($1.shape.count) * size } }
    memory.bytes += others
    try memory.check(for: examples, limit: limit)
    admitted = (examples, hasClassIDs)
  }
}
