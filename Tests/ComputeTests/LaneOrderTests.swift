import Comparison
import Tensors
import Testing

@testable import Compute

/// Signals in registers: every number has the bytes that it has example after example.
struct LaneOrderTests {
  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  private func spread(_ batch: Tensor, _ kernels: LaneKernels) -> Tensor {
    var result = Tensor(uninitialized: [0], .f32)
    kernels.spread(batch, into: &result, workers)
    return result
  }

  private func collected(_ signals: Tensor, _ kernels: LaneKernels) -> Tensor {
    var result = Tensor(uninitialized: [0], .f32)
    let example = Shape(Array(signals.shape.dimensions.dropFirst().dropLast()))
    kernels.collect(signals, as: example, into: &result, workers)
    return result
  }

  /// Numbers of which many are the same, or 0, −0, NaN and infinite.
  private func awkward(_ shape: Shape, seed: Int) -> Tensor {
    let some: [Float] = [0, -0.0, 1, -1, 2, .nan, -2, 0.5, .infinity, -.infinity, 1, 3]
    return Tensor(
      (0..<shape.count).map { some[($0 &* 7919 &+ seed &* 104_729) >> 3 % 61 % some.count] },
      shape: shape)
  }

  @Test(arguments: [1, 5, 1023, 1024, 1025, 2100]) func registersHoldOneElementOfEachExample(
    elements: Int
  ) {
    for kernels in LaneKernels.supported {
      let (lanes, examples) = (kernels.lanes, 2 * kernels.lanes)
      let batch = numbers([examples, elements], .f32, seed: 5)
      let signals = spread(batch, kernels)
      #expect(signals.shape == [2, elements, lanes])
      let (x, y) = (batch.values(of: Float.self), signals.values(of: Float.self))
      var wrong = 0
      for example in 0..<examples {
        let register = example / lanes * elements
        for element in 0..<elements {
          let found = y[(register + element) * lanes + example % lanes]
          if found != x[example * elements + element] { wrong += 1 }
        }
      }
      #expect(wrong == 0)
      #expect(collected(signals, kernels) == batch)
    }
  }

