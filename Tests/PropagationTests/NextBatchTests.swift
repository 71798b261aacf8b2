import Documents
import Kernels
import Optimizers
import Safetensors
import Tensors
import Testing
import Training

@testable import Propagation

/// When the next batch is made ready; that it changes nothing is shown by `TrainerRouteTests`.
@Suite struct NextBatchTests {
  /// A step does not wait for the examples of the next one.
  @Test(arguments: [false, true]) func takesExamplesEarlyWhereTheyAreAtHand(_ areAtHand: Bool)
    throws
  {
    var document = Document(kind: .dataset)
    document.tensors["input"] = Tensor((0..<80).map { Float($0 % 7) }, shape: [20, 4])
    document.tensors["target"] = Tensor((0..<20).map { UInt8($0 % 2) })
    let data = LoggedData(HeldData(try Dataset(document), digest: "abc"), areAtHand: areAtHand)
    var trainer = try Trainer(
      makeModel(), on: data, Batching(size: 6, isShuffled: true, seed: 4),
      UpdateSettings(optimizer("sgd", rate: 0.05), .mean), Workers(count: 2))
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
  private let held: HeldData
  private let areAtHand: Bool
  private let lock = Lock()
  private var logged: [String] = []

  init(_ held: HeldData, areAtHand: Bool) { (self.held, self.areAtHand) = (held, areAtHand) }

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
