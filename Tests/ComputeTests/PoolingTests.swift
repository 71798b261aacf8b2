import Comparison
import Compute
import Tensors
import Testing

struct PoolingTests {
  let workers: ThreadPool
  let halving = Window(height: .init(2, stride: 2), width: .init(2, stride: 2))

  init() throws { workers = ThreadPool(count: 2) }

  @Test func matchesHandComputedPicture() {
    // 3 × 5: the last row and column belong to no place.
    let x = Tensor(
      [1, 2, 3, 4, 9, 5, -6, 7, 7, 9, 9, 9, 9, 9, 9] as [Double], shape: [1, 1, 3, 5])
    let delta = Tensor([10, 20] as [Double], shape: [1, 1, 1, 2])
    #expect(x.maxPooled(halving, workers) == Tensor([5, 7] as [Double], shape: [1, 1, 1, 2]))
    #expect(
      delta.maxPoolGradient(input: x, halving, workers)
        == Tensor(
          [0, 0, 0, 0, 0, 10, 0, 20, 0, 0, 0, 0, 0, 0, 0] as [Double], shape: [1, 1, 3, 5]))
    #expect(
      x.averagePooled(halving, workers) == Tensor([0.5, 5.25] as [Double], shape: [1, 1, 1, 2]))
    #expect(
      delta.averagePoolGradient(over: [1, 1, 3, 5], halving, workers)
        == Tensor(
          [2.5, 2.5, 5, 5, 0, 2.5, 2.5, 5, 5, 0, 0, 0, 0, 0, 0] as [Double], shape: [1, 1, 3, 5])
    )
  }

  @Test func paddingIsLowerThanAllAndCountsAsZerosInTheMean() {
    let window = Window(height: .init(2, stride: 2, padding: 1), width: .init(1))
    let x = Tensor([-4, -2, -8] as [Float], shape: [1, 1, 3, 1])
    #expect(x.maxPooled(window, workers) == Tensor([-4, -2] as [Float], shape: [1, 1, 2, 1]))
    #expect(x.averagePooled(window, workers) == Tensor([-2, -5] as [Float], shape: [1, 1, 2, 1]))
    let low = Tensor([-Float.infinity, -.infinity], shape: [1, 1, 2, 1])
    let delta = Tensor([1, 2] as [Float], shape: [1, 1, 2, 1])
    #expect(
      delta.maxPoolGradient(input: low, window, workers)
        == Tensor([1, 2] as [Float], shape: [1, 1, 2, 1]))
  }

  /// One of the 256 tiles of 0, 1, −1 and NaN, and which element wins.
  private func tile(_ code: Int) -> (values: [Double], winner: Int) {
    let values = (0..<4).map { [0, 1, -1, Double.nan][code >> (2 * $0) & 3] }
    return (values, values.lastIndex { $0.isNaN } ?? values.firstIndex(of: values.max() ?? 0) ?? 0)
  }

  /// Where NaN or the largest element stands several times, in tiles of 2 × 2 and in the same window of the general loops.
  @Test func firstOfEqualsWinsAndNaNIsNeverHidden() {
    let general = Window(height: .init(2, stride: 3), width: .init(2, stride: 3))
    for code in 0..<256 {
      let (values, winner) = tile(code)
      let x = Tensor(values, shape: [1, 1, 2, 2])
      let delta = Tensor([3] as [Double], shape: [1, 1, 1, 1])
      for window in [halving, general] {
        #expect(x.maxPooled(window, workers) == Tensor([values[winner]], shape: [1, 1, 1, 1]))
        #expect(
          delta.maxPoolGradient(input: x, window, workers).doubles()
            == (0..<4).map { $0 == winner ? 3 : 0 })
      }
    }
  }

  /// The same tiles in one row, all of them and three again: several are taken at once, and some of the last ones twice.
  @Test(arguments: [DType.f32, .f64])
  func tilesOfARowDoNotMeet(dtype: DType) {
    let tiles = (0..<259).map(tile)
    let rows = [0, 2].flatMap { row in tiles.flatMap { [$0.values[row], $0.values[row + 1]] } }
    let x = Tensor(rows, shape: [1, 1, 2, 2 * tiles.count]).converted(to: dtype)
    let delta = Tensor((1...tiles.count).map(Double.init), shape: [1, 1, 1, tiles.count])
    var expected = [Double](repeating: 0, count: rows.count)
    for (number, winner) in tiles.map(\.winner).enumerated() {
      expected[winner / 2 * 2 * tiles.count + 2 * number + winner % 2] = Double(number + 1)
    }
    #expect(
      delta.converted(to: dtype).maxPoolGradient(input: x, halving, workers).doubles() == expected)
    let winners = Tensor(tiles.map { $0.values[$0.winner] }, shape: [1, 1, 1, tiles.count])
    #expect(
      x.maxPooled(halving, workers).doubles().map(\.description)
        == winners.doubles().map(\.description))
  }

  @Test(arguments: [DType.f32, .f64])
  func agreesWithThePlainLoops(dtype: DType) {
    var checked = 0
    for (height, width) in axes.flatMap({ height in axes.map { (height, $0) } }) {
      let window = Window(height: height, width: width)
      for picture in [(7, 5), (6, 8), (4, 9), (5, 15)] {
        guard height.places(over: picture.0) > 0, width.places(over: picture.1) > 0 else {
          continue
        }
        let x = picturesWithEquals([2, 3, picture.0, picture.1], dtype)
        let expected = plainPoolings(x.doubles(), x.shape, window)
        let delta = Tensor(expected.delta, shape: expected.result).converted(to: dtype)
        let found = [
          x.maxPooled(window, workers), delta.maxPoolGradient(input: x, window, workers),
          x.averagePooled(window, workers),
          delta.averagePoolGradient(over: x.shape, window, workers),
        ]
        let tolerance = dtype == .f32 ? 1e-6 : 1e-14
        for (found, values) in zip(found, expected.values) {
          #expect(found.dtype == dtype)
          #expect(
            mismatch(
              found, Tensor(values, shape: found.shape), relative: tolerance, absolute: tolerance)
              == nil)
        }
        #expect(found[0].shape == expected.result && found[2].shape == expected.result)
        #expect(found[1].shape == x.shape && found[3].shape == x.shape)
        checked += 1
      }
    }
    #expect(checked > 1200)
  }

  @Test(arguments: [DType.f32, .f64])
  func bytesDoNotDependOnTheThreads(dtype: DType) throws {
    let overlapping = Window(
      height: .init(3, stride: 2, padding: 1), width: .init(3, stride: 2, padding: 1))
    let x = picturesWithEquals([37, 5, 28, 27], dtype)
    func all(_ workers: ThreadPool) -> [Tensor] {
      [halving, overlapping].flatMap { window in
        let pooled = x.maxPooled(window, workers)
        return [
          pooled, pooled.maxPoolGradient(input: x, window, workers),
          x.averagePooled(window, workers),
          pooled.averagePoolGradient(over: x.shape, window, workers), x.summedOverPictures(workers),
        ]
      }
    }
    let expected = all(ThreadPool(count: 1))
    for count in [2, 3, 7] { #expect(all(ThreadPool(count: count)) == expected) }
  }

  @Test func refusesWindowsThatMayLieOnPaddingAlone() async {
    await #expect(processExitsWith: .failure) {
      let window = Window(height: .init(2, padding: 2), width: .init(2))
      _ = Tensor(zeros: [1, 1, 4, 4], .f32).maxPooled(window, ThreadPool(count: 1))
    }
    await #expect(processExitsWith: .failure) {
      let window = Window(height: .init(5), width: .init(2))
      _ = Tensor(zeros: [1, 1, 4, 4], .f32).averagePooled(window, ThreadPool(count: 1))
    }
  }

  @Test func sumsOverPicturesInDoublePrecision() {
    // In F32 the ones would be lost beside 2²⁵.
    let values: [Float] = [
      0x1p25, 1, 1, 1, 1, 1, 7, 7, 7, 7, 7, 7, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0.5,
    ]
    let x = Tensor(values, shape: [2, 2, 6])
    #expect(
      x.summedOverPictures(workers) == Tensor([0x1p25 + 12, 42.5] as [Float]))
  }
}

