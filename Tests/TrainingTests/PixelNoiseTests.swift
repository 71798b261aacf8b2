import Compute
import Tensors
import Testing

@testable import Training

/// Noise and erasing, which change what is seen and not where.
@Suite struct PixelNoiseTests {
  @Test func noiseIsNormalAndOfItsDeviation() throws {
    let input = Tensor(zeros: [200, 3, 10, 10], .f64)
    let values = try distorted(input) { $0.noise = 2...2 }.doubles()
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let variance = values.map { $0 * $0 }.reduce(0, +) / count
    let fourth = values.map { $0 * $0 * $0 * $0 }.reduce(0, +) / count
    // Five standard errors of 60,000 numbers.
    #expect(abs(mean) < 0.041)
    #expect(abs(variance - 4) < 0.116)
    #expect(abs(fourth / (variance * variance) - 3) < 0.1)
    #expect(Set(values).count == values.count)
  }

  @Test func everyPictureDrawsItsDeviation() throws {
    let input = Tensor(zeros: [50, 1, 20, 20], .f32)
    let found = try distorted(input) { $0.noise = 1...3 }
    let deviations = (0..<50).map { picture -> Double in
      let values = found.rows(picture..<picture + 1).doubles()
      return (values.map { $0 * $0 }.reduce(0, +) / 400).squareRoot()
    }
    #expect(deviations.allSatisfy { 0.8 < $0 && $0 < 3.5 })
    #expect(deviations.contains { $0 < 1.5 } && deviations.contains { $0 > 2.5 })
  }

  @Test func noiseNeedsNoPicture() throws {
    let flat = Tensor(zeros: [4, 25], .f32)
    #expect(try distorted(flat) { $0.noise = 1...1 } != flat)
  }

  @Test func noiseOnBytesIsClamped() throws {
    let dark = try distorted(Tensor(zeros: [10, 20, 20], .u8)) { $0.noise = 50...50 }
    let values = dark.values(of: UInt8.self)
    let zeros = values.count { $0 == 0 }
    // Half of the numbers are below 0, and 0.4 % round to it from above.
    #expect(abs(zeros - 2016) < 160)
    #expect(values.contains { $0 > 100 })
  }

  /// Where the pictures of ones became `fill`.
  private func holes(
    height: Int, width: Int, count: Int = 400, _ erasing: Erasing
  ) throws -> [(rows: Int, columns: Int, top: Int, left: Int)] {
    let ones = Tensor(
      [UInt8](repeating: 1, count: count * 2 * height * width), shape: [count, 2, height, width])
    let found = try distorted(ones) {
      ($0.erasing, $0.fill) = (erasing, 0)
    }.values(of: UInt8.self)
    let size = height * width
    return (0..<count).compactMap { picture in
      let first = found[picture * 2 * size..<picture * 2 * size + size]
      #expect(first.elementsEqual(found[picture * 2 * size + size..<(picture + 1) * 2 * size]))
      let erased = first.indices.filter { first[$0] == 0 }.map { $0 - first.startIndex }
      if erased.isEmpty { return nil }
      let (rows, columns) = (Set(erased.map { $0 / width }), Set(erased.map { $0 % width }))
      // A rectangle has every pixel of its rows and columns.
      #expect(erased.count == rows.count * columns.count)
      return (rows.count, columns.count, rows.min() ?? 0, columns.min() ?? 0)
    }
  }

  @Test func erasedRectanglesHaveTheirAreaAndProbability() throws {
    let holes = try holes(
      height: 30, width: 20, count: 1000, Erasing(area: 0.1...0.3, probability: 0.4))
    // 400 are expected with a standard deviation of 15.5.
    #expect(abs(holes.count - 400) < 78)
    for hole in holes {
      let area = Double(hole.rows * hole.columns)
      let ratio = Double(hole.rows) / Double(hole.columns)
      #expect(0.1 * 600 - 16 < area && area < 0.3 * 600 + 16)
      #expect(0.25 < ratio && ratio < 4)
    }
    let mean = holes.map { Double($0.rows * $0.columns) }.reduce(0, +) / Double(holes.count)
    #expect(abs(mean - 120) < 9)
    #expect(Set(holes.map(\.top)).count > 20 && Set(holes.map(\.left)).count > 10)
    #expect(holes.contains { $0.rows > 2 * $0.columns })
    #expect(holes.contains { $0.columns > 2 * $0.rows })
  }

  @Test func aRectangleFitsEveryPicture() throws {
    let all = try holes(height: 7, width: 5, Erasing(area: 1...1, probability: 1))
    #expect(all.count == 400 && all.allSatisfy { $0.rows == 7 && $0.columns == 5 })
    let line = try holes(height: 1, width: 40, Erasing(area: 0.5...0.5, probability: 1))
    #expect(line.count == 400 && line.allSatisfy { $0.rows == 1 && $0.columns == 20 })
    let tiny = try holes(height: 9, width: 9, Erasing(area: 0.001...0.001, probability: 1))
    #expect(tiny.count == 400 && tiny.allSatisfy { $0.rows == 1 && $0.columns == 1 })
  }
}
