import Kernels

/// Whether a pass is to learn from or to answer by.
public enum Mode: String, Sendable, CaseIterable {
  /// Normalization by the batch's own statistics, dropout at work.
  case training

  /// What a trained network answers: normalization by running statistics, nothing dropped.
  case inference
}

/// What a pass of a batch through the layers depends on besides signals and parameters.
public struct Pass: Sendable {
  public let mode: Mode

  /// What random layers draw by; nil where none will draw.
  public let draws: Draws?

  public let workers: Workers

  /// The pass as the layer of this name sees it.
  public func at(_ layer: String) -> Pass {
    guard var draws else { return self }
    draws.layer = layer
    return Pass(mode, draws: draws, workers)
  }

  public init(_ mode: Mode, draws: Draws? = nil, _ workers: Workers) {
    self.mode = mode
    self.draws = draws
    self.workers = workers
  }
}

/// The place of a batch's examples in training: what decides the random numbers of a layer, on every route alike.
public struct Draws: Sendable {
  /// The layer that draws.
  public internal(set) var layer = ""

  public let seed: UInt64

  /// Of the epoch and of the step within it.
  public let stream: UInt64

  /// The examples' rows in the dataset.
  public let rows: [UInt64]

  /// - Parameters:
  ///   - epoch: from 1.
  ///   - step: from 1, within the epoch.
  ///   - rows: the examples' rows in the dataset.
  public init(seed: UInt64, epoch: Int, step: Int, rows: [UInt64]) {
    self.seed = seed
    stream = UInt64(truncatingIfNeeded: epoch) << 32 ^ UInt64(truncatingIfNeeded: step)
    self.rows = rows
  }
}
