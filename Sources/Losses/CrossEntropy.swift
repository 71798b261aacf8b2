import Kernels
import Layers
import Tensors

/// −Σₖ targetₖ log softmax(sum)ₖ, after softmax; the targets of an example are probabilities.
public struct CrossEntropy: Loss {
  /// How far the targets of an example may be from adding up to 1: what a table of three decimals needs.
  public static let tolerance = 1e-3

  public init() {}

  public var word: String { "cross-entropy" }

  public var needsSum: Bool { true }

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
        throw LossFault.probabilitiesDoNotAddUp(row: row, sum: sum)
      }
    }
  }

  /// From the sums, as Σₖ targetₖ (log Σⱼ e^sumⱼ − sumₖ): finite even where softmax has rounded to 0.
  public func values(output: Tensor, sum: Tensor?, target: Tensor, _ workers: Workers) -> Tensor {
    guard let sum else { preconditionFailure("cross-entropy without the sum") }
    return sum.perExample(target, by: LogSumExpLoss(), workers)
  }

  /// ∂loss/∂sumₖ = softmax(sum)ₖ − targetₖ, as the targets add up to 1
  public func derivative(output: Tensor, target: Tensor, _ workers: Workers) -> LossDerivative {
    .delta(output.combined(with: target, by: Difference(), workers))
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
