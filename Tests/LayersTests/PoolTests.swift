import Comparison
import Compute
import Layers
import Tensors
import Testing

/// maxpool, avgpool, global-avgpool: their topology lines; what they compute is in the tests of the kernels and against
/// PyTorch.
struct PoolTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 2)) }

  @Test func windowMovesByItsOwnSizeUnlessToldOtherwise() throws {
    #expect(try layer(MaxPool.self, "maxpool 2x3", input: [5, 7, 7]).output == [5, 3, 2])
    #expect(try layer(AvgPool.self, "avgpool 2x3", input: [5, 7, 7]).output == [5, 3, 2])
    #expect(
      try layer(MaxPool.self, "maxpool 3x3 stride=2 pad=1", input: [5, 8, 7]).output == [5, 4, 4])
    #expect(
      try layer(AvgPool.self, "avgpool 3x2 stride=1x2 pad=1x0", input: [5, 8, 7]).output
        == [5, 8, 3])
    #expect(
      try layer(GlobalAvgPool.self, "global-avgpool", input: [5, 8, 7]).output == [5, 1, 1])
  }

  @Test func gradientsAreThoseOfCentralDifferences() throws {
    let shape: Shape = [2, 5, 6]
    let batch = shape.batched(3)
    try checkByDifferences(
      layer(MaxPool.self, "maxpool 3x2 stride=2x1 pad=1x0", input: shape), inputs: [batch], pass)
    try checkByDifferences(layer(MaxPool.self, "maxpool 2x2", input: shape), inputs: [batch], pass)
    try checkByDifferences(
      layer(AvgPool.self, "avgpool 3x2 stride=2x1 pad=1", input: shape), inputs: [batch], pass)
    try checkByDifferences(
      layer(GlobalAvgPool.self, "global-avgpool", input: shape), inputs: [batch], pass)
  }

  @Test func takesAFlatInputAndGivesItsGradientBackFlat() throws {
    let lines: [any Layer] = [
      try layer(MaxPool.self, "maxpool 2x2", input: [2, 3, 4]),
      try layer(AvgPool.self, "avgpool 2x2", input: [2, 3, 4]),
      try layer(GlobalAvgPool.self, "global-avgpool", input: [2, 3, 4]),
    ]
    let picture = numbers([5, 2, 3, 4], seed: 3)
    let flat = picture.reshaped([5, 24])
    for layer in lines {
      let sum = layer.forward([picture], [:], pass).sum
      #expect(sum.shape == layer.output.batched(5))
      #expect(layer.forward([flat], [:], pass).sum == sum)
      let gradients = [picture, flat].map {
        layer.backward(delta: sum, inputs: [$0], kept: [:], [:], wanted: [true], pass).inputs[0]
      }
      #expect(gradients[1]?.shape == [5, 24])
      #expect(gradients[1]?.reshaped([5, 2, 3, 4]) == gradients[0])
      let none = layer.backward(
        delta: sum, inputs: [flat], kept: [:], [:], wanted: [false], pass)
      #expect(none.inputs[0] == nil)
    }
  }

  static let refused: [(words: String, input: Shape, message: String)] = [
    (
      "2x2 pad=2", [1, 5, 5],
      "padding 2x2 of window 2x2, expected at most half of the window"
    ),
    ("3x3 pad=0x2", [1, 5, 5], "padding 0x2 of window 3x3, expected at most half of the window"),
    (
      "4x6 pad=0x1", [1, 5, 3],
      "window 4x6 is larger than the padded picture 5x5 (5+2·0 x 3+2·1)"
    ),
    ("3x4", [1, 2, 9], "window 3x4 is larger than the picture 2x9"),
  ]

  @Test(arguments: refused)
  func refusesWindow(words: String, input: Shape, message: String) {
    #expect {
      try layer(MaxPool.self, "maxpool " + words, input: input)
    } throws: {
      "\($0)" == "line 1, column 9: " + message
    }
    #expect {
      try layer(AvgPool.self, "avgpool " + words, input: input)
    } throws: {
      "\($0)" == "line 1, column 9: " + message
    }
  }

  @Test func refusesWhatIsNoPicture() {
    let message =
      " of shape [784], expected channels x height x width; 'reshape 1x28x28' before it would make that"
    #expect {
      try layer(MaxPool.self, "maxpool 2x2", input: [784])
    } throws: {
      "\($0)" == "line 1, column 1: 'maxpool'" + message
    }
    #expect {
      try layer(AvgPool.self, "avgpool 2x2", input: [784])
    } throws: {
      "\($0)" == "line 1, column 1: 'avgpool'" + message
    }
    #expect {
      try layer(GlobalAvgPool.self, "global-avgpool", input: [784])
    } throws: {
      "\($0)" == "line 1, column 1: 'global-avgpool'" + message
    }
  }

  @Test func refusesDilation() {
    #expect(throws: TopologyError.self) {
      try layer(MaxPool.self, "maxpool 2x2 dilation=2", input: [1, 5, 5])
    }
  }
}
