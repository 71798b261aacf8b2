import Compute
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct UpdaterTests {
  private let names = ["conv1.weight", "conv1.running_mean", "dense1.weight"]

  private func refusal(
    of gradients: [Double], _ settings: UpdateSettings
  ) throws -> DocumentError? {
    var model = try Model(makeLayers())
    let shapes: [Shape] = [[1, 2], [1], [2, 1]]
    var rest = gradients[...]
    let tensors = shapes.map { shape in
      defer { rest = rest.dropFirst(shape.count) }
      return Tensor(Array(rest.prefix(shape.count)), shape: shape)
    }
    var updater = try Updater(of: model, named: names, settings)
    var parameters = names.compactMap { model.parameters[$0] }
    let workers = ThreadPool(count: 1)
    do {
      try updater.learn(
        &parameters, by: tensors,
        from: { LearnedBatch(position: nil, loss: nil, examples: 2) }, into: &model,
        settings: nil, workers)
      return nil
    } catch {
      return try #require(error as? DocumentError)
    }
  }

  /// Also where the correction alone would not show it, and whatever else is wrong behind it.
  @Test(arguments: optimizerWords, [Double.nan, .infinity, -.infinity])
  func aGradientThatIsNotFiniteIsNamed(_ rule: String, _ value: Double) throws {
    for rates in [["dense1": 0], ["conv1": 0, "dense1": 0]] as [[String: Double]] {
      try checkIsNamed(value, optimizer(rule, rate: 0.5), rates)
    }
  }

  private func checkIsNamed(
    _ value: Double, _ optimizer: any Optimizer, _ rates: [String: Double]
  ) throws {
    var plain = UpdateSettings(optimizer, .mean)
    plain.layers.rates = rates
    var (bounded, short, frozen, penalized) = (plain, plain, plain, plain)
    bounded.clipping.value = 1
    short.clipping.norm = 1
    frozen.layers.frozen = ["conv1", "dense1"]
    (penalized.penalties.l1, penalized.penalties.l2) = (0.1, 0.1)
    let places = [
      ("conv1.weight", 0), ("conv1.weight", 1), ("conv1.running_mean", 2), ("dense1.weight", 4),
    ]
    for settings in [plain, bounded, short, frozen, penalized] {
      for (name, place) in places {
        var gradients: [Double] = [6, 0, 1, 0, 8]
        #expect(try refusal(of: gradients, settings) == nil)
        gradients[place] = value
        let error = try refusal(of: gradients, settings)
        #expect("\(error.map { "\($0)" } ?? "")".contains("'\(name)'"), "\(settings)")
        // The first in the order of the names, which is not that of the list.
        gradients[place == 2 ? 0 : 2] = .nan
        #expect(
          try refusal(of: gradients, settings).map { "\($0)" }?
            .contains("'conv1.running_mean'") == true)
      }
    }
  }
}
