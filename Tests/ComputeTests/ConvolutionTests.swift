import Comparison
import Compute
import Tensors
import Testing

struct ConvolutionTests {
  @Test func forwardMatchesHandComputedPicture() throws {
    let convolution = Convolution(
      Window(height: .init(2), width: .init(2, padding: 1)), input: [1, 2, 3], outputs: 1)
    #expect(convolution.output == [1, 1, 4])
    let input = Tensor([1, 2, 3, 4, 5, 6] as [Double], shape: [1, 1, 2, 3])
    let weight = Tensor([1, 10, 100, 1000] as [Double], shape: [1, 1, 2, 2])
    // The kernel is not mirrored: its first element meets the upper left.
    #expect(
      convolution.forward(input, weight, plus: Tensor([0.5] as [Double]), ThreadPool(count: 1))
        == Tensor([4010.5, 5421.5, 6532.5, 603.5] as [Double], shape: [1, 1, 1, 4]))
  }

  @Test func gradientsMatchHandComputedPicture() throws {
    let workers = ThreadPool(count: 1)
    let convolution = Convolution(
      Window(height: .init(2), width: .init(2, padding: 1)), input: [1, 2, 3], outputs: 1)
    let input = Tensor([1, 2, 3, 4, 5, 6] as [Double], shape: [1, 1, 2, 3])
    let weight = Tensor([1, 10, 100, 1000] as [Double], shape: [1, 1, 2, 2])
    let delta = Tensor([1, 2, 3, 4] as [Double], shape: [1, 1, 1, 4])
    #expect(
      convolution.inputGradient(delta: delta, weight, workers)
        == Tensor([12, 23, 34, 1200, 2300, 3400] as [Double], shape: [1, 1, 2, 3]))
    #expect(
      convolution.weightGradient(delta: delta, input: input, workers)
        == Tensor([20, 14, 47, 32] as [Double], shape: [1, 1, 2, 2]))
  }

  /// Kernels and pictures for every stride, padding, dilation and number of groups below.
  static let sizes = [
    (kernel: (3, 3), picture: (7, 9)), ((1, 1), (4, 3)), ((2, 4), (8, 5)), ((5, 2), (9, 6)),
    ((1, 3), (5, 7)), ((3, 1), (6, 5)),
  ]

  /// By im2col, and through each kind of registers that this processor has.
  static let roads = [nil] + LaneKernels.supported

  /// With few channels the product is given the kernel's rows too, with many they are products of their own.
  @Test(arguments: sizes.indices, [(1, 2), (2, 2), (3, 2), (1, 16), (2, 8), (3, 6)])
  func agreesWithThePlainLoops(size: Int, grouping: (groups: Int, channels: Int)) throws {
    let workers = ThreadPool(count: 2)
    let (kernel, picture) = Self.sizes[size]
    let (groups, channels) = grouping
    var checked = 0
    for (strides, paddings, dilations) in settings {
      let window = Window(
        height: .init(kernel.0, stride: strides.0, padding: paddings.0, dilation: dilations.0),
        width: .init(kernel.1, stride: strides.1, padding: paddings.1, dilation: dilations.1))
      guard window.height.places(over: picture.0) > 0, window.width.places(over: picture.1) > 0
      else { continue }
      try check(examples: 2, workers) {
        Convolution(
          window, input: [channels * groups, picture.0, picture.1], outputs: 2 * groups,
          groups: groups, $0)
      }
      checked += 1
    }
    #expect(checked > 150)
  }

  /// With fewer products than the window has elements, whether that pays or not: rows of tiles with one, two and more
  /// tiles of which the last ones lie beyond the picture or not, and channels that fill no tile of rows.
  @Test(
    arguments: [(1, 3), (3, 3), (4, 6), (7, 9), (8, 5), (6, 70)],
    [(1, 3, 5), (1, 18, 17), (2, 4, 9)])
  func fewerProductsAgreeWithThePlainLoops(
    picture: (Int, Int), channels: (groups: Int, input: Int, output: Int)
  ) throws {
    let workers = ThreadPool(count: 2)
    let paddings = [(0, 0), (1, 1), (2, 0), (1, 2), (2, 2)]
    for (down, across) in paddings where picture.0 + 2 * down >= 3 && picture.1 + 2 * across >= 3 {
      let window = Window(height: .init(3, padding: down), width: .init(3, padding: across))
      // What is transformed and back is rounded about twice as much (docs/decisions/0016-winograd.md).
      try check(examples: 9, rounding: 2, workers) {
        Convolution(
          window, input: [channels.groups * channels.input, picture.0, picture.1],
          outputs: channels.groups * channels.output, groups: channels.groups, $0, minimal: true)
      }
    }
  }

  /// Larger ones: several pieces, products row by row of the kernel and all in one, joined and single examples.
  static let larger: [(window: Window, input: Shape, outputs: Int, groups: Int, examples: Int)] = [
    (Window(height: .init(3, padding: 1), width: .init(3, padding: 1)), [7, 7, 7], 5, 1, 37),
    (Window(height: .init(3, padding: 1), width: .init(3, padding: 1)), [6, 22, 20], 4, 1, 18),
    (Window(height: .init(5, padding: 2), width: .init(5, padding: 2)), [1, 28, 28], 6, 1, 3),
    (Window(height: .init(5), width: .init(5)), [6, 14, 14], 16, 2, 17),
    (
      Window(height: .init(3, stride: 2, padding: 1), width: .init(3, stride: 2, padding: 1)),
      [8, 15, 13], 6, 1, 19
    ),
    (Window(height: .init(3, padding: 1), width: .init(3, padding: 1)), [17, 14, 13], 18, 1, 21),
    (Window(height: .init(3, padding: 1), width: .init(3, padding: 1)), [36, 9, 14], 40, 2, 18),
    (Window(height: .init(1), width: .init(1)), [9, 21, 20], 4, 1, 5),
    (Window(height: .init(1), width: .init(1)), [9, 7, 5], 6, 3, 21),
    (Window(height: .init(1, stride: 2), width: .init(1, stride: 2)), [20, 9, 7], 4, 1, 9),
  ]

  @Test(arguments: larger.indices)
  func agreesWithThePlainLoopsOnSeveralPieces(index: Int) throws {
    let (window, input, outputs, groups, examples) = Self.larger[index]
    // As above, where the fewest products pay.
    let rounding = input[0] / groups < 16 ? 1.0 : 2
    try check(examples: examples, rounding: rounding, ThreadPool(count: 2)) {
      Convolution(window, input: input, outputs: outputs, groups: groups, $0)
    }
  }

  @Test(arguments: larger.indices, roads.indices)
  func bytesDoNotDependOnTheThreads(index: Int, road: Int) throws {
    let (window, input, outputs, groups, _) = Self.larger[index]
    let convolution = Convolution(
      window, input: input, outputs: outputs, groups: groups, Self.roads[road])
    for dtype in [DType.f32, .f64] {
      let operands = ConvolutionOperands(convolution, examples: 71).converted(to: dtype)
      let expected = operands.products(convolution, ThreadPool(count: 1))
      for count in [2, 3, 7] {
        #expect(operands.products(convolution, ThreadPool(count: count)) == expected)
      }
    }
  }

  @Test(arguments: larger.indices, roads.indices)
  func bytesDoNotDependOnWhereABatchIsCut(index: Int, road: Int) throws {
    let workers = ThreadPool(count: 2)
    let (window, input, outputs, groups, _) = Self.larger[index]
    let convolution = Convolution(
      window, input: input, outputs: outputs, groups: groups, Self.roads[road])
    let operands = ConvolutionOperands(convolution, examples: 75).converted(to: .f32)
    let whole = operands.products(convolution, workers)
    let parts = [0..<32, 32..<64, 64..<75].map { range in
      operands.rows(range).products(convolution, workers)
    }
    for name in ["forward", "input gradient"] {
      #expect(Tensor.concatenated(parts.compactMap { $0[name] }) == whole[name])
    }
  }

  @Test func sumsOverMorePiecesThanAreKeptSideBySide() throws {
    try check(examples: 33 * convolutionExamplesPerPiece + 5, ThreadPool(count: 2)) {
      Convolution(Window(height: .init(2), width: .init(2)), input: [1, 3, 2], outputs: 2, $0)
    }
  }

  @Test func refusesOtherShapes() async {
    await #expect(processExitsWith: .failure) {
      _ = Convolution(Window(height: .init(3), width: .init(3)), input: [1, 2, 5], outputs: 1)
    }
    await #expect(processExitsWith: .failure) {
      _ = Convolution(
        Window(height: .init(1), width: .init(1)), input: [3, 2, 5], outputs: 4, groups: 2)
    }
    await #expect(processExitsWith: .failure) {
      let convolution = Convolution(
        Window(height: .init(2), width: .init(2)), input: [1, 2, 5], outputs: 1)
      _ = convolution.forward(
        Tensor(zeros: [1, 1, 2, 5], .f32), Tensor(zeros: [1, 1, 2, 3], .f32), plus: nil,
        ThreadPool(count: 1))
    }
  }

  /// - Parameter rounding: how many times the rounding of the plain sums is allowed.
  private func check(
    examples: Int, rounding: Double = 1, _ workers: ThreadPool,
    _ convolution: (LaneKernels?) -> Convolution
  ) throws {
    let byIm2col = convolution(nil)
    let operands = ConvolutionOperands(byIm2col, examples: examples)
    let expected = operands.plainProducts(byIm2col)
    let found = operands.products(byIm2col, workers)
    #expect(mismatch(found, expected, relative: 1e-12, absolute: 1e-12) == nil)
    let floats = operands.converted(to: .f32)
    let plain = floats.plainProducts(byIm2col)
    // Of sums of n products of numbers below 1, rounding may take n · ulp / 2 in all.
    let terms = examples * byIm2col.output[1] * byIm2col.output[2]
    let absolute = rounding * max(1e-5, Double(terms) * Double(Float.ulpOfOne) / 2)
    for kernels in Self.roads {
      let found = floats.products(convolution(kernels), workers)
      let difference = mismatch(found, plain, relative: 1e-5, absolute: absolute)
      #expect(difference == nil, "with \(kernels?.lanes ?? 0) lanes")
    }
  }
}

/// Strides 1 to 3, paddings 0 to 2 and dilations 1 and 2, each axis by itself.
private let settings: [((Int, Int), (Int, Int), (Int, Int))] = {
  let ofAxis = (1...3).flatMap { stride in
    (0...2).flatMap { padding in (1...2).map { (stride, padding, $0) } }
  }
  return ofAxis.flatMap { height in
    ofAxis.map { ((height.0, $0.0), (height.1, $0.1), (height.2, $0.2)) }
  }
}()
