import Documents
import Kernels
import Optimizers
import Tensors
import Testing

@testable import Training

@Suite struct CorrectorTests {
  private let names = ["conv1.weight", "conv1.running_mean", "dense1.weight"]

  private func refusal(
    of gradients: [Double], _ settings: UpdateSettings, factor: Double = 1
  ) throws -> DocumentError? {
    let model = try Model(makeLayers())
    let shapes: [Shape] = [[1, 2], [1], [2, 1]]
    var rest = gradients[...]
    let tensors = shapes.map { shape in
      defer { rest = rest.dropFirst(shape.count) }
      return Tensor(Array(rest.prefix(shape.count)), shape: shape)
    }
    var corrector = try Corrector(of: model, named: [names], settings)
    var parameters = [names.compactMap { model.parameters[$0] }]
    let workers = Workers(count: 1)
    do {
      try corrector.correct(&parameters, by: [tensors], examples: 2, factor: factor, workers)
      return nil
    } catch {
      return try #require(error as? DocumentError)
    }
  }

  /// Also where the correction alone would not show it, and whatever else is wrong behind it.
  @Test(arguments: optimizerWords, [Double.nan, .infinity, -.infinity])
  func aGradientThatIsNotFiniteIsNamed(_ rule: String, _ value: Double) throws {
    var plain = UpdateSettings(try optimizer(rule, rate: 0.5), .mean)
    plain.layers.rates = ["dense1": 0]
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
        for factor in [0, 1] as [Double] {
          var gradients: [Double] = [6, 0, 1, 0, 8]
          #expect(try refusal(of: gradients, settings, factor: factor) == nil)
          gradients[place] = value
          let error = try refusal(of: gradients, settings, factor: factor)
          #expect("\(error.map { "\($0)" } ?? "")".contains("'\(name)'"), "\(settings)")
          // The first in the order of the names, which is not that of the list.
          gradients[place == 2 ? 0 : 2] = .nan
          #expect(
            try refusal(of: gradients, settings, factor: factor).map { "\($0)" }?
              .contains("'conv1.running_mean'") == true)
        }
      }
    }
  }
}
