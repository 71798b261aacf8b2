import Compute
import Layers
import Networks
import Safetensors
import Tensors

/// The examples of one step after another, as a network takes them, in memory that is used again.
struct TrainingExamples {
  /// [N, …] in the network's shape and type, or bytes that it takes as they are.
  private(set) var input: Tensor
  /// [N, …] in the shape of the network's output.
  private(set) var target: Tensor
  /// Which rows of the data they are.
  private(set) var rows: ArraySlice<Int> = []

  private let network: Network
  private let dtype: DType
  /// Whether the input is as the network takes it but for its type, which the first batch shows.
  private var isKnownToFit = false
  /// Whether what is there is what the next step takes too.
  private(set) var staysTheSame = false

  init(for network: Network, dtype: DType) {
    (self.network, self.dtype) = (network, dtype)
    input = Tensor(uninitialized: [0], dtype)
    target = input
  }

  var count: Int { input.shape[0] }

  /// Takes the examples of a step out of the data.
  ///
  /// - Parameters:
  ///   - augmentation: how they are distorted; nil for not at all.
  ///   - stays: whether every step to come takes the same.
  /// - Throws: what reading and distorting throw; as `Network.prepared(input:dtype:)` and
  ///   `Network.prepared(target:examples:dtype:)`.
  mutating func take(
    _ step: Int, of epoch: Epoch, distorting augmentation: Augmentation?, stays: Bool,
    _ workers: ThreadPool
  ) throws {
    let taken = try epoch.examples(of: step)
    rows = taken.rows
    if let augmentation {
      try take(augmentation.distorted(epoch.batch(step, of: taken), workers))
    } else {
      do {
        try take(taken, workers)
      } catch let error as LayerError {
        throw error.ofDataset(rows: Array(rows))
      }
      staysTheSame = stays
    }
  }

  private mutating func take(_ examples: Examples, _ workers: ThreadPool) throws {
    let (source, places) = (examples.input, examples.places)
    if isKnownToFit {
      let isSo = input.shape[0] == places.count
      input.become(
        rows: places, of: source,
        as: network.accepts(source.dtype) ? source.dtype : dtype,
        shape: isSo ? input.shape : network.input.batched(places.count), workers)
    }
    if !isKnownToFit || !source.dtype.isInteger && input.firstNonFinite() != nil {
      input = try network.prepared(input: source.gathered(places), dtype: dtype)
      isKnownToFit = true
    } else {
      try network.checkValues(of: input)
    }
    if let targets = examples.target {
      target = try network.prepared(
        target: targets.gathered(places), examples: places.count, dtype: dtype)
    }
  }

  private mutating func take(_ batch: Document) throws {
    let examples = try ExampleBatch(batch, for: network, dtype: dtype)
    input = examples.input
    if let target = examples.target { self.target = target }
  }
}
