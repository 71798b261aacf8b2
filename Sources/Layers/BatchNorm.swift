import Kernels
import Products
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
public struct BatchNorm: SingleInputLayer, LaneLayer {
  public static let word = "batchnorm"

  public let output: Shape
  private let momentum: Double
  private let epsilon: Double
  /// How it computes on signals in registers; nil for batches example after example.
  private var normalization: LaneNormalization?
  /// Whether a rectifier behind it is its own then.
  private var isRectified = false

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

  public func parametersForBackward(_ mode: Mode, wantsInputGradient: Bool) -> [String] {
    (wantsInputGradient || isRectified ? ["weight"] : []) + (isRectified ? ["bias"] : [])
      + ["running_mean", "running_var"]
  }

  public func inLanes(
    _ kernels: LaneKernels, behind included: (any Activation)?, before activation: any Activation
  ) -> LaneForm {
    var form = self
    form.isRectified = activation is ReLU
    form.normalization = LaneNormalization(
      kernels, as: ChannelNormalization(epsilon: epsilon), isRectified: form.isRectified)
    return LaneForm(form, includesActivation: form.isRectified)
  }

  public func kept(in mode: Mode) -> [KeptSignal] {
    guard mode == .training else { return [] }
    return ["batch_mean", "batch_var"].map { KeptSignal($0, [channels], isPerExample: false) }
  }

  public func objection(toTrainingOn examples: Int) -> String? {
    if examples * elementsOfChannel > 1 { return nil }
    return
      "\(examples) example of shape \(output), 1 value per channel, whose variance is always 0: "
      + "expected at least 2 (another --size leaves another last batch)"
  }

  /// y = γ (x − μ) / √(σ² + ε) + β
  public func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    let isTraining = pass.mode == .training
    let known =
      isTraining ? nil : (parameters.named("running_mean"), parameters.named("running_var"))
    let (weight, bias) = (parameters.named("weight"), parameters.named("bias"))
    let found =
      normalization?.forward(input, weight: weight, bias: bias, known: known, pass.workers)
      ?? ChannelNormalization(epsilon: epsilon).forward(
        planes(input), weight: weight, bias: bias, known: known, pass.workers)
    let shape = normalization == nil ? output.batched(input.shape[0]) : input.shape
    return LayerOutput(
      found.y.reshaped(shape),
      kept: isTraining ? ["batch_mean": found.mean, "batch_var": found.variance] : [:])
  }

  /// With x̂ = (x − μ) / √(σ² + ε) and sums over the M = N · S numbers of a channel:
  /// ∂γ = Σ δ x̂, ∂β = Σ δ, ∂x = γ / √(σ² + ε) · (δ − Σδ / M − x̂ Σ(δ x̂) / M); in use μ and σ² do not depend on x, and
  /// ∂x = γ / √(σ² + ε) · δ.
  public func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient {
    let isTraining = pass.mode == .training
    let running = (parameters.named("running_mean"), parameters.named("running_var"))
    let (mean, variance) =
      isTraining ? (kept.named("batch_mean"), kept.named("batch_var")) : running
    let found =
      normalization?.backward(
        error: delta, input: input, weight: parameters["weight"], bias: parameters["bias"],
        mean: mean, variance: variance, areOfInput: isTraining,
        wantsInputGradient: wantsInputGradient, pass.workers)
      ?? ChannelNormalization(epsilon: epsilon).backward(
        delta: planes(delta), input: planes(input),
        weight: wantsInputGradient ? parameters.named("weight") : nil, mean: mean,
        variance: variance, areOfInput: isTraining, pass.workers)
    var gradients = ["weight": found.weight, "bias": found.bias]
    let examples = input.shape.count / output.count
    let values = Double(examples * elementsOfChannel)
    func change(_ running: Tensor, _ shown: Tensor, correction: Double) -> Tensor {
      guard isTraining else { return Tensor(zeros: running.shape, running.dtype) }
      return running.combined(
        with: shown,
        by: Change(rate: momentum * Double(examples), correction: correction), pass.workers)
    }
    gradients["running_mean"] = change(running.0, mean, correction: 1)
    gradients["running_var"] = change(
      running.1, variance, correction: values / max(1, values - 1))
    return LayerGradient(
      parameters: gradients,
      input: wantsInputGradient ? found.input.reshaped(input.shape) : nil)
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
