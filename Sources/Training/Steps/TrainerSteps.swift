extension Trainer {
  /// What a step was, for progress.
  public struct Step {
    /// From 1.
    public let epoch: Int
    /// Within the epoch, from 1.
    public let step: Int
    /// The batches of the epoch.
    public let steps: Int
    /// The mean loss over the batch, before the correction.
    public let loss: Double
  }

  /// Why a run came to its end.
  public enum Ending: Sendable, Equatable {
    /// The model has finished the last epoch.
    case finished
    /// So many steps are done.
    case limit
    /// The last epoch's mean loss is low enough.
    case goal
    /// Whoever called does not want another step.
    case stopped
  }
}
