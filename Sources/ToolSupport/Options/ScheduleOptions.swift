import ArgumentParser
import Optimizers

/// How the learning rate changes in the course of a training.
public struct ScheduleOptions: ParsableArguments {
  @Option(help: "How the rate changes; one-cycle takes --rate for its peak.")
  public var schedule = Decay.constant

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The epochs that cosine and one-cycle last, in all.", valueName: "n"))
  var scheduleEpochs: PositiveInteger?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The epochs between two changes of step.", valueName: "n"))
  var scheduleEvery: PositiveInteger?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What one change makes of the rate (step: 0.1, exponential: no default, plateau: 0.5).",
      valueName: "number"))
  var scheduleFactor: Fraction?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Epochs without a lower validation loss that plateau bears (default: 2).", valueName: "n"))
  var schedulePatience: NaturalNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The part of the rate that cosine ends with (default: 0).", valueName: "number"))
  var finalFactor: PartOfOne?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Let the rate grow evenly over so many epochs first, with any schedule.",
      valueName: "number"))
  var warmupEpochs: PositiveNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The loss of --model on validation data, for plateau.", valueName: "number"))
  var validationLoss: FiniteNumber?

  public init() {}

  public func validate() throws {
    let owned: [(option: String, isGiven: Bool, courses: [Decay])] = [
      ("--schedule-epochs", scheduleEpochs != nil, [.cosine, .oneCycle]),
      ("--schedule-every", scheduleEvery != nil, [.step]),
      ("--schedule-factor", scheduleFactor != nil, [.step, .exponential, .plateau]),
      ("--schedule-patience", schedulePatience != nil, [.plateau]),
      ("--final-factor", finalFactor != nil, [.cosine]),
      ("--validation-loss", validationLoss != nil, [.plateau]),
    ]
    for (option, isGiven, courses) in owned where isGiven && !courses.contains(schedule) {
      throw ValidationError(
        "\(option) goes with --schedule \(courses.map(\.rawValue).joined(separator: " or "))")
    }
    if schedule == .step && scheduleEvery == nil {
      throw ValidationError("--schedule step needs --schedule-every")
    }
    if schedule == .exponential && scheduleFactor == nil {
      throw ValidationError("--schedule exponential needs --schedule-factor")
    }
  }

  /// - Parameter epochs: of a schedule that is given no length.
  /// - Throws: `StageError.usage` when there is no such length.
  func schedule(epochs: Int?) throws -> Schedule {
    func length() throws -> Int {
      guard let length = scheduleEpochs?.value ?? epochs else {
        throw StageError.usage(
          "--schedule \(schedule.rawValue) needs --schedule-epochs (see \(Messages.tool) --help)")
      }
      return length
    }
    let course: Schedule.Decay
    switch schedule {
    case .constant: course = .constant
    case .step:
      course = .step(every: scheduleEvery?.value ?? 1, factor: scheduleFactor?.value ?? 0.1)
    case .exponential: course = .exponential(factor: scheduleFactor?.value ?? 1)
    case .cosine: course = .cosine(epochs: try length(), final: finalFactor?.value ?? 0)
    case .oneCycle: course = .oneCycle(epochs: try length())
    case .plateau:
      course = .plateau(
        factor: scheduleFactor?.value ?? 0.5, patience: schedulePatience?.value ?? 2)
    }
    return Schedule(course, warmUp: warmupEpochs?.value ?? 0)
  }
}
