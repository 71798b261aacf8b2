import Comparison
import Compute
import Layers
import Tensors
import Testing

struct DenseTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 2)) }

  @Test func forwardMatchesHandComputedBatch() throws {
    let dense = try layer(Dense.self, "dense 2", input: [3])
    let input = Tensor([1, 2, 3, -1, 0.5, 4] as [Double], shape: [2, 3])
    let parameters = [
      "weight": Tensor([1, 0, -1, 0.5, 2, 0.25] as [Double], shape: [2, 3]),
      "bias": Tensor([10, -20] as [Double]),
    ]
    // First example: 1 − 3 + 10 and 0.5 + 4 + 0.75 − 20; second: −1 − 4 + 10 and −0.5 + 1 + 1 − 20.
    #expect(
      dense.forward(input, parameters, pass).sum
        == Tensor([8, -14.75, 5, -18.5] as [Double], shape: [2, 2]))
  }

  @Test func backwardMatchesHandComputedBatch() throws {
    let dense = try layer(Dense.self, "dense 2", input: [3])
    let gradient = dense.backward(
      delta: Tensor([1, 2, -1, 0.5] as [Double], shape: [2, 2]),
      input: Tensor([1, 2, 3, -1, 0.5, 4] as [Double], shape: [2, 3]), kept: [:],
      ["weight": Tensor([1, 0, -1, 0.5, 2, 0.25] as [Double], shape: [2, 3])],
      wantsInputGradient: true, pass)
    #expect(
      gradient.parameters == [
        "weight": Tensor([2, 1.5, -1, 1.5, 4.25, 8] as [Double], shape: [2, 3]),
        "bias": Tensor([0, 2.5] as [Double]),
      ])
    #expect(gradient.inputs == [Tensor([2, 4, -0.5, -0.75, 1, 1.125] as [Double], shape: [2, 3])])
  }

  @Test func flattensAPictureAndGivesItsGradientBackAsOne() throws {
    let dense = try layer(Dense.self, "dense 2 bias=no", input: [3, 1, 2])
    #expect(dense.output == [2])
    #expect(
      dense.parameters == [Parameter("weight", [2, 6], .spread(fanIn: 6, fanOut: 2))])
    let input = Tensor((0..<24).map { Double($0) }, shape: [4, 3, 1, 2])
    let weight = Tensor([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] as [Double], shape: [2, 6])
    #expect(
      dense.forward(input, ["weight": weight], pass).sum
        == Tensor([0, 5, 6, 11, 12, 17, 18, 23] as [Double], shape: [4, 2]))
    let gradient = dense.backward(
      delta: Tensor(zeros: [4, 2], .f64), input: input, kept: [:], ["weight": weight],
      wantsInputGradient: true, pass)
    #expect(gradient.inputs[0]?.shape == [4, 3, 1, 2])
    #expect(gradient.parameters.keys.sorted() == ["weight"])
  }

  @Test func needsNoWeightWhenNobodyAsksForTheInputsGradient() throws {
    let dense = try layer(Dense.self, "dense 2", input: [3])
    let gradient = dense.backward(
      delta: Tensor(zeros: [1, 2], .f32), input: Tensor(zeros: [1, 3], .f32), kept: [:], [:],
      wantsInputGradient: false, pass)
    #expect(gradient.inputs == [nil])
  }

  @Test func gradientsAreThoseOfCentralDifferences() throws {
    let dense = try layer(Dense.self, "dense 4", input: [5])
    try checkByDifferences(dense, inputs: [[3, 5]], pass)
  }

  @Test func statesItsParameters() throws {
    let dense = try layer(Dense.self, "dense 7", input: [5])
    #expect(
      dense.parameters == [
        Parameter("weight", [7, 5], .spread(fanIn: 5, fanOut: 7)),
        Parameter("bias", [7], .constant(0)),
      ])
    #expect(dense.parametersForBackward(.training, wantsInputGradient: true) == ["weight"])
  }

  @Test func refusesMoreWeightsThanCanBeCounted() {
    #expect(throws: TopologyError.self) {
      try layer(Dense.self, "dense 65536", input: [65_536])
    }
    #expect(throws: Never.self) { try layer(Dense.self, "dense 32767", input: [65_536]) }
  }
}
