import Compute
import Safetensors
import Tensors

/// The sum of gradients, added in the order in which they come.
public struct GradientSum {
  private var sum: Document?
  private let workers: ThreadPool

  public init(_ workers: ThreadPool) { self.workers = workers }

  /// Adds one more.
  ///
  /// - Throws: `DocumentError` when it is no gradient, of no examples or another network, holds NaN, infinity or deltas, or
  ///   when the sum is no longer finite; `TrainingError` when it has other tensors than the first.
  public mutating func add(_ gradient: Document) throws {
    try gradient.require(.gradient)
    let examples = try gradient.integer(.examples)
    let loss = try gradient.number(.loss)
    guard examples > 0 else { throw TrainingError.noExamples }
    let names = gradient.tensors.keys.sorted()
    for name in names {
      if Role.ofDeltas.contains(where: { name.hasSuffix($0) }) {
        throw DocumentError.unexpectedTensor(
          name, reason: "of single examples, which do not add up (nn-backprop --deltas wrote it)")
      }
      let dtype = try gradient.finiteTensor(name).dtype
      guard dtype.isComputable else {
        throw DocumentError.wrongDType(name, found: dtype, expected: "F32 or F64")
      }
    }
    guard var sum else {
      self.sum = gradient
      return
    }
    for key in [Key.topology, .epoch, .seed, .data, .batching]
    where gradient[key] != sum[key] {
      throw DocumentError.differs(
        key, found: gradient[key], expected: sum[key], of: "the first gradient")
    }
    let expected = sum.tensors.keys.sorted()
    guard names == expected else {
      throw TrainingError.otherTensors(found: names, expected: expected)
    }
    for name in names {
      let (first, tensor) = (try sum.tensor(name), try gradient.tensor(name))
      try tensor.requireMatch(with: first, in: "the first gradient", name)
      let added = first.combined(with: tensor, by: Addition(), workers)
      try added.requireFinite(name, after: "adding it")
      sum.tensors[name] = added
    }
    sum[.examples] = String(try sum.integer(.examples) + examples)
    let totalLoss = try sum.number(.loss) + loss
    guard totalLoss.isFinite else { throw TrainingError.lossOverflow }
    sum[.loss] = decimal(totalLoss)
    // Of several batches the sum stands behind the last.
    sum[.step] = gradient[.step]
    self.sum = sum
  }

  /// - Throws: `TrainingError.noGradients` when nothing was added.
  public func result() throws -> Document {
    guard let sum else { throw TrainingError.noGradients }
    return sum
  }
}
