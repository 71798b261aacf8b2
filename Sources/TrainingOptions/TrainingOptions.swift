import ArgumentParser
import Stages
import Training

/// How batches are cut, for the tools that cut them.
public struct BatchingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Examples of a batch, or all.", valueName: "n|all"))
  public var size = CountOrAll(64)

  @OptionGroup public var seed: SeedOptions

  @Flag(help: "Keep the dataset's order instead of a new one for every epoch.")
  public var noShuffle = false

  public init() {}

  public var batching: Batching {
    Batching(size: size.value, isShuffled: !noShuffle, seed: seed.seed)
  }
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
