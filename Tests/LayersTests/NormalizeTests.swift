import Comparison
import Compute
import Layers
import Tensors
import Testing

struct NormalizeTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 2)) }

  @Test func everyChannelHasItsOwnConstants() throws {
    let layer = try layer(Normalize.self, "normalize mean=1,-2 std=2,0.5", input: [2, 1, 2])
    let input = Tensor([1, 5, -2, 0] as [Double], shape: [1, 2, 1, 2])
    #expect(
      layer.forward(input, [:], pass).sum == Tensor([0, 2, 0, 4] as [Double], shape: [1, 2, 1, 2]))
    try checkByDifferences(layer, inputs: [[3, 2, 1, 2]], pass)
  }

  @Test func oneNumberIsForAllChannels() throws {
    let layer = try layer(Normalize.self, "normalize mean=1 std=2", input: [3])
    let input = Tensor([1, 3, 5] as [Double], shape: [1, 3])
    #expect(layer.forward(input, [:], pass).sum == Tensor([0, 1, 2] as [Double], shape: [1, 3]))
  }

  @Test func mayBeAGapToBeFilled() throws {
    #expect(try !layer(Normalize.self, "normalize", input: [3]).isFitted)
    #expect(try layer(Normalize.self, "normalize mean=0 std=1", input: [3]).isFitted)
  }

  @Test(arguments: [
    "mean=0", "std=1", "mean=0,1 std=1", "mean=0 std=1,2", "mean=0 std=0", "mean=0 std=-1",
    "mean=a std=1", "mean=1,,2 std=1", "mean=1e300 std=1",
  ])
  func refuses(options: String) {
    #expect(throws: TopologyError.self) {
      try layer(Normalize.self, "normalize \(options)", input: [3])
    }
  }
}
