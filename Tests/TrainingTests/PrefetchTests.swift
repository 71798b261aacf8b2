import Compute
import Networks
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

/// When the next batch is made ready; that it changes nothing is shown by `TrainerRouteTests`.
@Suite struct PrefetchTests {
  /// The input, and with target and what is scaled of it all that is in memory twice: 2 · 16 + 4 numbers an example.
  @Test func isMadeReadyWhereItIsWorthwhileAndTakesLittle() throws {
    let network = try Network(
      topology: "input 16\nscale 1/8\ndense 4 softmax\nloss cross-entropy\n")
    func isReady(_ examples: Int, _ memoryLimit: Int = .max, _ dtype: DType = .f32) -> Bool {
      Prefetch(
        for: network, dtype: dtype, examples: examples, numbers: Prefetch.fewestNumbers,
        memoryLimit: memoryLimit) != nil
    }
    #expect(!isReady(511) && isReady(512))
    #expect(isReady((1 << 22) / 36) && !isReady((1 << 22) / 36 + 1) && !isReady(.max))
    let bytes = 512 * 36 * 4
    #expect(isReady(512, 8 * bytes) && !isReady(512, 8 * bytes - 8))
    #expect(isReady(512, 16 * bytes, .f64) && !isReady(512, 16 * bytes - 8, .f64))
  }

  /// A step does not wait for the examples of the next one.
  @Test(arguments: [false, true]) func takesExamplesEarlyWhereTheyAreAtHand(_ areAtHand: Bool)
    throws
  {
    var document = Document(kind: .dataset)
    document.tensors["input"] = Tensor((0..<80).map { Float($0 % 7) }, shape: [20, 4])
    document.tensors["target"] = Tensor((0..<20).map { UInt8($0 % 2) })
    let data = LoggedData(
      InMemoryDataset(try Dataset(document), digest: "abc"), areAtHand: areAtHand)
    var trainer = try Trainer(
      startedModel(), on: data, Batching(size: 6, isShuffled: true, seed: 4),
      UpdateSettings(optimizer("sgd", rate: 0.05), .mean), ThreadPool(count: 2))
    trainer.fewestNumbersAhead = 0
    try trainer.run(untilEpoch: 1, limit: 3) { step in data.log("made \(step.step)") }
    let taken = ["taken 1", "taken 2", "taken 3"]
    #expect(
      data.events
        == (areAtHand
          ? [taken[0], taken[1], "made 1", taken[2], "made 2", "made 3"]
          : [taken[0], "made 1", taken[1], "made 2", taken[2], "made 3"]))
  }
}

/// Data that note when examples are taken.
private final class LoggedData: TrainingData, @unchecked Sendable {
  private let held: InMemoryDataset
  private let areAtHand: Bool
  private let lock = Lock()
  private var logged: [String] = []

  init(_ held: InMemoryDataset, areAtHand: Bool) { (self.held, self.areAtHand) = (held, areAtHand) }

  var events: [String] { lock.withLock { logged } }
  func log(_ event: String) { lock.withLock { logged.append(event) } }

  var outline: DatasetOutline { held.outline }
  var count: Int { held.count }
  var digest: String { held.digest }

  func examples(of epoch: Int, _ batching: Batching, size: Int) -> any EpochExamples {
    Logged(data: self, held: held.examples(of: epoch, batching, size: size))
  }

  private struct Logged: EpochExamples {
    let data: LoggedData
    let held: any EpochExamples

    func areAtHand(of step: Int) -> Bool { data.areAtHand }

    func examples(of step: Int) throws -> Examples {
      data.log("taken \(step)")
      return try held.examples(of: step)
    }
  }
}
