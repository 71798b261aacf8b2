import Comparison
import Compute
import Foundation
import Tensors
import Testing

@testable import Training

/// Where pixels go.
@Suite struct GeometryTests {
  /// The picture 1, 2, 3 / 4, 5, 6 / 7, 8, 9.
  private let nine = Tensor((1...9).map(UInt8.init), shape: [1, 3, 3])

  private func expect(
    _ values: [UInt8], sourceLocation: SourceLocation = #_sourceLocation,
    _ change: (inout Augmentation) -> Void
  ) throws {
    let found = try distorted(nine, change)
    #expect(found.values(of: UInt8.self) == values, sourceLocation: sourceLocation)
  }

  @Test func shiftsMoveWholePixels() throws {
    try expect([0, 0, 0, 0, 1, 2, 0, 4, 5]) { $0.shift = 1...1 }
    try expect([5, 6, 7, 8, 9, 7, 7, 7, 7]) {
      $0.shift = -1 ... -1
      $0.fill = 7
    }
    try expect([9, 0, 0, 0, 0, 0, 0, 0, 0]) { $0.shift = -2 ... -2 }
  }

  @Test func flipsExchangeSides() throws {
    try expect([3, 2, 1, 6, 5, 4, 9, 8, 7]) { $0.flip = 1 }
    try expect([7, 8, 9, 4, 5, 6, 1, 2, 3]) { $0.verticalFlip = 1 }
    try expect([0, 0, 0, 0, 9, 8, 0, 6, 5]) {
      ($0.flip, $0.verticalFlip, $0.shift) = (1, 1, 1...1)
    }
    try expect([5, 4, 0, 2, 1, 0, 0, 0, 0]) {
      ($0.flip, $0.verticalFlip, $0.shift) = (1, 1, -1 ... -1)
    }
  }

