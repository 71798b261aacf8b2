import Kernels
import Layers
import Tensors

// A step in two parts: what the input alone decides can be computed before the parameters are known.
extension Workspace {
  /// Computes those signals that the input alone decides, before the parameters are known.
  public mutating func begin(_ input: Tensor, _ pass: Pass) {
    choosePlan(for: input.shape[0])
    for (index, step) in steps.enumerated() where step.isOfInputAlone {
      compute(step, index, input, pass)
    }
  }

  /// How many numbers of an example `begin` finds at most.
  public var numbersOfBeginning: Double {
    plans.map { plan in
      plan.steps.reduce(0) { $0 + ($1.isOfInputAlone ? Double($1.shape.count) : 0) }
    }.max() ?? 0
  }

  /// Goes on from what another workspace of the same network and kernels has begun, as if this one had; the other one gets the memory
  /// that was here for that.
  public mutating func takeBeginning(of other: inout Workspace) {
    if other.isInLanes != isInLanes { choosePlan(inLanes: other.isInLanes) }
    for (index, step) in steps.enumerated() where step.isOfInputAlone {
      swap(&signals.outputs[index], &other.signals.outputs[index])
      swap(&signals.sums[index], &other.signals.sums[index])
      swap(&signals.notes[index], &other.signals.notes[index])
    }
  }

  /// Computes the other signals, and the losses where there is a target.
  ///
  /// - Parameters: those of `begin`, and as for `forward`.
  public mutating func finish(_ input: Tensor, target: Tensor?, _ pass: Pass) {
    for (index, step) in steps.enumerated() where !step.isOfInputAlone {
      compute(step, index, input, pass)
    }
    if let target { judge(target, pass) }
  }
}
