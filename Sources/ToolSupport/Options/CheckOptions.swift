import ArgumentParser
import Tensors
import Training

/// How much trouble a dataset may hold.
public struct CheckOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Between which all input numbers must lie.", valueName: "low..high"))
  var range: NumberRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many numbers may be outside the range that their place in an example has in --learned.",
      valueName: "share"))
  var outside = Share(Limits().outside)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many times more or less than in --learned the input's numbers may spread.",
      valueName: "number"))
  var spread = PositiveNumber(Limits().spread)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How far the classes' shares may be from those in --learned, or from equal ones.",
      valueName: "share"))
  var balance = Share(Limits().balance)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many rows may repeat another's input.", valueName: "share"))
  var duplicates = Share(Limits().duplicates)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many rows may be in --holdout.", valueName: "share"))
  var leaked = Share(Limits().leaked)

  public init() {}

  public var limits: Limits {
    var limits = Limits()
    limits.range = range.map { $0.low...$0.high }
    (limits.outside, limits.spread) = (outside.value, spread.value)
    (limits.balance, limits.duplicates) = (balance.value, duplicates.value)
    limits.leaked = leaked.value
    return limits
  }
}

/// Two numbers and all between them.
struct NumberRange: OptionValue {
  static let expected = "two finite numbers as in 0..255, the smaller one first"
  let low, high: Double

  init?(text: String) {
    guard let dots = text.firstRange(of: "..") else { return nil }
    guard let low = Double(text[..<dots.lowerBound]), let high = Double(text[dots.upperBound...]),
      low.isFinite, high.isFinite, low <= high
    else { return nil }
    (self.low, self.high) = (low, high)
  }
}
