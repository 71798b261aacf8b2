import Kernels
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
public struct BatchNorm: SingleInputLayer {
  public static let word = "batchnorm"

  public let output: Shape
  private let momentum: Double
  private let epsilon: Double

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
    (wantsInputGradient ? ["weight"] : []) + ["running_mean", "running_var"]
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
    let x = planes(input)
    let (mean, variance) =
      pass.mode == .training
      ? x.channelStatistics(pass.workers)
      : (parameters.named("running_mean"), parameters.named("running_var"))
    let scale = parameters.named("weight").combined(
      with: variance, by: OverDeviation(epsilon: epsilon), pass.workers)
    let result = x.channelsMapped(
      minus: mean, times: scale, plus: parameters.named("bias"), pass.workers)
    return LayerOutput(
      result.reshaped(output.batched(input.shape[0])),
      kept: pass.mode == .training ? ["batch_mean": mean, "batch_var": variance] : [:])
  }

  /// With x̂ = (x − μ) / √(σ² + ε) and sums over the M = N · S numbers of a channel:
  /// ∂γ = Σ δ x̂, ∂β = Σ δ, ∂x = γ / √(σ² + ε) · (δ − Σδ / M − x̂ Σ(δ x̂) / M); in use μ and σ² do not depend on x, and
  /// ∂x = γ / √(σ² + ε) · δ.
  public func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ pass: Pass
  ) -> LayerGradient {
    let isTraining = pass.mode == .training
    let (x, delta) = (planes(input), planes(delta))
    let running = (parameters.named("running_mean"), parameters.named("running_var"))
    let (mean, variance) =
      isTraining ? (kept.named("batch_mean"), kept.named("batch_var")) : running
    let (sum, product) = delta.channelSums(with: x, mean: mean, pass.workers)
    var gradients = [
      "weight": product.combined(with: variance, by: OverDeviation(epsilon: epsilon), pass.workers),
      "bias": sum,
    ]
    let (examples, values) = (input.shape[0], Double(input.shape[0] * elementsOfChannel))
    func change(_ running: Tensor, _ shown: Tensor, correction: Double) -> Tensor {
      guard isTraining else { return Tensor(zeros: running.shape, running.dtype) }
      return running.combined(
        with: shown,
        by: Change(rate: momentum * Double(examples), correction: correction), pass.workers)
    }
    gradients["running_mean"] = change(running.0, mean, correction: 1)
    gradients["running_var"] = change(
      running.1, variance, correction: values / max(1, values - 1))
    guard wantsInputGradient else { return LayerGradient(parameters: gradients, input: nil) }

    let scale = parameters.named("weight").combined(
      with: variance, by: OverDeviation(epsilon: epsilon), pass.workers)
    let share = Times(factor: isTraining ? 1 / values : 0)
    let slope = product.combined(
      with: variance, by: OverVariance(epsilon: epsilon, factor: share.factor), pass.workers)
    let result = delta.channelsMapped(
      with: x, minus: mean, scale: scale, offset: sum.mapped(by: share, pass.workers),
      slope: slope, pass.workers)
    return LayerGradient(parameters: gradients, input: result.reshaped(input.shape))
  }

  private func planes(_ tensor: Tensor) -> Tensor {
    tensor.reshaped([tensor.shape[0], channels, elementsOfChannel])
  }
}

/// x / √(variance + ε)
private struct OverDeviation: PairFunction {
  let epsilon: Double

  func callAsFunction<R: Real>(_ x: R, _ variance: R) -> R {
    R(Double(x) / (Double(variance) + epsilon).squareRoot())
  }
}

/// factor · x / (variance + ε)
private struct OverVariance: PairFunction {
  let epsilon: Double
  let factor: Double

  func callAsFunction<R: Real>(_ x: R, _ variance: R) -> R {
    R(factor * Double(x) / (Double(variance) + epsilon))
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
