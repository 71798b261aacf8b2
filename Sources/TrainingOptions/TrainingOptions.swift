import ArgumentParser
import Optimizers
import Stages
import Training

/// How batches are cut, for the tools that cut them.
public struct BatchingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Examples of a batch, or all.", valueName: "n|all"))
  public var size = BatchSize(64)

  @OptionGroup public var seed: SeedOptions

  @Flag(help: "Keep the dataset's order instead of a new one for every epoch.")
  public var noShuffle = false

  public init() {}

  public var batching: Batching {
    Batching(size: size.value, isShuffled: !noShuffle, seed: seed.seed)
  }
}

/// How weights are corrected, for the tools that correct them.
public struct UpdateOptions: ParsableArguments {
  @Option(help: "The rule of correction.")
  public var rule = Rule(SGD.word)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The learning rate, above 0.", valueName: "number"))
  public var rate: PositiveNumber

  @Option(help: "The gradient as the mean over the examples or as their sum.")
  public var reduce = Reduction.mean

  public init() {}

  /// - Throws: `OptimizerFault`.
  public func settings() throws -> UpdateSettings {
    UpdateSettings(try optimizer(rule.word, rate: rate.value), reduce)
  }
}

/// A rule of correction by its word.
public struct Rule: OptionValue {
  public static let expected = optimizerWords.joined(separator: " or ")
  public let word: String

  public init?(text: String) {
    guard optimizerWords.contains(text) else { return nil }
    word = text
  }

  init(_ word: String) { self.word = word }

  public static var allValueStrings: [String] { optimizerWords }
  public var defaultValueDescription: String { word }
}

extension Reduction: OptionValue {}

/// A number of examples, or all of them (nil).
public struct BatchSize: OptionValue {
  public static let expected = "\(PositiveInteger.expected), or all"
  public let value: Int?

  public init(_ value: Int) { self.value = value }

  public init?(text: String) {
    if text == "all" {
      value = nil
    } else {
      guard let size = PositiveInteger(text: text) else { return nil }
      value = size.value
    }
  }

  public var defaultValueDescription: String { value.map(String.init) ?? "all" }
}

/// The datasets of several files, or of standard input, as one, and the hash that names their data in lineages.
///
/// - Parameter output: whose closing ends a wait for input.
/// - Throws: what reading and `Dataset` throw, located.
public func readDatasets(
  _ paths: [String], watching output: DocumentOutput
) throws -> (dataset: Dataset, digest: String) {
  let digest = Digest()
  let datasets = try (paths.isEmpty ? ["-"] : paths).map { path in
    let input = try openInput(path, as: "the dataset", watching: output, digest: digest)
    let document = try input.one()
    return try input.locating { try Dataset(document) }
  }
  return (try locating("the datasets") { try Dataset(joining: datasets) }, digest.hex)
}
