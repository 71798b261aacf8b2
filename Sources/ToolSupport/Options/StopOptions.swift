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
      valueName: "number"))
  var targetLoss: FiniteNumber?

  public init() {}

  /// The loss to fall below; nil for none.
  public var goal: Double? { targetLoss?.value }

  /// Counted from this call.
  public var limit: TimeLimit { TimeLimit(seconds: timeLimit?.value) }
}
