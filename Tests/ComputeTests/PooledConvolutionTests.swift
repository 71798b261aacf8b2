import Tensors
import Testing

@testable import Compute

/// A convolution and the maxpool behind it in one: every number has the bytes that it has one after the other.
struct PooledConvolutionTests {
  private static let halving = Window(
    height: .init(2, stride: 2), width: .init(2, stride: 2))

  private let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  private func spread(_ batch: Tensor, _ kernels: LaneKernels) -> Tensor {
    var result = Tensor(uninitialized: [0], .f32)
    kernels.spread(batch, into: &result, workers)
    return result
  }

  /// Pictures of odd height and width too, of which the last row and column are under no window, several strips of tiles, groups.
  @Test(arguments: ConvolutionTests.larger.indices, [false, true])
  func givesTheBytesOfBothOneAfterTheOther(index: Int, isRectified: Bool) {
    let (window, input, _, groups, _) = ConvolutionTests.larger[index]
    for kernels in LaneKernels.supported {
      for (outputs, minimal) in [(3, nil), (18, nil), (18, true)] as [(Int, Bool?)] {
        let convolution = Convolution(
          window, input: input, outputs: outputs * groups, groups: groups, kernels,
          minimal: minimal)
        #expect(convolution.canBePooled(by: Self.halving))
        let operands = ConvolutionOperands(convolution, examples: 3 * kernels.lanes)
          .converted(to: .f32)
        let pooling = LaneMaxPooling(
          kernels, Self.halving, input: convolution.output, isRectified: isRectified)
        let x = spread(operands.input, kernels)
        let none = Tensor(uninitialized: [0], .f32)

        var (sum, pooled, winners) = (none, none, Tensor(uninitialized: [0], .u8))
        convolution.forward(
          x, operands.weight, plus: operands.bias, into: &sum, workers, in: .blocked)
        pooling.forward(sum, into: &pooled, noting: &winners, workers)
        var (found, noted) = (none, Tensor(uninitialized: [0], .u8))
        convolution.forward(
          x, operands.weight, plus: operands.bias, pooledBy: pooling, noting: &noted, into: &found,
          workers)
        #expect(found == pooled && noted == winners)
        found = none
        convolution.forward(
          x, operands.weight, plus: operands.bias, pooledBy: pooling, into: &found, workers)
        #expect(found == pooled)

        let delta = numbers(pooled.shape, .f32, seed: 6)
        var (error, gradient) = (none, none)
        pooling.inputGradient(delta: delta, winners: winners, into: &error, workers)
        convolution.inputGradient(
          delta: error, operands.weight, into: &gradient, workers, in: .blocked)
        found = none
        convolution.inputGradient(
          delta: delta, winners: winners, of: pooling, operands.weight, into: &found, workers)
        #expect(found == gradient)
        #expect(
          convolution.weightGradient(
            delta: delta, winners: winners, of: pooling, input: x, workers)
            == convolution.weightGradient(delta: error, input: x, workers, in: .blocked))
        #expect(
          pooling.summedOverPictures(delta: delta, winners: winners, workers)
            == kernels.summedOverPictures(error, workers))
      }
    }
  }

  @Test func onlyTilesOfTwoByTwoArePooledAtOnce() {
    let convolution = Convolution(
      Window(height: .init(1), width: .init(1)), input: [1, 8, 8], outputs: 1, nil)
    // Without kernels nothing lies in registers.
    #expect(!convolution.canBePooled(by: Self.halving))
    for kernels in LaneKernels.supported {
      let convolution = Convolution(
        Window(height: .init(1), width: .init(1)), input: [1, 8, 8], outputs: 1, kernels)
      for window in [
        Window(height: .init(2), width: .init(2)),
        Window(height: .init(3, stride: 2, padding: 1), width: .init(2, stride: 2)),
        Window(height: .init(4, stride: 4), width: .init(4, stride: 4)),
      ] {
        #expect(!convolution.canBePooled(by: window))
      }
    }
  }
}