  @Test func quarterTurnsMoveWholePixels() throws {
    try expect([3, 6, 9, 2, 5, 8, 1, 4, 7]) { $0.rotation = 90...90 }
    try expect([9, 8, 7, 6, 5, 4, 3, 2, 1]) { $0.rotation = 180...180 }
    try expect([7, 4, 1, 8, 5, 2, 9, 6, 3]) { $0.rotation = -90 ... -90 }
    // The corners of 2 rows of 4 leave the picture: the center lies between pixels, and so do all places of a row.
    let wide = Tensor((1...8).map { Float($0) }, shape: [1, 2, 4])
    #expect(
      try distorted(wide) { $0.rotation = 90...90 }.values(of: Float.self)
        == [0, 3, 7, 0, 0, 2, 6, 0])
  }

  @Test func whatOnlyMovesPixelsGivesTheSameBothWays() throws {
    for dtype in [DType.u8, .f32, .f64] {
      let input = dtype == .u8 ? bytes([30, 2, 7, 6]) : bytes([30, 2, 7, 6]).converted(to: dtype)
      func moved(_ rotation: ClosedRange<Double>?) throws -> Tensor {
        try distorted(input) {
          ($0.shift, $0.flip, $0.verticalFlip) = (-3...3, 0.5, 0.5)
          ($0.rotation, $0.fill) = (rotation, 9)
        }
      }
      #expect(try moved(nil) == moved(0...0))
    }
  }

  @Test func integersAreRoundedToNearestAndTiesToEven() throws {
    // Half-way between neighbors: 0.5, 1.5, 2.5, …
    let row = Tensor((0...6).map(UInt8.init), shape: [1, 1, 7])
    var places = Places<Float>(height: 1, width: 7)
    var displacement = Displacement(height: 1, width: 7, sigma: 1)
    displacement.x = .init(repeating: 0.5, count: 7)
    places.find(
      Geometry(Augmentation(), try AugmentationDraws(for: makeBatch(row)), row: 0), displacement)
    let border = [Float](repeating: 0, count: 10)
    let padded = border + [0, 0, 1, 2, 3, 4, 5, 6, 0, 0] + border + border
    var result = [UInt8](repeating: 99, count: 7)
    padded.withUnsafeBufferPointer { padded in
      result.withUnsafeMutableBufferPointer { places.sample(padded, into: $0) }
    }
    #expect(result == [0, 2, 2, 4, 4, 6, 3])
    #expect(UInt8(nearest: -3) == 0 && UInt8(nearest: 255.6) == 255 && UInt8(nearest: 1e30) == 255)
    #expect(Int8(nearest: -128.7) == -128 && Int8(nearest: -2.5) == -2 && Int8(nearest: -0.5) == 0)
    #expect(UInt16(nearest: 65534.5) == 65534 && Int16(nearest: -32767.5) == -32768)
    #expect(UInt8(nearest: 0.49999997) == 0 && UInt8(nearest: 0.50000006) == 1)
  }

  @Test func channelsShareTheirGeometry() throws {
    let plane = bytes([12, 1, 7, 6])
    let two = Tensor.concatenated(
      (0..<12).flatMap { [plane.rows($0..<$0 + 1), plane.rows($0..<$0 + 1)] }
    ).reshaped([12, 2, 7, 6])
    var augmentation = everything()
    augmentation.noise = nil
    let one = try augmentation.distorted(makeBatch(plane), ThreadPool(count: 1)).tensor("input")
    let both = try augmentation.distorted(makeBatch(two), ThreadPool(count: 1)).tensor("input")
      .reshaped([24, 1, 7, 6])
    #expect(both.gathered((0..<12).map { 2 * $0 }) == one)
    #expect(both.gathered((0..<12).map { 2 * $0 + 1 }) == one)
  }

  @Test func theShapeOfPicturesMayBeStated() throws {
    let pictures = bytes([5, 1, 7, 6])
    let augmentation = everything()
    let expected = try augmentation.distorted(makeBatch(pictures), ThreadPool(count: 1))
      .tensor("input")
    for (shape, stated) in [
      ([5, 42], [7, 6]), ([5, 42], [1, 7, 6]), ([5, 7, 6], nil), ([5, 7, 6], [1, 7, 6]),
      ([5, 1, 7, 6], [7, 6]),
    ] as [(Shape, Shape?)] {
      var augmentation = augmentation
      augmentation.shape = stated
      let batch = makeBatch(pictures.reshaped(shape))
      let found = try augmentation.distorted(batch, ThreadPool(count: 1)).tensor("input")
      #expect(found == expected.reshaped(shape))
    }
  }

  @Test func elasticFieldsHaveTheStrengthOfTheirFormula() throws {
    // The mean square of the smoothed field is that of the numbers, 1/3, times the sum of the squared weights.
    let (extent, sigma) = (64, 2.0)
    let bell = (-6...6).map { exp(-Double($0 * $0) / (2 * sigma * sigma)) }
    let sum = bell.reduce(0, +)
    let gain = bell.map { ($0 / sum) * ($0 / sum) }.reduce(0, +)
    var field = Displacement(height: extent, width: extent, sigma: sigma)
    let draws = try AugmentationDraws(for: makeBatch(bytes([1, 1])))
    var (sums, squares, products) = (0.0, 0.0, 0.0)
    var count = 0.0
    for row in 0..<50 {
      field.draw(draws.displacement, row: UInt64(row), strength: 10)
      for line in 6..<extent - 6 {
        for pixel in line * extent + 6..<line * extent + extent - 6 {
          let (x, y) = (Double(field.x[pixel]), Double(field.y[pixel]))
          sums += x + y
          squares += x * x + y * y
          products += x * y
          count += 1
        }
      }
    }
    let expected = 100 / 3.0 * gain * gain
    #expect(abs(squares / (2 * count) / expected - 1) < 0.05)
    #expect(abs(sums / (2 * count)) < 0.05 * expected.squareRoot())
    #expect(abs(products / count) < 0.05 * expected)
  }
}
