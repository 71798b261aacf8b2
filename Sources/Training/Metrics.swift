import Safetensors

/// Loss and accuracy over predictions, however they are cut into documents.
public struct Metrics: Sendable {
  public private(set) var examples = 0
  private var lossSum = 0.0
  /// Right answers; nil once a target was seen that names no class.
  private var correct: Int? = 0

  public init() {}

  /// The mean over the examples.
  public var loss: Double { lossSum / Double(examples) }

  /// The share of right answers; nil where the targets are numbers that name no class.
  public var accuracy: Double? { correct.map { Double($0) / Double(examples) } }

  /// Counts in the predictions of one document.
  ///
  /// The answer is the class with the largest output, or for a single output class 1 above 0.5; above 0 where
  /// the network's loss is `hinge`, which pushes the two classes to either side of 0.
  /// - Throws: `DocumentError` when it is no prediction, has no target, or holds an output or loss that is not finite;
  ///   `TrainingError.classOutside`.
  public mutating func add(_ prediction: Document) throws {
    let judged = try JudgedExamples(prediction)
    examples += judged.count
    lossSum = judged.losses.reduce(lossSum, +)
    if let soFar = correct, let wanted = judged.wanted, let answers = judged.answers {
      correct = soFar + zip(answers, wanted).count { $0 == $1 }
    } else {
      correct = nil
    }
  }

  /// - Throws: `TrainingError.noPredictions` when nothing was counted.
  public func requireExamples() throws {
    if examples == 0 { throw TrainingError.noPredictions }
  }
}
