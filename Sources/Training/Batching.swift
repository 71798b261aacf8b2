import Safetensors
import Tensors

/// How a dataset is cut into batches: what decides which rows a step learns from.
public struct Batching: Sendable, CustomStringConvertible {
  /// Examples of a batch; nil for all of them. The last batch of an epoch has what remains.
  public let size: Int?
  public let isShuffled: Bool
  public let seed: UInt64
  /// How many rows the shuffle buffer holds, through which rows come that are not all in memory; nil where they are.
  public let buffer: Int?

  public init(size: Int?, isShuffled: Bool, seed: UInt64, buffer: Int? = nil) {
    self.size = size
    self.isShuffled = isShuffled
    self.seed = seed
    self.buffer = buffer
  }

  /// As `nn.batching` states it.
  public var description: String {
    let buffer = isShuffled ? buffer : nil
    return "size=\(size.map(String.init) ?? "all") shuffle=\(isShuffled ? "yes" : "no")"
      + (buffer.map { " buffer=\($0)" } ?? "")
  }
}

/// The batches of one epoch; their contents are a pure function of the data, the batching and the epoch.
public struct Epoch {
  /// Counted from 1.
  public private(set) var number: Int
  /// The number of batches.
  public let steps: Int

  private let data: any TrainingData
  private let batching: Batching
  private let size: Int
  private let count: Int
  private let source: any EpochExamples
  /// Whether every batch of every epoch has the same rows in the same order.
  package var isAlwaysTheSame: Bool { steps == 1 && !batching.isShuffled }

  /// - Parameter number: from 1.
  public init(_ number: Int, of data: any TrainingData, _ batching: Batching) {
    precondition(number > 0, "epochs count from 1")
    self.number = number
    self.data = data
    self.batching = batching
    count = data.count
    size = min(batching.size ?? count, count)
    steps = (count + size - 1) / size
    source = data.examples(of: number, batching, size: size)
  }

  /// Makes it another epoch of the same data and batching.
  package mutating func become(_ number: Int) {
    if isAlwaysTheSame {
      self.number = number
    } else if number != self.number {
      self = Epoch(number, of: data, batching)
    }
  }

  /// How many examples the batch of a step has: the last one what remains.
  ///
  /// - Parameter step: from 1 to `steps`.
  public func examples(in step: Int) -> Int { min(size, count - (step - 1) * size) }

  /// The examples that a step learns from.
  ///
  /// - Parameter step: from 1 to `steps`, best in this order.
  /// - Throws: what reading them throws.
  package func examples(of step: Int) throws -> Examples { try source.examples(of: step) }

  /// Whether `examples` would not have to wait for anybody.
  package func areExamplesAtHand(of step: Int) -> Bool { source.areAtHand(of: step) }

  /// The batch of one step.
  ///
  /// - Parameters:
  ///   - step: from 1 to `steps`, best in this order.
  ///   - isWhole: whether the batch may say how many rows its epoch has; not when its stream stops before their end.
  /// - Throws: what reading the examples throws.
  public func batch(_ step: Int, isWhole: Bool = false) throws -> Document {
    batch(step, of: try examples(of: step), isWhole: isWhole)
  }

  /// The batch of one step from its examples.
  package func batch(_ step: Int, of examples: Examples, isWhole: Bool = false) -> Document {
    var batch = emptyBatch(step)
    batch.tensors[Role.input] = examples.input.gathered(examples.places)
    batch.tensors[Role.target] = examples.target?.gathered(examples.places)
    batch.tensors[Role.index] = Tensor(examples.rows.map(Int64.init))
    if isWhole { batch[.rows] = String(count) }
    return batch
  }

  /// The batch of one step without its tensors: where it comes from.
  package func emptyBatch(_ step: Int) -> Document {
    var batch = Document(kind: .batch)
    batch.metadata.merge(data.outline.foreignMetadata) { own, _ in own }
    batch[.epoch] = String(number)
    batch[.step] = String(step)
    batch[.steps] = String(steps)
    batch[.seed] = String(batching.seed)
    batch[.data] = data.digest
    batch[.batching] = batching.description
    batch[.classes] = data.outline.classes
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
