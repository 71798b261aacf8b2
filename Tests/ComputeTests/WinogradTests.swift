import Tensors
import Testing

@testable import Compute

/// Where tiles are taken, and what they take. That they give the right products `ConvolutionTests` shows.
struct WinogradTests {
  @Test(
    arguments: [
      ([64, 14, 14], 64, 1, true), ([128, 7, 7], 128, 1, true), ([16, 28, 28], 16, 1, true),
      ([17, 14, 13], 18, 1, true), ([36, 9, 14], 40, 2, true),
      // Few channels; a tile that lies beyond the picture for the most part.
      ([15, 14, 14], 64, 1, false), ([64, 14, 14], 15, 1, false), ([64, 2, 2], 64, 1, false),
    ])
  func tilesAreTakenWhereTheyPay(input: [Int], outputs: Int, groups: Int, pays: Bool) {
    let axis = Window.Axis(3, padding: 1)
    for kernels in LaneKernels.supported {
      let convolution = Convolution(
        Window(height: axis, width: axis), input: Shape(input), outputs: outputs, groups: groups,
        kernels)
      #expect((convolution.inTiles != nil) == pays)
    }
  }

  /// Only kernels of 3 × 3 that move by one, one element next to the other.
  @Test(arguments: [
    Window.Axis(3, stride: 2), .init(3, dilation: 2), .init(2), .init(3, padding: 3),
  ])
  func otherWindowsHaveNoTiles(axis: Window.Axis) {
    for kernels in LaneKernels.supported {
      let convolution = Convolution(
        Window(height: axis, width: .init(3)), input: [64, 14, 14], outputs: 64, kernels,
        minimal: true)
      #expect(convolution.inTiles == nil)
    }
  }

  /// Pictures of less than a strip and of several; many channels, and a group with few.
  @Test(arguments: [(20, 16, 1, 7, 9), (17, 30, 1, 40, 61), (300, 130, 1, 4, 5), (12, 20, 4, 9, 9)])
  func tilesAreThoseOfThePlans(
    channels: Int, outputs: Int, groups: Int, height: Int, width: Int
  ) throws {
    let axis = Window.Axis(3, padding: 1)
    for kernels in LaneKernels.supported {
      let convolution = Convolution(
        Window(height: axis, width: axis), input: [channels, height, width], outputs: outputs,
        groups: groups, kernels, minimal: true)
      let tiles = try #require(convolution.inTiles)
      for extent in [tiles.extents.forward, tiles.extents.backward, tiles.extents.gradient] {
        let plan = WinogradPlan(extent, padding: (1, 1))
        #expect(plan.pictures.registers == extent.channels * extent.area)
        #expect(plan.strips.map(\.frame.registers).max() == extent.frame)
        #expect(plan.strips.allSatisfy { $0.deltaFrame.registers < extent.frame })
        #expect(plan.strips.map(\.tiles).max() == extent.tiles)
        #expect(plan.strips.map(\.results.count).max() == extent.results)
        #expect(
          plan.strips.allSatisfy { ($0.columns.max() ?? 0) + (plan.taps.last ?? 0) < extent.matrix }
        )
      }
      let scratch = convolution.scratchBytes(examples: 40, .f32, threads: 2)
      let height = kernels.tileHeight
      let rows = (outputs / groups + height - 1) / height * height
      let register = 4 * kernels.lanes
      let forward =
        4 * 36 * rows * channels + 2 * register * tiles.registers(of: tiles.extents.forward)
      let back = 2 * register * tiles.registersOfGradient
      #expect(scratch >= Double(max(forward, back)))
    }
  }
}
