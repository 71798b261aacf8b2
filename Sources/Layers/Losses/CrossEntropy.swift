import Compute
import Tensors

/// −Σₖ weightₖ tₖ log softmax(sum)ₖ, after softmax, where tₖ = (1 − smoothing) targetₖ + smoothing / K; the targets of an
/// example are probabilities.
///
/// `cross-entropy [smoothing=0] [weights=W,…]`: smoothing from 0 to below 1 takes that part of every target and
/// shares it out evenly; weights, one above 0 per output and 1 by default, make classes count more or less.
/// Both are PyTorch's label_smoothing and weight with reduction none, and the reported loss includes both. A
/// mean over a batch is the sum divided by the number of its examples; PyTorch's reduction mean divides by
/// the sum of their classes' weights instead.
///
/// Source of smoothing: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna 2016, Rethinking the inception architecture for
/// computer vision, section 7.
public struct CrossEntropy: Loss {
  /// How far the targets of an example may be from adding up to 1: what a table of three decimals needs.
  public static let tolerance = 1e-3

  private let smoothing: Double
  /// One per output; nil when all are 1.
  private let weights: [Double]?

  public init() { self.init(smoothing: 0, weights: nil) }

  private init(smoothing: Double, weights: [Double]?) {
    (self.smoothing, self.weights) = (smoothing, weights)
  }

  public var word: String { "cross-entropy" }

  public func configured(_ words: inout LayerWords, output: Shape) throws -> any Loss {
    Self(
      smoothing: try words.number("smoothing", otherwise: 0, "from 0 to below 1") {
        0 <= $0 && Float($0) < 1
      },
      weights: try words.numbers(
        "weights", "\(output.count) numbers above 0, one per output, joined by commas"
      ) { $0.count == output.count && $0.allSatisfy { Float($0) > 0 } })
  }

  public var needsSum: Bool { true }

  public var derivesBySum: Bool { true }

  public func objection(to activation: any Activation, output: Shape) -> String? {
    if activation.word != Softmax().word {
      return "'\(word)' needs 'softmax' as the last activation, found '\(activation.word)'"
    }
    return output.rank == 1
      ? nil : "'\(word)' needs outputs along one axis, found \(output.topologyText)"
  }

  public func check(target: Tensor) throws {
    try check(target: target) { $0 >= 0 ? nil : "at least 0" }
    let width = target.shape.perExample.count
    let values = target.doubles()
    for row in 0..<target.shape[0] {
      let sum = values[row * width..<(row + 1) * width].reduce(0, +)
      if abs(sum - 1) > Self.tolerance {
        throw LossError.probabilitiesDoNotAddUp(row: row, sum: sum)
      }
    }
  }

  /// From the sums, as Σₖ targetₖ (log Σⱼ e^sumⱼ − sumₖ): finite even where softmax has rounded to 0.
  public func values(
    output: Tensor, sum: Tensor?, target: Tensor, into losses: inout Tensor, _ workers: ThreadPool
  ) {
    guard let sum else { preconditionFailure("cross-entropy without the sum") }
    sum.perExample(effective(target, workers), by: LogSumExpLoss(), into: &losses, workers)
  }

  /// ∂loss/∂sumₖ = softmax(sum)ₖ Σⱼ weightⱼ tⱼ − weightₖ tₖ, which without options is softmax(sum)ₖ − targetₖ, as the
  /// targets add up to 1
  public func derivative(
    output: Tensor, target: Tensor, into result: inout Tensor, _ workers: ThreadPool
  ) {
    if smoothing == 0 && weights == nil {
      return output.combine(with: target, by: Difference(), into: &result, workers)
    }
    output.combineRows(
      width: output.shape.perExample.count, with: effective(target, workers), into: &result,
      output.shape, by: WeightedDifference(), workers)
  }

  /// weightₖ tₖ
  private func effective(_ target: Tensor, _ workers: ThreadPool) -> Tensor {
    if smoothing == 0 && weights == nil { return target }
    return target.mappedRows(
      width: target.shape.perExample.count,
      by: SmoothedAndWeighted(smoothing: smoothing, weights: weights), workers)
  }
}

private struct SmoothedAndWeighted: RowFunction {
  let smoothing: Double
  let weights: [Double]?

  func callAsFunction<R: Real>(
    _ target: UnsafeBufferPointer<R>, into result: UnsafeMutableBufferPointer<R>
  ) {
    let (kept, shared) = (R(1 - smoothing), R(smoothing / Double(target.count)))
    for k in target.indices { result[k] = kept * target[k] + shared }
    if let weights { for k in target.indices { result[k] *= R(weights[k]) } }
  }
}

private struct WeightedDifference: RowPairFunction {
  func callAsFunction<R: Real>(
    _ probability: UnsafeBufferPointer<R>, _ target: UnsafeBufferPointer<R>,
    into delta: UnsafeMutableBufferPointer<R>
  ) {
    let mass = target.reduce(0, +)
    for k in target.indices { delta[k] = mass * probability[k] - target[k] }
  }
}

private struct LogSumExpLoss: RowPairFunction {
  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, _ target: UnsafeBufferPointer<R>,
    into loss: UnsafeMutableBufferPointer<R>
  ) {
    var largest = x[0]
    for value in x where value > largest { largest = value }
    var exponentials: R = 0
    for value in x { exponentials += R.exp(value - largest) }
    let logOfSum = R.log(exponentials)
    var sum: R = 0
    for k in x.indices { sum += target[k] * (logOfSum - (x[k] - largest)) }
    loss[0] = sum
  }
}
