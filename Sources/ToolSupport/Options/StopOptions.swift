import ArgumentParser

/// What ends a training before its last epoch, with what it has learned until then.
public struct StopOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Begin no further step when so many seconds have passed since the start, and write the model as it is.",
      valueName: "seconds"))
  var timeLimit: PositiveNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stop after an epoch whose mean loss on the training data, before each step, is below the number.",
      valueName: "loss<number"))
  var until: LossGoal?

  public init() {}

  /// The loss to fall below; nil for none.
  public var goal: Double? { until?.loss }

  /// Counted from this call.
  public var limit: TimeLimit { TimeLimit(seconds: timeLimit?.value) }
}

/// A loss to fall below: `loss<0.05`.
struct LossGoal: OptionValue {
  static let expected = "loss<NUMBER, such as 'loss<0.05'"
  let loss: Double

  init?(text: String) {
    guard text.hasPrefix("loss<"), let number = FiniteNumber(text: String(text.dropFirst(5)))
    else { return nil }
    loss = number.value
  }
}
