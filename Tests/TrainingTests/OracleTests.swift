import Comparison
import Compute
import Foundation
import Tensors
import Testing

@testable import Training

/// Against PyTorch's grid_sample and conv2d in F64.
@Suite struct OracleTests {
  struct Numbers: Decodable {
    let shape: [Int]
    let values: [Double]
    var tensor: Tensor { Tensor(values, shape: Shape(shape)) }
  }

  struct Settings: Decodable {
    let rotation, scale, stretch, shear, elastic, sigma, fill: Double?
    let shift: [Int]?
    let flip, verticalFlip: Bool?

    var augmentation: Augmentation {
      var result = Augmentation()
      result.rotation = rotation.map { $0...$0 }
      result.scale = scale.map { $0...$0 }
      result.stretch = stretch.map { $0...$0 }
      result.shear = shear.map { $0...$0 }
      result.shift = shift.map { $0[0]...$0[1] }
      result.flip = flip.map { $0 ? 1 : 0 }
      result.verticalFlip = verticalFlip.map { $0 ? 1 : 0 }
      result.fill = fill ?? 0
      return result
    }
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let settings: Settings
    let input, output: Numbers
    let field, displacement: Numbers?
    var testDescription: String { "\(input.shape) \(settings.augmentation)" }
  }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/augment.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  @Test func oracleIsComplete() throws { #expect(try Self.cases().count == 14) }

  @Test(arguments: try cases().filter { $0.field == nil })
  func mapsAreThoseOfPyTorch(_ expected: Case) throws {
    let augmentation = expected.settings.augmentation
    let workers = ThreadPool(count: 1)
    let found = try augmentation.distorted(makeBatch(expected.input.tensor), workers)
      .tensor("input")
    #expect(mismatch(found, expected.output.tensor, absolute: 1e-13) == nil)
    let single = try augmentation.distorted(
      makeBatch(expected.input.tensor.converted(to: .f32)), workers
    ).tensor("input")
    #expect(single.dtype == .f32)
    #expect(mismatch(single, expected.output.tensor, absolute: 2e-6) == nil)
  }

  @Test(arguments: try cases().filter { $0.field != nil })
  func elasticDistortionIsThatOfPyTorch(_ expected: Case) throws {
    let settings = expected.settings
    let (channels, height, width) = (
      expected.input.shape[1], expected.input.shape[2], expected.input.shape[3]
    )
    let field = try #require(expected.field).values.map { Float($0) }
    var displacement = Displacement(
      height: height, width: width, sigma: try #require(settings.sigma))
    displacement.x = Array(field[..<(height * width)])
    displacement.y = Array(field[(height * width)...])
    displacement.smooth(times: try #require(settings.elastic))
    let found = Tensor(displacement.x + displacement.y, shape: [2, height, width])
    #expect(mismatch(found, try #require(expected.displacement).tensor, absolute: 1e-6) == nil)

    var places = Places<Double>(height: height, width: width)
    places.find(
      Geometry(
        settings.augmentation, try AugmentationDraws(for: makeBatch(bytes([1, 1]))), row: 0),
      displacement)
    var output = [Double]()
    for channel in 0..<channels {
      let border = [Double](repeating: settings.fill ?? 0, count: width + 3)
      let start = channel * height * width
      let lines = (0..<height).map { line in
        expected.input.values[start + line * width..<start + (line + 1) * width]
      }
      let padded = border + lines.flatMap { [border[0]] + $0 + border[..<2] } + border + border
      var plane = [Double](repeating: 0, count: height * width)
      padded.withUnsafeBufferPointer { padded in
        plane.withUnsafeMutableBufferPointer { places.sample(padded, into: $0) }
      }
      output += plane
    }
    #expect(
      mismatch(
        Tensor(output, shape: Shape(expected.output.shape)), expected.output.tensor,
        absolute: 2e-6) == nil)
  }
}
