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
  /// How batches are computed example after example; and those whose examples fill registers: nil where no layer gains by it. A
  /// stage that writes traces answers nothing, and makes neither.
  private let plan: Once<Way>
  private let lanePlan: Once<Way?>
  private let kernels: LaneKernels?

  private struct Way {
    let steps: [PlanStep]
    let lastUses: [[Int]]

    init(_ plan: Plan) { (steps, lastUses) = (plan.steps, plan.lastUses) }
  }

  /// - Parameters:
  ///   - mode: of all passes.
  ///   - dtype: of the parameters.
  ///   - kernels: those for signals in registers; nil for none.
  public init(
    _ network: Network, _ mode: Mode, _ dtype: DType, _ kernels: LaneKernels? = .best
  ) {
    (self.network, self.mode, self.dtype, self.kernels) = (network, mode, dtype, kernels)
    plan = Once { Way(Plan(network)) }
    lanePlan = Once {
      dtype == .f32 ? kernels.flatMap { Plan(network, inLanes: $0) }.map(Way.init) : nil
    }
  }

  /// - Parameters: as for `Network.forward`; the input may be bytes where `Network.takesBytes`; the pass of this mode.
  /// - Returns: of signals the last layer's output, and its sum where the loss reads that.
  public func signals(
    of input: Tensor, parameters: [String: Tensor], _ pass: Pass
  ) -> Signals {
    precondition(pass.mode == mode, "a pass in \(pass.mode.rawValue)")
    let isSuited = kernels?.suit(input.shape[0]) == true
    let way = (isSuited ? lanePlan.value : nil) ?? plan.value
    let steps = way.steps
    let none = Tensor(uninitialized: [0], dtype)
    var outputs = [Tensor](repeating: none, count: steps.count)
    var signals = Signals(lastLayer: network.last.name)
    for (index, step) in steps.enumerated() {
      let own = step.fullNames.map { parameters[$0] ?? none }
      var sum = none
      _ = step.forward(outputs, input, own, into: &sum, pass)
      let isLast = index == steps.count - 1
      if isLast && network.loss.needsSum { signals.sums[step.name] = sum }
      outputs[index] = sum
      sum = none
      step.activation.apply(to: &outputs[index], pass.workers)
      if isLast { signals.outputs[step.name] = outputs[index] }
      for forgotten in way.lastUses[index] { outputs[forgotten] = none }
    }
    return signals
  }
}
