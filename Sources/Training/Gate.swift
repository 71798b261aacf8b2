import Safetensors
import Tensors

/// What one model predicts for the holdout, from however many documents.
public struct HoldoutPredictions: Sendable {
  private(set) var losses = [Double]()
  /// Nil once a target was seen that names no class.
  private(set) var classes: (wanted: [Int], answers: [Int])? = ([], [])
  /// The numbers of all targets, a row after the other, and what kinds of tensors they came in.
  private(set) var targets = [Double]()
  private(set) var targetKinds = Set<String>()
  /// The rows of the dataset; nil where a document does not say.
  private(set) var rows = [UInt64?]()
  private(set) var lossNames = Set<String>()

  public init() {}

  public var count: Int { losses.count }
  public var loss: Double { losses.reduce(0, +) / Double(count) }
  /// The share of right answers; nil where targets name no class.
  public var accuracy: Double? {
    classes.map { Double(zip($0.wanted, $0.answers).count { $0 == $1 }) / Double(count) }
  }

  /// - Throws: as `Metrics.add`; `DocumentError` for an `index` that is none.
  public mutating func add(_ prediction: Document) throws {
    let judged = try JudgedExamples(prediction)
    if prediction.tensors[Role.index] == nil {
      rows += [UInt64?](repeating: nil, count: judged.count)
    } else {
      rows += try prediction.rows(count: judged.count).map { $0 }
    }
    losses += judged.losses
    targets += judged.target.doubles()
    targetKinds.insert("\(judged.target.dtype.rawValue) \(judged.target.shape.perExample)")
    lossNames.insert(prediction.lossWords.joined(separator: " "))
    if let soFar = classes, let wanted = judged.wanted, let answers = judged.answers {
      classes = (soFar.wanted + wanted, soFar.answers + answers)
    } else {
      classes = nil
    }
  }

  /// - Throws: `TrainingError.noPredictions` when there are none.
  public func requireExamples() throws {
    if losses.isEmpty { throw TrainingError.noPredictions }
  }

  /// - Throws: `TrainingError` unless the predictions are of the same examples, and judged by the same loss.
  func requireSameExamples(as champion: HoldoutPredictions) throws {
    guard count == champion.count else {
      throw TrainingError.otherPredictions(count, champion: champion.count)
    }
    if let row = rows.indices.first(where: { rows[$0] != champion.rows[$0] }) {
      throw TrainingError.otherExample(Role.index, row: row)
    }
    guard targets.count == champion.targets.count, targetKinds == champion.targetKinds else {
      throw TrainingError.otherExample(Role.target, row: 0)
    }
    if let element = targets.indices.first(where: { targets[$0] != champion.targets[$0] }) {
      throw TrainingError.otherExample(Role.target, row: element / (targets.count / count))
    }
    guard lossNames == champion.lossNames else {
      throw TrainingError.otherLoss(
        found: lossNames.sorted().joined(separator: ", "),
        expected: champion.lossNames.sorted().joined(separator: ", "))
    }
  }
}

/// Whether a challenger may take the champion's place, by what both predict for the same examples.
///
/// With d the champion's loss less the challenger's, example by example, the challenger is promoted when the lower bound of
/// the mean of d (one-sided, by a bootstrap) is above the margin, and no class is answered worse by more than a limit.
/// Classes are judged by the share of right answers, not by their loss: a share is in units that people set limits in, and
/// one answer that is wrong with great confidence cannot move it by more than one example's worth.
public struct Gate: Sendable {
  /// Of the loss, that the challenger must be better by; below 0 it may be worse.
  public var margin = 0.0
  /// Of the bounds, each by itself.
  public var confidence = 0.95
  /// What a class's share of right answers may fall by.
  public var classLimit = 0.1
  public var samples = 2000
  public var seed: UInt64 = 1

  public init() {}

  /// How the two compare, and what follows.
  public struct Verdict: Equatable, Sendable {
    public let isPromotion: Bool
    public let reason: String
    /// The mean of d, and its bounds.
    public let gain, low, high: Double
    /// The class whose share of right answers falls most, the first of several, and by how much (below 0 where all rise);
    /// nil where targets name no class.
    public let worstClass: ClassChange?
  }

  public struct ClassChange: Equatable, Sendable {
    public let id, examples: Int
    let rightBefore, right: Int

    public var fall: Double { Double(rightBefore - right) / Double(examples) }
  }

  /// - Throws: `TrainingError` unless both are predictions of the same examples.
  public func verdict(
    champion: HoldoutPredictions, challenger: HoldoutPredictions
  ) throws -> Verdict {
    try challenger.requireSameExamples(as: champion)
    let gains = zip(champion.losses, challenger.losses).map { $0 - $1 }
    let gain = gains.reduce(0, +) / Double(gains.count)
    let bootstrap = Bootstrap(meansOf: gains, samples: samples, seed: seed)
    let (low, high) = (bootstrap.quantile(1 - confidence), bootstrap.quantile(confidence))
    let worst = Self.worstClass(champion, challenger)
    let sure = "the loss falls by \(rounded(low)) or more with confidence \(decimal(confidence))"
    var isPromotion = true
    var reason = sure
    if low <= margin {
      isPromotion = false
      reason = "\(sure), expected more than \(decimal(margin))"
    } else if let worst, worst.fall > classLimit {
      isPromotion = false
      reason =
        "class \(worst.id): \(worst.right) of \(worst.examples) right, \(worst.rightBefore) before: worse by "
        + "\(rounded(worst.fall)), expected at most \(decimal(classLimit))"
    }
    return Verdict(
      isPromotion: isPromotion, reason: reason, gain: gain, low: low, high: high, worstClass: worst)
  }

  private static func worstClass(
    _ champion: HoldoutPredictions, _ challenger: HoldoutPredictions
  ) -> ClassChange? {
    guard let before = champion.classes, let now = challenger.classes else { return nil }
    var tallies = [Int: (examples: Int, before: Int, now: Int)]()
    for (row, id) in before.wanted.enumerated() {
      tallies[id, default: (0, 0, 0)].examples += 1
      if before.answers[row] == id { tallies[id, default: (0, 0, 0)].before += 1 }
      if now.answers[row] == id { tallies[id, default: (0, 0, 0)].now += 1 }
    }
    return tallies.sorted { $0.key < $1.key }.map { id, tally in
      ClassChange(
        id: id, examples: tally.examples, rightBefore: tally.before, right: tally.now)
    }.reduce(nil) { worst, change in
      worst.map { change.fall > $0.fall } ?? true ? change : worst
    }
  }

  /// For sentences; the figures stand beside them in full.
  private func rounded(_ value: Double) -> String {
    guard value != 0, value.magnitude < 1e6 else { return decimal(value) }
    // Four digits behind the first that is not 0, as far as a decimal number has them.
    var scale = 1.0
    while value.magnitude * scale < 1000 && scale < 1e15 { scale *= 10 }
    return decimal((value * scale).rounded() / scale)
  }
}
