import Comparison
import Compute
import Layers
import Tensors
import Testing

struct LayerNormTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 2)) }

  @Test func forwardMatchesHandComputedBatch() throws {
    let layer = try layer(LayerNorm.self, "layernorm epsilon=1", input: [2])
    // Each row's mean is in its middle; variances 3 and 8, over √(3 + 1) = 2 and √(8 + 1) = 3.
    let (a, b) = ((3.0).squareRoot(), (8.0).squareRoot())
    let found = layer.forward(
      Tensor([5 - a, 5 + a, b, -b], shape: [2, 2]),
      ["weight": Tensor([2, 6] as [Double]), "bias": Tensor([0, 1] as [Double])], pass)
    let expected = Tensor([-a, 1 + 3 * a, 2 * b / 3, 1 - 2 * b], shape: [2, 2])
    #expect(mismatch(found.sum, expected, absolute: 1e-12) == nil)
  }

  @Test(arguments: [
    ("layernorm", [4]), ("layernorm", [3, 5]), ("layernorm axes=1", [3, 5]),
    ("layernorm axes=2", [2, 3, 4]),
  ])
  func gradientsAreThoseOfCentralDifferences(line: String, input: [Int]) throws {
    let layer = try layer(LayerNorm.self, line, input: Shape(input))
    try checkByDifferences(layer, inputs: [Shape([3] + input)], pass)
  }

  @Test func normalizesEveryStepByItself() throws {
    let layer = try layer(LayerNorm.self, "layernorm axes=1", input: [3, 4])
    #expect(layer.parameters.map(\.shape) == [[4], [4]])
    #expect(layer.output == [3, 4])
  }

  @Test(arguments: ["axes=0", "axes=3", "axes=1.5", "epsilon=0"])
  func refuses(option: String) {
    #expect(throws: TopologyError.self) {
      try layer(LayerNorm.self, "layernorm \(option)", input: [2, 3])
    }
  }

  @Test func refusesASingleNumber() {
    #expect(throws: TopologyError.self) { try layer(LayerNorm.self, "layernorm", input: [1, 1]) }
  }
}