/// Lengths 1 to 4, strides 1 to 3, all paddings of at most half.
private let axes: [Window.Axis] = (1...4).flatMap { length in
  (1...3).flatMap { stride in
    (0...length / 2).map { Window.Axis(length, stride: stride, padding: $0) }
  }
}

/// Numbers that look random, of which many are equal.
private func picturesWithEquals(_ shape: Shape, _ dtype: DType) -> Tensor {
  var state: UInt64 = 7
  return Tensor(
    (0..<shape.count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 60) / 4 - 2
    }, shape: shape
  ).converted(to: dtype)
}

/// Maximum, its gradient, mean, its gradient, element by element.
private func plainPoolings(
  _ x: [Double], _ shape: Shape, _ window: Window
) -> (values: [[Double]], delta: [Double], result: Shape) {
  let (height, width) = (shape[2], shape[3])
  let (rows, columns) = (window.height.places(over: height), window.width.places(over: width))
  let result: Shape = [shape[0], shape[1], rows, columns]
  let delta = (0..<result.count).map { Double($0 % 7) - 2.5 }
  var (maxima, means): ([Double], [Double]) = ([], [])
  var maximumGradient = x.map { _ in 0.0 }
  var meanGradient = maximumGradient
  let size = Double(window.height.length * window.width.length)
  for place in 0..<result.count {
    let start = place / (rows * columns) * height * width
    var covered: [Int] = []
    for i in 0..<window.height.length {
      for j in 0..<window.width.length {
        let row =
          place / columns % rows * window.height.stride + i - window.height.padding
        let column = place % columns * window.width.stride + j - window.width.padding
        if (0..<height).contains(row) && (0..<width).contains(column) {
          covered.append(start + row * width + column)
        }
      }
    }
    let largest = covered.map { x[$0] }.max() ?? -.infinity
    maxima.append(largest)
    means.append(covered.map { x[$0] }.reduce(0, +) / size)
    if let winner = covered.first(where: { x[$0] == largest }) {
      maximumGradient[winner] += delta[place]
    }
    for element in covered { meanGradient[element] += delta[place] / size }
  }
  return ([maxima, maximumGradient, means, meanGradient], delta, result)
}