  @Test func onlyWholeRegistersSuit() {
    for kernels in LaneKernels.supported {
      #expect(kernels.suit(kernels.lanes) && kernels.suit(3 * kernels.lanes))
      #expect(
        !kernels.suit(0) && !kernels.suit(kernels.lanes - 1) && !kernels.suit(kernels.lanes + 1))
    }
  }

  /// Windows of every kind, with a margin and without; channels that fill no tile of rows.
  @Test(
    arguments: ConvolutionTests.larger.indices, [1, 2, 3, 5, 6, 7, 8, 40])
  func convolutionsGiveTheSameBytes(index: Int, outputs: Int) throws {
    let (window, input, _, groups, _) = ConvolutionTests.larger[index]
    for kernels in LaneKernels.supported {
      for minimal in [nil, true] as [Bool?] {
        let convolution = Convolution(
          window, input: input, outputs: outputs * groups, groups: groups, kernels,
          minimal: minimal)
        #expect(convolution.hasKernels(kernels))
        let operands = ConvolutionOperands(convolution, examples: 3 * kernels.lanes)
          .converted(to: .f32)
        let expected = operands.products(convolution, workers)
        var found: [String: Tensor] = [:]
        let (x, delta) = (spread(operands.input, kernels), spread(operands.delta, kernels))
        var result = Tensor(uninitialized: [0], .f32)
        convolution.forward(
          x, operands.weight, plus: operands.bias, into: &result, workers, in: .blocked)
        found["forward"] = collected(result, kernels)
        convolution.forward(x, operands.weight, plus: nil, into: &result, workers, in: .blocked)
        found["without bias"] = collected(result, kernels)
        convolution.inputGradient(
          delta: delta, operands.weight, into: &result, workers, in: .blocked)
        found["input gradient"] = collected(result, kernels)
        found["weight gradient"] = convolution.weightGradient(
          delta: delta, input: x, workers, in: .blocked)
        found["bias gradient"] = kernels.summedOverPictures(delta, workers)
        for (name, tensor) in expected { #expect(found[name] == tensor, "\(name)") }
      }
    }
  }

  static let windows = [
    Window(height: .init(2, stride: 2), width: .init(2, stride: 2)),
    Window(height: .init(2), width: .init(2)),
    Window(height: .init(3, stride: 2, padding: 1), width: .init(2, stride: 3, padding: 1)),
    Window(height: .init(1), width: .init(4, stride: 4)),
  ]

  /// The largest window that a winner can be noted by: of 128 elements the first one wins, or the last one, or a rectifier leaves
  /// nothing of either.
  @Test func aWinnerHasANumberInSevenBits() {
    #expect(!LaneMaxPooling.isAble(Window(height: .init(3), width: .init(43))))
    let window = Window(height: .init(8, stride: 8), width: .init(16, stride: 16))
    #expect(LaneMaxPooling.isAble(window))
    for kernels in LaneKernels.supported {
      for isRectified in [false, true] {
        let shape: Shape = [kernels.lanes, 1, 8, 16]
        let x = Tensor(
          (0..<shape.count).map { element in
            let (example, place) = element.quotientAndRemainder(dividingBy: 128)
            let isWinner = place == (example % 2 == 0 ? 127 : 0)
            return Float(isWinner ? (example % 4 < 2 ? 3 : -1) : -2)
          }, shape: shape)
        let delta = numbers([kernels.lanes, 1, 1, 1], .f32, seed: 2)
        let rectified = isRectified ? x.mapped(by: Rectifier(), workers) : x
        var error = delta.maxPoolGradient(input: rectified, window, workers)
        if isRectified { error.combine(with: rectified, by: RectifierGradient(), workers) }
        let pooling = LaneMaxPooling(
          kernels, window, input: shape.perExample, isRectified: isRectified)
        var (result, winners) = (Tensor(uninitialized: [0], .f32), Tensor(uninitialized: [0], .u8))
        pooling.forward(spread(x, kernels), into: &result, noting: &winners, workers)
        pooling.inputGradient(
          delta: spread(delta, kernels), winners: winners, into: &result, workers)
        #expect(collected(result, kernels) == error)
        let numbers = Set(winners.values(of: UInt8.self))
        // Where everything is below 0, all that the rectifier leaves is equal, and the first one wins.
        #expect(numbers == (isRectified ? [127, 0, 128] : [127, 0]))
      }
    }
  }

  /// Tiles with gaps behind the last ones, windows that overlap, and numbers of which none is the largest.
  @Test(arguments: windows.indices, [(4, 6), (5, 7), (9, 4)])
  func maxPoolingGivesTheSameBytes(index: Int, picture: (Int, Int)) {
    let window = Self.windows[index]
    for kernels in LaneKernels.supported {
      let shape: Shape = [2 * kernels.lanes, 3, picture.0, picture.1]
      for isRectified in [false, true] {
        for x in [numbers(shape, .f32, seed: 8), awkward(shape, seed: 3)] {
          let rectified = isRectified ? x.mapped(by: Rectifier(), workers) : x
          let expected = rectified.maxPooled(window, workers)
          let pooling = LaneMaxPooling(
            kernels, window, input: shape.perExample, isRectified: isRectified)
          var result = Tensor(uninitialized: [0], .f32)
          pooling.forward(spread(x, kernels), into: &result, workers)
          #expect(collected(result, kernels) == expected)
          var winners = Tensor(uninitialized: [0], .u8)
          result = Tensor(uninitialized: [0], .f32)
          pooling.forward(spread(x, kernels), into: &result, noting: &winners, workers)
          #expect(collected(result, kernels) == expected)

          let delta = numbers(expected.shape, .f32, seed: 9)
          var error = delta.maxPoolGradient(input: rectified, window, workers)
          if isRectified {
            error.combine(with: rectified, by: RectifierGradient(), workers)
          }
          pooling.inputGradient(
            delta: spread(delta, kernels), winners: winners, into: &result, workers)
          #expect(collected(result, kernels) == error)
        }
      }
    }
  }

  /// Planes of one element, of less than sixteen, and of as many and some more.
  @Test(arguments: [1, 7, 15, 16, 17, 49, 100]) func normalizationGivesTheSameBytes(size: Int) {
    for kernels in LaneKernels.supported {
      let shape: Shape = [3 * kernels.lanes, 5, size]
      let (x, error) = (numbers(shape, .f32, seed: 10), numbers(shape, .f32, seed: 11))
      let (weight, bias) = (numbers([5], .f32, seed: 12), numbers([5], .f32, seed: 13))
      let plain = ChannelNormalization(epsilon: 1e-5)
      let (y, mean, variance) = plain.forward(
        x, weight: weight, bias: bias, known: nil, workers)
      for isRectified in [false, true] {
        let lanes = LaneNormalization(kernels, as: plain, isRectified: isRectified)
        let found = lanes.forward(
          spread(x, kernels), weight: weight, bias: bias, known: nil, workers)
        let output = isRectified ? y.mapped(by: Rectifier(), workers) : y
        #expect(collected(found.y, kernels) == output)
        #expect(found.mean == mean && found.variance == variance)
        let known = (weight, bias.mapped(by: Square(), workers))
        let other = lanes.forward(
          spread(x, kernels), weight: weight, bias: bias, known: known, workers
        ).y
        let used = plain.forward(x, weight: weight, bias: bias, known: known, workers).y
        #expect(
          collected(other, kernels) == (isRectified ? used.mapped(by: Rectifier(), workers) : used)
        )

        var delta = error
        if isRectified { delta.combine(with: output, by: RectifierGradient(), workers) }
        for areOfInput in [true, false] {
          let expected = plain.backward(
            delta: delta, input: x, weight: weight, mean: mean, variance: variance,
            areOfInput: areOfInput, workers)
          let gradients = lanes.backward(
            error: spread(error, kernels), input: spread(x, kernels), weight: weight, bias: bias,
            mean: mean, variance: variance, areOfInput: areOfInput, wantsInputGradient: true,
            workers)
          #expect(collected(gradients.input, kernels) == expected.input)
          #expect(gradients.weight == expected.weight && gradients.bias == expected.bias)
          if isRectified { continue }
          let bare = lanes.backward(
            error: spread(error, kernels), input: spread(x, kernels), weight: nil, bias: nil,
            mean: mean, variance: variance, areOfInput: areOfInput, wantsInputGradient: false,
            workers)
          #expect(bare.weight == expected.weight && bare.bias == expected.bias)
        }
      }
    }
  }
}

private struct Square: ElementFunction {
  func callAsFunction<R: Real>(_ x: R) -> R { x * x }
}

private struct Rectifier: ElementFunction {
  func callAsFunction<R: Real>(_ x: R) -> R { x < 0 ? 0 : x }
}

private struct RectifierGradient: PairFunction {
  func callAsFunction<R: Real>(_ error: R, _ y: R) -> R { error * (y > 0 ? 1 : 0) }
}
