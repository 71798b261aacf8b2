import Compute
import Tensors

/// Every channel brought to mean 0 and variance 1 over the batch, then scaled and shifted as learned:
/// `batchnorm [momentum=0.1] [epsilon=1e-5]`.
///
/// N examples, C channels (the first axis of an example), S numbers per channel and example (1 for a vector).
/// weight γ and bias β [C], running_mean and running_var [C]. In training mean μ and variance σ² are those of the batch's
/// N · S numbers, divided by N · S; in use the running ones. A step moves a running value by momentum · (what the batch
/// showed − running), where the variance shown is divided by N · S − 1: PyTorch's way, in both. (ONNX writes the share that
/// stays, 0.9, as its momentum, and keeps the variance divided by N · S.)
/// Source: Ioffe, Szegedy 2015, Batch normalization, algorithms 1 and 2.
public struct BatchNorm: Layer {
  public let output: Shape
  private let momentum: Double
  let epsilon: Double

  private var channels: Int { output[0] }
  private var elementsOfChannel: Int { output.perExample.count }

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = input
    momentum = try words.number("momentum", otherwise: 0.1, "between 0 and 1") {
      $0 > 0 && $0 < 1
    }
    epsilon = try words.number("epsilon", otherwise: 1e-5, "above 0") { $0 > 0 }
  }

  public var parameters: [Parameter] {
    [
      Parameter("weight", [channels], .constant(1)),
      Parameter("bias", [channels], .constant(0)),
      Parameter("running_mean", [channels], .constant(0), isLearned: false),
      Parameter("running_var", [channels], .constant(1), isLearned: false),
    ]
  }

  public func backwardReads(_ mode: Mode, wantsInputGradient: Bool) -> BackwardReads {
    BackwardReads(inputs: true, parameters: (wantsInputGradient ? [0] : []) + [2, 3])
  }

  public func saved(_ mode: Mode) -> [SavedTensor] {
    guard mode == .training else { return [] }
    return ["batch_mean", "batch_var"].map { SavedTensor($0, [channels], isPerExample: false) }
  }

  public func objection(toTrainingOn examples: Int) -> String? {
    if examples * elementsOfChannel > 1 { return nil }
    return
      "\(examples) example of shape \(output), 1 value per channel, whose variance is always 0: "
      + "expected at least 2 (another --size leaves another last batch)"
  }

  /// y = γ (x − μ) / √(σ² + ε) + β
  public func forward(_ call: ForwardCall) {
    let found = ChannelNormalization(epsilon: epsilon).forward(
      planes(call.input), weight: call.parameters[0], bias: call.parameters[1],
      known: knownStatistics(call), call.context.workers)
    keep(found, of: call, as: output.batched(call.input.shape[0]))
  }

  /// The running mean and variance in use; nil in training, where those of the batch are to be found.
  func knownStatistics(_ call: ForwardCall) -> (mean: Tensor, variance: Tensor)? {
    call.context.mode == .training ? nil : (call.parameters[2], call.parameters[3])
  }

  func keep(
    _ found: (y: Tensor, mean: Tensor, variance: Tensor), of call: ForwardCall, as shape: Shape
  ) {
    call.output = found.y.reshaped(shape)
    if call.isSaving { (call.saved[0], call.saved[1]) = (found.mean, found.variance) }
  }

  /// With x̂ = (x − μ) / √(σ² + ε) and sums over the M = N · S numbers of a channel:
  /// ∂γ = Σ δ x̂, ∂β = Σ δ, ∂x = γ / √(σ² + ε) · (δ − Σδ / M − x̂ Σ(δ x̂) / M); in use μ and σ² do not depend on x, and
  /// ∂x = γ / √(σ² + ε) · δ.
  public func backward(_ call: BackwardCall) {
    let (mean, variance) = statistics(call)
    keep(
      ChannelNormalization(epsilon: epsilon).backward(
        delta: planes(call.outputGradient), input: planes(call.input),
        weight: call.wantsInputGradient ? call.parameters[0] : nil, mean: mean,
        variance: variance, areOfInput: call.context.mode == .training, call.context.workers),
      of: call)
  }

  /// The mean and variance that forward has divided by.
  func statistics(_ call: BackwardCall) -> (mean: Tensor, variance: Tensor) {
    call.context.mode == .training
      ? (call.saved[0], call.saved[1]) : (call.parameters[2], call.parameters[3])
  }

  func keep(_ found: ChannelNormalization.Gradients, of call: BackwardCall) {
    let isTraining = call.context.mode == .training
    let (mean, variance) = statistics(call)
    (call.parameterGradients[0], call.parameterGradients[1]) = (found.weight, found.bias)
    let examples = call.input.shape.count / output.count
    let values = Double(examples * elementsOfChannel)
    func change(_ running: Tensor, _ shown: Tensor, correction: Double) -> Tensor {
      guard isTraining else { return Tensor(zeros: running.shape, running.dtype) }
      return running.combined(
        with: shown, by: Change(rate: momentum * Double(examples), correction: correction),
        call.context.workers)
    }
    call.parameterGradients[2] = change(call.parameters[2], mean, correction: 1)
    call.parameterGradients[3] = change(
      call.parameters[3], variance, correction: values / max(1, values - 1))
    if call.wantsInputGradient { call.inputGradient = found.input.reshaped(call.input.shape) }
  }

  private func planes(_ tensor: Tensor) -> Tensor {
    tensor.reshaped([tensor.shape[0], channels, elementsOfChannel])
  }
}

/// rate · (running − correction · shown)
private struct Change: PairFunction {
  let rate: Double
  let correction: Double

  func callAsFunction<R: Real>(_ running: R, _ shown: R) -> R {
    R(rate * (Double(running) - correction * Double(shown)))
  }
}
