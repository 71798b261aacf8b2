import Compute

/// What a batch passes through the layers for.
public enum Mode: String, Sendable, CaseIterable {
  /// To learn: normalization by the batch's own statistics, dropout at work.
  case training

  /// To answer: normalization by running statistics, nothing dropped.
  case inference
}

/// What the computation of a batch depends on besides its tensors.
public struct Context: Sendable {
  public let mode: Mode

  /// The source of random numbers; nil where no layer draws any.
  public let draws: Draws?

  public let workers: ThreadPool

  public init(_ mode: Mode, draws: Draws? = nil, _ workers: ThreadPool) {
    (self.mode, self.draws, self.workers) = (mode, draws, workers)
  }

  /// The context for the layer of this name, which draws numbers of its own.
  public func forLayer(named name: String) -> Context {
    guard var draws else { return self }
    draws.layer = name
    return Context(mode, draws: draws, workers)
  }
}

/// A batch's position in training: it alone decides the random numbers of a layer, on every route alike.
public struct Draws: Sendable {
  /// The name of the layer that draws.
  public internal(set) var layer = ""

  public let seed: UInt64

  /// The epoch and the step within it, as one number.
  public let stream: UInt64

  /// The rows of the examples in the dataset.
  public let rows: [UInt64]

  /// - Parameters:
  ///   - epoch: from 1.
  ///   - step: from 1, within the epoch.
  ///   - rows: the rows of the examples in the dataset.
  public init(seed: UInt64, epoch: Int, step: Int, rows: [UInt64]) {
    self.seed = seed
    stream = UInt64(truncatingIfNeeded: epoch) << 32 ^ UInt64(truncatingIfNeeded: step)
    self.rows = rows
  }
}
