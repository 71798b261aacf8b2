import ArgumentParser
import Tensors
import Training

/// When a challenger takes the champion's place.
public struct GateOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What the loss must fall by; below 0 what it may rise by.", valueName: "number"))
  var margin = FiniteNumber(0)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What a class's share of right answers may fall by.", valueName: "share"))
  var classLimit = Share(Gate().classLimit)

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Of each of the bounds.", valueName: "share"))
  var confidence = Share(Gate().confidence)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Samples that the bootstrap draws.", valueName: "n"))
  var samples = PositiveInteger(Gate().samples)

  @OptionGroup var seed: SeedOptions

  public init() {}

  public var gate: Gate {
    var gate = Gate()
    (gate.margin, gate.confidence) = (margin.value, confidence.value)
    (gate.classLimit, gate.samples) = (classLimit.value, samples.value)
    gate.seed = seed.seed
    return gate
  }
}
