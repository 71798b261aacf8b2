import Safetensors
import Training

/// Datasets of which never more than some rows are in memory.
final class ShardedData: TrainingData {
  let outline: DatasetOutline
  let count: Int
  let digest: String
  private let shards: [Shard]
  private let counts: [Int]
  private let epochs: Int
  private let output: DocumentOutput

  /// Reads all headers.
  ///
  /// - Parameters:
  ///   - epochs: how often all rows will be read.
  ///   - output: whose closing ends a wait for rows.
  /// - Throws: as `readData`.
  init(_ paths: [String], epochs: Int, watching output: DocumentOutput) throws {
    if epochs > 1, let pipe = paths.first(where: Shard.canBeReadOnce) {
      throw StageError.usage(
        "--shuffle-buffer: \(pipe == "-" ? "<stdin>" : pipe): found \(epochs) epochs, expected one "
          + "as a pipe can be read only once, or a file")
    }
    let digest = Digest()
    let shards = try paths.map {
      try Shard($0, as: "the dataset", watching: output, digest: digest)
    }
    let outlines = try shards.map { shard in
      try locating(shard.name) { try DatasetOutline(shard.header) }
    }
    for (shard, outline) in zip(shards, outlines) {
      try locating(shard.name) { try outline.requireKin(of: outlines[0], named: shards[0].name) }
    }
    self.shards = shards
    self.outline = outlines[0]
    self.digest = "beginnings:" + digest.hex
    self.epochs = epochs
    self.output = output
    counts = outlines.map(\.count)
    let (count, overflow) = counts.reduce((0, false)) { sum, count in
      let (next, overflow) = sum.0.addingReportingOverflow(count)
      return (next, overflow || sum.1)
    }
    if overflow || count >= 1 << 53 {
      throw StageError.usage("the datasets: too many rows to count")
    }
    self.count = count
  }

  func examples(of epoch: Int, _ batching: Batching, size: Int) -> any EpochExamples {
    ShardedExamples(of: self, epoch, batching, size: size)
  }

  /// The batches of an epoch, from one step on, as a thread of their own makes them.
  fileprivate func batches(
    from step: Int, of epoch: Int, _ batching: Batching, size: Int
  ) throws -> Prefetcher<Examples> {
    let order = BufferedOrder(
      of: counts, capacity: batching.isShuffled ? batching.buffer : nil, seed: batching.seed,
      epoch: epoch)
    let (shards, outline, count) = (shards, outline, count)
    let watchesChanges = epochs > 1
    var (next, buffer) = ((step - 1) * size, ShuffleBuffer?.none)
    return Prefetcher(capacity: outline.batchesAhead(size: size)) {
      var rows =
        try buffer
        ?? ShuffleBuffer(order, outline: outline, skipping: next) {
          try shards[$0].open(watchingChanges: watchesChanges)
        }
      buffer = nil
      defer { buffer = rows }
      if next >= count { return nil }
      let examples = try rows.take(min(size, count - next))
      next += examples.rows.count
      return examples
    }
  }

  fileprivate func next(_ batches: Prefetcher<Examples>) throws -> Examples {
    guard let examples = try batches.next(whileWaiting: output.checkReader) else {
      preconditionFailure("a step behind the last")
    }
    return examples
  }
}

/// The examples of an epoch of shards.
private final class ShardedExamples: EpochExamples {
  private let data: ShardedData
  private let epoch: Int
  private let batching: Batching
  private let size: Int
  private var batches: Prefetcher<Examples>?
  private var step = 0

  init(of data: ShardedData, _ epoch: Int, _ batching: Batching, size: Int) {
    (self.data, self.epoch, self.batching, self.size) = (data, epoch, batching, size)
  }

  func areAtHand(of step: Int) -> Bool { step == self.step + 1 && batches?.isAtHand == true }

  func examples(of step: Int) throws -> Examples {
    let batches =
      if let batches, step == self.step + 1 {
        batches
      } else {
        try data.batches(from: step, of: epoch, batching, size: size)
      }
    (self.batches, self.step) = (batches, step)
    return try data.next(batches)
  }
}

extension ShardRows: RowReader {}

extension DatasetOutline {
  /// How many batches are worth having ready: so many that threads seldom wait for one another, and so few that they take
  /// little memory.
  fileprivate func batchesAhead(size: Int) -> Int {
    let example = input.dtype.byteCount(of: input.shape.perExample.count) ?? 1
    let (bytes, overflow) = size.multipliedReportingOverflow(by: max(example, 1))
    return overflow ? 2 : min(max((4 << 20) / max(bytes, 1), 2), 64)
  }
}
