import Tensors
import Testing

@testable import Compute

/// What is counted is what will be made.
struct ConvolutionScratchTests {
  private static let windows = [
    Window(height: .init(3, padding: 1), width: .init(3, padding: 1)),
    Window(height: .init(2, padding: 5), width: .init(3)),
    Window(height: .init(1), width: .init(4, dilation: 2)),
    Window(height: .init(3, stride: 2, padding: 1), width: .init(2, stride: 3, padding: 4)),
    Window(height: .init(5, stride: 4), width: .init(1, stride: 2, padding: 3)),
    Window(
      height: .init(2, stride: 3, padding: 2, dilation: 3), width: .init(3, padding: 2, dilation: 2)
    ),
  ]

  @Test(arguments: windows)
  func registersAreThoseOfThePlans(window: Window) {
    let input: Shape = [2, 7, 9]
    let there = LanePlan.forward(window, channels: 2, height: 7, width: 9)
    #expect(2 * window.registersForward(over: input) == Double(there.pictures.registers))
    let back = LanePlan.backward(window, channels: 3, height: 7, width: 9)
    let counted = 3 * window.registersBackward(over: input)
    let isDense = window.height.stride == 1 && window.width.stride == 1
    if isDense {
      #expect(counted == Double(back.pictures.registers))
    } else {
      #expect(
        counted >= Double(back.pictures.registers) && counted < 2 * Double(back.pictures.registers))
    }
  }

  @Test func nothingIsMadeOfAHugePicture() {
    // A few outputs, between which there would be 10¹² registers.
    let axis = Window.Axis(1, stride: 1_000_000, padding: 500_000_000)
    let convolution = Convolution(
      Window(height: axis, width: axis), input: [1, 1, 1], outputs: 1)
    #expect(convolution.lanes == nil)
    #expect(convolution.output == [1, 1001, 1001])
    // Two pieces of 16 examples and of 4, and a number of a row for each.
    #expect(
      convolution.scratchBytes(examples: 20, .f32, threads: 4)
        == 2 * 4 * 1001 * 1001 + 16 * 1001)
  }

  @Test func listsAndRegistersAreCounted() throws {
    for kernels in LaneKernels.supported {
      let axis = Window.Axis(2)
      let convolution = Convolution(
        Window(height: axis, width: axis), input: [1, 3, 3], outputs: 2, kernels)
      let register = 4 * kernels.lanes
      // Four places and nine elements with two numbers each; nine elements; the deltas' 2 × 2 images in 4 × 4 registers.
      let lists = (4 + 9) * 16 + 9 * 4 + (2 * 4 + 12) * 4
      for (examples, pieces) in [(16, 1), (17, 2)] {
        let images = max(9 + kernels.tileHeight * 4, 2 * 16 + kernels.tileHeight * 9)
        #expect(
          convolution.scratchBytes(examples: examples, .f32, threads: 4)
            == Double(lists + pieces * register * images))
      }
    }
  }
}
