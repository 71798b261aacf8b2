import ArgumentParser
import Training

/// How batches are cut, for the tools that cut them.
public struct BatchingOptions: ParsableArguments {
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Examples of a batch, or all.", valueName: "n|all"))
  public var size = CountOrAll(64)

  @OptionGroup public var seed: SeedOptions

  @Flag(help: "Keep the dataset's order instead of a new one for every epoch.")
  public var noShuffle = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Read the datasets row by row, for data larger than memory, and shuffle the files and then the rows, of which so \
      many are held and one after the other is drawn.
      """, valueName: "rows"))
  public var shuffleBuffer: PositiveInteger?

  public init() {}

  public func validate() throws {
    if shuffleBuffer != nil && size.value == nil {
      throw ValidationError(
        "--size all: with --shuffle-buffer not all rows are in memory, expected a whole number above 0"
      )
    }
  }

  public var batching: Batching {
    Batching(
      size: size.value, isShuffled: !noShuffle, seed: seed.seed, buffer: shuffleBuffer?.value)
  }
}

/// The datasets of several files, or of standard input, as one: in memory, or to be read by rows where batches come through
/// a buffer.
///
/// - Parameters:
///   - epochs: how often all rows will be read.
///   - output: whose closing ends a wait for input.
/// - Throws: what reading and `Dataset` throw, located; `StageError.usage` for a pipe that would be read more than once.
public func readData(
  _ paths: [String], _ batching: Batching, epochs: Int, watching output: DocumentOutput
) throws -> any TrainingData {
  let paths = paths.isEmpty ? ["-"] : paths
  if batching.buffer != nil { return try ShardedData(paths, epochs: epochs, watching: output) }
  let (dataset, digest) = try readDatasets(paths, watching: output)
  return InMemoryDataset(dataset, digest: digest)
}

/// The datasets of several files, or of standard input, as one in memory, and the hash that names their data in lineages.
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
