import Documents
import Random
import Safetensors
import Tensors

/// How a dataset is cut into batches: what decides which rows a step learns from.
public struct Batching: Sendable, CustomStringConvertible {
  /// Examples of a batch; nil for all of them. The last batch of an epoch has what remains.
  public let size: Int?
  public let isShuffled: Bool
  public let seed: UInt64

  public init(size: Int?, isShuffled: Bool, seed: UInt64) {
    self.size = size
    self.isShuffled = isShuffled
    self.seed = seed
  }

  /// As `nn.batching` states it.
  public var description: String {
    "size=\(size.map(String.init) ?? "all") shuffle=\(isShuffled ? "yes" : "no")"
  }
}

/// The batches of one epoch; their contents are a pure function of the dataset, the batching and the epoch.
public struct Epoch: Sendable {
  /// Counted from 1.
  public let number: Int
  /// The number of batches.
  public let steps: Int

  private let dataset: Dataset
  private let digest: String
  private let batching: Batching
  private let size: Int
  private let order: [Int]
  /// Whether every batch of every epoch has the same rows in the same order.
  package var isAlwaysTheSame: Bool { steps == 1 && !batching.isShuffled }

  /// - Parameters:
  ///   - number: from 1.
  ///   - digest: the dataset's hash, for `nn.data`.
  public init(_ number: Int, of dataset: Dataset, digest: String, _ batching: Batching) {
    precondition(number > 0, "epochs count from 1")
    self.number = number
    self.dataset = dataset
    self.digest = digest
    self.batching = batching
    size = min(batching.size ?? dataset.count, dataset.count)
    steps = (dataset.count + size - 1) / size
    order =
      batching.isShuffled
      ? RandomNumbers(seed: batching.seed, purpose: "shuffle", stream: UInt64(number))
        .permutation(of: dataset.count)
      : Array(0..<dataset.count)
  }

  /// How many examples the batch of a step has: the last one what remains.
  ///
  /// - Parameter step: from 1 to `steps`.
  public func examples(in step: Int) -> Int { places(of: step).count }

  /// Where in the epoch's order a step's rows stand.
  private func places(of step: Int) -> Range<Int> {
    (step - 1) * size..<min(step * size, order.count)
  }

  /// The dataset's rows that a step learns from.
  package func rows(of step: Int) -> ArraySlice<Int> { order[places(of: step)] }

  /// The batch of one step.
  ///
  /// - Parameters:
  ///   - step: from 1 to `steps`.
  ///   - isWhole: whether the batch may say how many rows its epoch has; not when its stream stops before their end.
  public func batch(_ step: Int, isWhole: Bool = false) -> Document {
    let rows = rows(of: step)
    var batch = emptyBatch(step)
    batch.tensors[Role.input] = dataset.input.gathered(rows)
    batch.tensors[Role.target] = dataset.target?.gathered(rows)
    batch.tensors[Role.index] = Tensor(rows.map(Int64.init))
    if isWhole { batch[.rows] = String(order.count) }
    return batch
  }

  /// The batch of one step without its tensors: where it comes from.
  package func emptyBatch(_ step: Int) -> Document {
    var batch = Document(kind: .batch)
    batch.metadata.merge(dataset.foreignMetadata) { own, _ in own }
    batch[.epoch] = String(number)
    batch[.step] = String(step)
    batch[.steps] = String(steps)
    batch[.seed] = String(batching.seed)
    batch[.data] = digest
    batch[.batching] = batching.description
    batch[.classes] = dataset.classes
    return batch
  }
}

/// Which rows of a dataset go into the first part of a split: `fraction` of them, drawn without replacement.
///
/// Both parts keep the dataset's order.
public func split(_ dataset: Dataset, fraction: Double, seed: UInt64) throws -> (
  part: Document, rest: Document
) {
  let count = Int((Double(dataset.count) * fraction).rounded())
  guard count > 0, count < dataset.count else {
    throw TrainingError.emptyPart(fraction: fraction, of: dataset.count)
  }
  let order = RandomNumbers(seed: seed, purpose: "split").permutation(of: dataset.count)
  return (
    dataset.selecting(order[..<count].sorted()), dataset.selecting(order[count...].sorted())
  )
}
