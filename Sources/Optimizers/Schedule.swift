import CLibrary
import Tensors

/// Where in the training a batch stands.
public struct TrainingPosition: Sendable, Equatable {
  /// From 1.
  public let epoch: Int
  /// Within the epoch, from 1.
  public let step: Int
  /// The batches of the epoch.
  public let steps: Int

  /// A place as a batch document states it; nothing is checked.
  public init(epoch: Int, step: Int, steps: Int) {
    (self.epoch, self.step, self.steps) = (epoch, step, steps)
  }

  /// The batches before this one, all epochs being as long as this one.
  var index: Double { Double(epoch - 1) * Double(steps) + Double(step - 1) }
}

/// How the learning rate changes: a factor for it, as a pure function of a batch's place and of the validation
/// losses so far. So every route through the same steps, and every resumed one, takes the same rates.
public struct Schedule: Sendable, Equatable {
  /// How the factor goes once the rate is warm.
  public let course: Decay
  /// Epochs, also in part, in which the rate grows in equal steps to what the course says: the factor of batch k of
  /// n is k / n more. 0 for none.
  public let warmUp: Double

  /// A constant rate from the first step unless told otherwise.
  public init(_ course: Decay = .constant, warmUp: Double = 0) {
    (self.course, self.warmUp) = (course, warmUp)
  }

  /// The course without warm-up; every formula is PyTorch's.
  public enum Decay: Sendable, Equatable {
    /// 1.
    case constant
    /// factor^⌊(epoch − 1) / every⌋: StepLR.
    case step(every: Int, factor: Double)
    /// factor^(epoch − 1): ExponentialLR.
    case exponential(factor: Double)
    /// From 1 to `final` along half a cosine, batch by batch: CosineAnnealingLR.
    case cosine(epochs: Int, final: Double)
    /// From 1/25 to 1 within three tenths of the steps, then to 1/250,000, both along half a cosine: OneCycleLR with its
    /// defaults (Smith and Topin 2018). A single step in all takes the peak; PyTorch's would take the end.
    case oneCycle(epochs: Int)
    /// factor^n, n being how often the validation loss had not fallen below the best so far, by at least a
    /// ten-thousandth, in more than `patience` epochs on end: ReduceLROnPlateau.
    case plateau(factor: Double, patience: Int)
  }

  /// Whether the factor depends on where a batch stands.
  public var needsPlace: Bool { course != .constant || warmUp > 0 }

  /// Whether the factor depends on how the epochs before were judged.
  public var needsValidation: Bool { if case .plateau = course { true } else { false } }

  /// The factor for the learning rate.
  ///
  /// - Parameter losses: validation losses by the epoch after which they were measured.
  /// - Throws: `ScheduleError` when the place lies behind the schedule's end, or the loss of the epoch before is missing.
  public func factor(at place: TrainingPosition, losses: [Int: Double]) throws -> Double {
    let warmth = warmUp == 0 ? 1 : min(1, (place.index + 1) / (warmUp * Double(place.steps)))
    return try warmth * course.factor(at: place, losses: losses)
  }

  /// As `nn.optimizer` states it; empty for a constant rate.
  public var words: [String] {
    course.words + (warmUp > 0 ? ["warmup-epochs=\(decimal(warmUp))"] : [])
  }
}

extension Schedule.Decay {
  fileprivate func factor(at place: TrainingPosition, losses: [Int: Double]) throws -> Double {
    switch self {
    case .constant: return 1
    case .step(let every, let factor): return pow(factor, Double((place.epoch - 1) / every))
    case .exponential(let factor): return pow(factor, Double(place.epoch - 1))
    case .cosine(let epochs, let final):
      let part = place.index / (try place.total(of: epochs))
      return final + (1 - final) * halfCosine(part)
    case .oneCycle(let epochs):
      return cycle(place.index, of: try place.total(of: epochs))
    case .plateau(let factor, let patience):
      if place.epoch == 1 { return 1 }
      guard losses[place.epoch - 1] != nil else {
        throw ScheduleError.noLoss(epoch: place.epoch - 1)
      }
      return pow(factor, Double(reductions(losses, before: place.epoch, patience: patience)))
    }
  }

  fileprivate var words: [String] {
    switch self {
    case .constant: []
    case .step(let every, let factor):
      ["schedule=step", "schedule-every=\(every)", "schedule-factor=\(decimal(factor))"]
    case .exponential(let factor): ["schedule=exponential", "schedule-factor=\(decimal(factor))"]
    case .cosine(let epochs, let final):
      ["schedule=cosine", "schedule-epochs=\(epochs)", "final-factor=\(decimal(final))"]
    case .oneCycle(let epochs): ["schedule=one-cycle", "schedule-epochs=\(epochs)"]
    case .plateau(let factor, let patience):
      [
        "schedule=plateau", "schedule-factor=\(decimal(factor))", "schedule-patience=\(patience)",
      ]
    }
  }
}

extension TrainingPosition {
  /// All batches of a training over `epochs`.
  fileprivate func total(of epochs: Int) throws -> Double {
    guard epoch <= epochs else { throw ScheduleError.behindEnd(epoch: epoch, epochs: epochs) }
    return Double(epochs) * Double(steps)
  }
}

/// From 1 to 0 while `part` goes from 0 to 1.
private func halfCosine(_ part: Double) -> Double { (1 + cos(.pi * part)) / 2 }

private func cycle(_ index: Double, of total: Double) -> Double {
  if total <= 1 { return 1 }
  let (start, end) = (1.0 / 25, 1.0 / 25 / 1e4)
  let peak = 0.3 * total - 1
  if index <= peak { return 1 + (start - 1) * halfCosine(index / peak) }
  return end + (1 - end) * halfCosine((index - peak) / (total - 1 - peak))
}

/// How often patience with the losses before `epoch` has run out.
private func reductions(_ losses: [Int: Double], before epoch: Int, patience: Int) -> Int {
  var (best, waited, reductions) = (Double.infinity, 0, 0)
  for (_, loss) in losses.filter({ $0.key < epoch }).sorted(by: { $0.key < $1.key }) {
    if loss < best * (1 - 1e-4) {
      (best, waited) = (loss, 0)
    } else {
      waited += 1
    }
    if waited > patience { (waited, reductions) = (0, reductions + 1) }
  }
  return reductions
}

/// What can be wrong between a schedule and a batch.
public enum ScheduleError: Fault, Equatable {
  case behindEnd(epoch: Int, epochs: Int)
  case noLoss(epoch: Int)

  public var description: String {
    switch self {
    case .behindEnd(let epoch, let epochs):
      "nn.epoch: found \(epoch), but the schedule ends with epoch \(epochs) (--schedule-epochs)"
    case .noLoss(let epoch):
      "nn.validation: no loss for epoch \(epoch), by which --schedule plateau goes (--validation-loss)"
    }
  }
}
