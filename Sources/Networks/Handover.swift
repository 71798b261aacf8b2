import Kernels
import Layers
import Products
import Tensors

/// How a step's output gets from the program that goes forward to the one that goes back.
enum Handover: Sendable {
  /// Nobody reads it on the way back.
  case unread
  /// It is found again: from the input, or as what its source has, in another shape or order.
  case found
  case carried

  /// Of every step of a plan how its output is handed over.
  static func ofSteps(_ steps: [PlanStep]) -> [Handover] {
    var isRead = [Bool](repeating: false, count: steps.count)
    isRead[steps.count - 1] = true
    for (index, step) in steps.enumerated() where step.carriesError {
      if step.readsSources {
        for source in step.sources where source >= 0 { isRead[source] = true }
      }
      if !(step.activation is Identity) && !step.activationNeedsSum { isRead[index] = true }
    }
    var result = [Handover](repeating: .unread, count: steps.count)
    for (index, step) in steps.enumerated().reversed() {
      if step.isOfInputAlone {
        result[index] = .found
      } else if isRead[index] {
        let isMove = step.node < 0
        // A move takes longer than to carry it, unless its source is there anyway.
        let isFound = step.isSameAsSource && (!isMove || isRead[step.source])
        result[index] = isFound ? .found : .carried
        if isFound { isRead[step.source] = true }
      }
    }
    return result
  }
}

// What passes between two programs of which one goes forward and the other back, both with the same plan.
extension Workspace {
  /// What the way back reads of the last `finish`, and cannot find again from the input.
  ///
  /// - Returns: `LAYER.output`, `LAYER.sum`, what layers keep and note, and their parameters. Signals in registers have the shape
  ///   [N / lanes, …, lanes] and names that end in `.lanes`.
  public mutating func handedOver() -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (index, (step, handover)) in zip(steps, currentHandovers()).enumerated() {
      if handover == .carried { result[step.signal("output")] = signals.outputs[index] }
      guard step.carriesError, step.node >= 0 else { continue }
      if step.activationNeedsSum { result[step.signal("sum")] = signals.sums[index] }
      if case .noting(let layer) = step.work, let note = layer.note {
        result[step.signal(note)] = signals.notes[index]
      }
      for (name, tensor) in signals.kept[index] { result["\(step.name).\(name)"] = tensor }
      for (place, name) in step.parameterNames.enumerated()
      where step.parametersForBackward.contains(name) {
        result[step.fullNames[place]] = parameters[step.node][place]
      }
    }
    return result
  }

  /// Takes what another workspace of the same network has handed over, to go on with `backward`.
  ///
  /// - Parameters:
  ///   - tensors: as `handedOver` gave them, and perhaps others.
  ///   - input: that of the other one.
  /// - Throws: `NetworkFault` about the first tensor that is missing, or that a workspace with the same kernels would not have made.
  public mutating func takeOver(_ tensors: [String: Tensor], input: Tensor, _ pass: Pass) throws {
    let examples = input.shape[0]
    func taken(_ name: String, _ shape: Shape, _ dtype: DType) throws -> Tensor {
      try network.required(tensors[name], name, shape, dtype)
    }
    choosePlan(for: examples)
    let dtype = none.dtype
    for (index, (step, handover)) in zip(steps, currentHandovers()).enumerated() {
      let shape = shape(of: step, examples)
      switch handover {
      case .found: compute(step, index, input, pass)
      case .carried:
        signals.outputs[index] = try taken(step.signal("output"), shape, dtype)
        if step.order == .inLanes { signals.outputs[index].align() }
      case .unread: signals.outputs[index].becomeUnread(shape, dtype)
      }
      guard step.carriesError, step.node >= 0 else { continue }
      if step.activationNeedsSum {
        signals.sums[index] = try taken(step.signal("sum"), shape, dtype)
      }
      if case .noting(let layer) = step.work, let note = layer.note {
        signals.notes[index] = try taken(step.signal(note), shape, .u8)
      }
      let layer = network.nodes[step.node].layer
      for kept in layer.kept(in: .training) {
        signals.kept[index][kept.name] = try taken(
          "\(step.name).\(kept.name)", kept.shape(of: examples), dtype)
      }
      for (place, parameter) in layer.parameters.enumerated()
      where step.parametersForBackward.contains(parameter.name) {
        parameters[step.node][place] = try taken(step.fullNames[place], parameter.shape, dtype)
      }
    }
  }

  /// Gives up the memory of what was taken over.
  public mutating func giveUp() {
    for (index, (step, handover)) in zip(steps, currentHandovers()).enumerated() {
      // What is the same as its source shares the memory of that.
      if handover == .carried || step.isSameAsSource && step.node >= 0 {
        signals.outputs[index] = none
      }
      if step.activationNeedsSum { signals.sums[index] = none }
      if case .noting = step.work { signals.notes[index] = none }
      signals.kept[index] = [:]
      guard step.node >= 0 else { continue }
      for place in parameters[step.node].indices { parameters[step.node][place] = none }
    }
  }

  private func shape(of step: PlanStep, _ examples: Int) -> Shape {
    guard step.order == .inLanes, let kernels else { return step.shape.batched(examples) }
    return kernels.shape(of: step.shape, examples)
  }
}

extension PlanStep {
  /// What a signal of the step is called where it is handed over.
  fileprivate func signal(_ kind: String) -> String {
    "\(name).\(kind)" + (order == .inLanes ? ".lanes" : "")
  }
}

extension Tensor {
  /// Makes it one of this shape of which nobody may read an element. In builds with assertions those are NaN.
  fileprivate mutating func becomeUnread(_ shape: Shape, _ dtype: DType) {
    if self.shape == shape { return }
    self = Tensor(uninitialized: shape, dtype)
    assert(
      {
        withUnsafeMutableBytes { _ = $0.initializeMemory(as: UInt8.self, repeating: 0xFF) }
        return true
      }())
  }
}
