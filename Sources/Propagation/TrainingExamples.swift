import Documents
import Networks
import Safetensors
import Tensors
import Training

/// The examples of one step after another, as a network takes them, in memory that is used again.
struct TrainingExamples {
  /// [N, …] in the network's shape and type.
  private(set) var input: Tensor
  /// [N, …] in the shape of the network's output.
  private(set) var target: Tensor

  private let dataset: Dataset
  private let network: Network
  private let dtype: DType
  /// Whether the input is as the network takes it but for its type, which the first batch shows.
  private var isKnownToFit = false
  /// Whether what is there is what the next step takes too.
  private var staysTheSame = false

  init(of dataset: Dataset, for network: Network, dtype: DType) {
    (self.dataset, self.network, self.dtype) = (dataset, network, dtype)
    input = Tensor(uninitialized: [0], dtype)
    target = input
  }

  var count: Int { input.shape[0] }

  /// - Throws: as `Network.prepared(input:dtype:)` and `Network.prepared(target:examples:dtype:)`.
  mutating func take(_ epoch: Epoch, _ step: Int) throws {
    if staysTheSame { return }
    let rows = epoch.rows(of: step)
    if isKnownToFit {
      let isSo = input.shape[0] == rows.count
      input.become(
        rows: rows, of: dataset.input, as: dtype,
        shape: isSo ? input.shape : network.input.batched(rows.count))
    }
    if !isKnownToFit || !dataset.input.dtype.isInteger && input.firstNonFinite() != nil {
      input = try network.prepared(input: dataset.input.gathered(rows), dtype: dtype)
      isKnownToFit = true
    }
    if let targets = dataset.target {
      target = try network.prepared(
        target: targets.gathered(rows), examples: rows.count, dtype: dtype)
    }
    staysTheSame = epoch.isAlwaysTheSame
  }

  /// - Throws: as `ExampleBatch`.
  mutating func take(_ batch: Document) throws {
    let examples = try ExampleBatch(batch, for: network, dtype: dtype)
    input = examples.input
    if let target = examples.target { self.target = target }
  }
}
