import Kernels
import Layers
import Losses
import Products
import Tensors

/// The way of batches through a network of which only the answer is wanted: the same as `Network.forward`, but every signal is
/// forgotten behind its last use, and those of layers that gain by it lie in registers.
public struct AnswerPass: Sendable {
  private let network: Network
  private let mode: Mode
  private let dtype: DType
  /// How batches are computed example after example; and those whose examples fill registers, where layers gain by it.
  private let plan: Plan
  private let lanePlan: Plan?
  private let lastUses, lastUsesInLanes: [[Int]]
  private let kernels: LaneKernels?

  /// - Parameters:
  ///   - mode: of all passes.
  ///   - dtype: of the parameters.
  ///   - kernels: those for signals in registers; nil for none.
  public init(
    _ network: Network, _ mode: Mode, _ dtype: DType, _ kernels: LaneKernels? = .best
  ) {
    (self.network, self.mode, self.dtype, self.kernels) = (network, mode, dtype, kernels)
    plan = Plan(network)
    lanePlan = dtype == .f32 ? kernels.flatMap { Plan(network, inLanes: $0) } : nil
    lastUses = plan.lastUses
    lastUsesInLanes = lanePlan?.lastUses ?? []
  }

  /// - Parameters: as for `Network.forward`; the input may be bytes where `Network.takesBytes`; the pass of this mode.
  /// - Returns: of signals the last layer's output, and its sum where the loss reads that.
  public func signals(
    of input: Tensor, parameters: [String: Tensor], _ pass: Pass
  ) -> Signals {
    precondition(pass.mode == mode, "a pass in \(pass.mode.rawValue)")
    let isInLanes = lanePlan != nil && kernels?.suit(input.shape[0]) == true
    let steps = (isInLanes ? lanePlan ?? plan : plan).steps
    let lastUses = isInLanes ? lastUsesInLanes : lastUses
    let none = Tensor(uninitialized: [0], dtype)
    var outputs = [Tensor](repeating: none, count: steps.count)
    var signals = Signals(lastLayer: network.last.name)
    for (index, step) in steps.enumerated() {
      let own = step.parameterNames.map { name in
        parameters["\(step.name).\(name)"] ?? none
      }
      var sum = none
      _ = step.forward(outputs, input, own, into: &sum, pass)
      let isLast = index == steps.count - 1
      if isLast && network.loss.needsSum { signals.sums[step.name] = sum }
      outputs[index] = sum
      sum = none
      step.activation.apply(to: &outputs[index], pass.workers)
      if isLast { signals.outputs[step.name] = outputs[index] }
      for forgotten in lastUses[index] { outputs[forgotten] = none }
    }
    return signals
  }
}
