import Comparison
import Compute
import Foundation
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

/// Steps of PyTorch's optimizers in F64, with its clipping and decay, and F32 against the same.
@Suite struct OptimizerOracleTests {
  struct Case: Decodable, CustomTestStringConvertible {
    struct Options: Decodable {
      let value, norm, l1, l2, decay: Double?

      enum CodingKeys: String, CodingKey {
        case value = "clip-value", norm = "clip-norm", l1, l2, decay = "weight-decay"
      }
    }

    let rule: String
    let rate: Double
    let settings: [String: Double]
    let options: Options
    let start: [String: [Double]]
    let gradients, after: [[String: [Double]]]
    var testDescription: String { "\(rule) \(settings) \(options)" }

    func updateSettings() throws -> UpdateSettings {
      let given = try settings.map { (try #require(RuleSetting(rawValue: $0.key)), $0.value) }
      var settings = UpdateSettings(
        try optimizer(rule, rate: rate, Dictionary(uniqueKeysWithValues: given)), .mean)
      if let value = options.value { settings.clipping.value = value }
      if let norm = options.norm { settings.clipping.norm = norm }
      if let decay = options.decay { settings.penalties.decay = decay }
      (settings.penalties.l1, settings.penalties.l2) = (options.l1 ?? 0, options.l2 ?? 0)
      return settings
    }
  }

  private struct Oracle: Decodable {
    let shapes: [String: [Int]]
    let rules: [Case]
  }

  private static func oracle() throws -> Oracle {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/optimizers.json")
    return try JSONDecoder().decode(Oracle.self, from: Data(contentsOf: file))
  }

  static func cases() throws -> [Case] { try oracle().rules }

  @Test func oracleHasEveryRule() throws {
    #expect(Set(try Self.cases().map(\.rule)) == Set(optimizerWords))
  }

  @Test(arguments: try cases(), [DType.f64, .f32])
  func stepsAreThoseOfPyTorch(_ expected: Case, _ dtype: DType) throws {
    let shapes = try Self.oracle().shapes
    func tensors(_ values: [String: [Double]]) -> [String: Tensor] {
      Dictionary(
        uniqueKeysWithValues: values.map {
          ($0.key, Tensor($0.value, shape: Shape(shapes[$0.key] ?? [])).converted(to: dtype))
        })
    }
    var document = makeModel()
    document.tensors = tensors(expected.start)
    var straight = try Model(document)
    var saved = straight
    let settings = try expected.updateSettings()
    let workers = ThreadPool(count: 2)
    for (gradient, after) in zip(expected.gradients, expected.after) {
      var document = makeGradient()
      document.tensors = tensors(gradient)
      document[.examples] = "1"
      try straight.learn(document, settings, workers)
      let tolerance = dtype == .f64 ? 1e-12 : 1e-5
      #expect(
        mismatch(
          straight.parameters, tensors(after), relative: tolerance, absolute: tolerance) == nil)
      // Saved and read again after every step.
      try saved.learn(document, settings, workers)
      saved = try Model(saved.document())
    }
    #expect(saved.document() == straight.document())
    #expect(straight.parameters.values.contains { $0.doubles().contains { abs($0) > 0.01 } })
  }
}
