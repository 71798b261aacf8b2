import Compute
import Layers
import Networks
import Tensors

/// The next step's examples, made ready beside the step before: taken out of the data, distorted, and as far into the network as no
/// parameters are needed.
///
/// Between two works of a step threads wait, for one another or for what one alone computes. This is what they can do meanwhile.
struct Prefetch {
  private var examples: TrainingExamples
  private var executor: Executor
  /// What is ready: a step, or what was thrown when it was to be made ready.
  private var place: (epoch: Int, step: Int)?
  private var failure: (any Error)?

  /// So many numbers are worth that another thread comes to them.
  static let fewestNumbers = 1 << 13
  /// A batch of more is cut into so many pieces that hardly anybody waits, and need not be in memory twice.
  private static let mostNumbers = 1 << 22

  /// nil where it would not be worth it, or need memory that is much beside the limit for a batch's signals.
  ///
  /// - Parameters:
  ///   - examples: the most that a batch has.
  ///   - fewest: how many numbers their input has at least.
  init?(
    for network: Network, dtype: DType, examples: Int, numbers fewest: Int, memoryLimit: Int
  ) {
    let own = Double(examples) * Double(network.input.count)
    if own < Double(fewest) { return nil }
    executor = Executor(network, .training, dtype, keeping: .training)
    self.examples = TrainingExamples(for: network, dtype: dtype)
    let others = Double(network.outputShape.count) + executor.numbersOfPrefix
    let most = min(Double(Self.mostNumbers), Double(memoryLimit) / 8 / Double(dtype.bitWidth / 8))
    if own + Double(examples) * others > most { return nil }
  }

  mutating func makeReady(
    _ step: Int, of epoch: Epoch, distorting augmentation: Augmentation?, _ workers: ThreadPool
  ) {
    (place, failure) = ((epoch.number, step), nil)
    do {
      executor.releaseInput()
      try examples.take(step, of: epoch, distorting: augmentation, stays: false, workers)
      executor.begin(examples.input, Context(.training, workers))
    } catch {
      failure = error
    }
  }

  /// Exchanges what is ready for the memory of the step before.
  ///
  /// - Returns: whether it is this step; if not, nothing is done.
  /// - Throws: what was thrown when it was to be made ready.
  mutating func handOver(
    _ step: Int, of epoch: Epoch, to examples: inout TrainingExamples,
    _ executor: inout Executor
  ) throws -> Bool {
    guard let place, place == (epoch.number, step) else { return false }
    self.place = nil
    if let failure { throw failure }
    swap(&self.examples, &examples)
    executor.takePrefix(of: &self.executor)
    return true
  }
}
