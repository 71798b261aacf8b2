import Tensors

/// What batches are cut from.
public protocol TrainingData {
  var outline: DatasetOutline { get }
  /// How many rows there are.
  var count: Int { get }
  /// The hash of the data, for `nn.data`.
  var digest: String { get }

  /// The examples of one epoch; nothing is read before the first of them is asked for.
  ///
  /// - Parameters:
  ///   - epoch: from 1.
  ///   - size: examples of a batch.
  func examples(of epoch: Int, _ batching: Batching, size: Int) -> any EpochExamples
}

/// The examples of the steps of one epoch.
public protocol EpochExamples {
  /// Whether `examples` would not have to wait for anybody.
  func areAtHand(of step: Int) -> Bool

  /// - Parameter step: from 1. To ask for another one than that behind the last may take long.
  func examples(of step: Int) throws -> Examples
}

/// The examples of one step: some rows of two tensors.
public struct Examples: Sendable {
  public let input: Tensor
  public let target: Tensor?
  /// Where in the tensors the examples stand.
  public let places: ArraySlice<Int>
  /// Which rows of the dataset they are.
  public let rows: ArraySlice<Int>
}

/// A dataset in memory.
public struct InMemoryDataset: TrainingData {
  public let digest: String
  private let dataset: Dataset

  public init(_ dataset: Dataset, digest: String) {
    self.dataset = dataset
    self.digest = digest
  }

  public var outline: DatasetOutline { dataset.outline }
  public var count: Int { dataset.count }

  public func examples(of epoch: Int, _ batching: Batching, size: Int) -> any EpochExamples {
    HeldExamples(dataset, order: batching.order(of: dataset.count, in: epoch), size: size)
  }
}

private struct HeldExamples: EpochExamples {
  private let dataset: Dataset
  private let order: [Int]
  private let size: Int

  init(_ dataset: Dataset, order: [Int], size: Int) {
    (self.dataset, self.order, self.size) = (dataset, order, size)
  }

  func areAtHand(of step: Int) -> Bool { true }

  func examples(of step: Int) -> Examples {
    let rows = order[(step - 1) * size..<min(step * size, order.count)]
    return Examples(input: dataset.input, target: dataset.target, places: rows, rows: rows)
  }
}

extension Batching {
  /// The rows of a dataset in memory in the order of an epoch.
  fileprivate func order(of count: Int, in epoch: Int) -> [Int] {
    isShuffled
      ? RandomNumbers(seed: seed, purpose: "shuffle", stream: UInt64(epoch)).permutation(of: count)
      : Array(0..<count)
  }
}
