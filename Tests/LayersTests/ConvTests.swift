import Comparison
import Compute
import Layers
import Tensors
import Testing

struct ConvTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 2)) }

  @Test func forwardMatchesHandComputedPicture() throws {
    let conv = try layer(Conv.self, "conv 1 2x2 pad=0x1", input: [1, 2, 3])
    let input = Tensor([1, 2, 3, 4, 5, 6] as [Double], shape: [1, 1, 2, 3])
    let parameters = [
      "weight": Tensor([1, 10, 100, 1000] as [Double], shape: [1, 1, 2, 2]),
      "bias": Tensor([0.5] as [Double]),
    ]
    #expect(
      conv.forward([input], parameters, pass).sum
        == Tensor([4010.5, 5421.5, 6532.5, 603.5] as [Double], shape: [1, 1, 1, 4]))
  }

  static let lines: [(line: String, input: Shape)] = [
    ("conv 3 2x3", [2, 4, 5]), ("conv 4 3x2 stride=2x1 pad=1 groups=2", [2, 5, 4]),
    ("conv 2 2x2 dilation=2x3 bias=no", [3, 4, 5]), ("conv 2 1x1", [3, 4, 2]),
    ("conv 3 3x1 stride=3 pad=2x0", [6, 4, 2]),
  ]

  @Test(arguments: lines)
  func gradientsAreThoseOfCentralDifferences(line: String, input: Shape) throws {
    try checkByDifferences(
      try layer(Conv.self, line, input: input), inputs: [input.batched(2)], pass)
  }

  @Test func statesItsParameters() throws {
    let conv = try layer(Conv.self, "conv 6 3x5 groups=2", input: [4, 9, 8])
    #expect(
      conv.parameters == [
        Parameter("weight", [6, 2, 3, 5], .spread(fanIn: 30, fanOut: 45)),
        Parameter("bias", [6], .constant(0)),
      ])
    let bare = try layer(Conv.self, "conv 6 3x5 bias=no", input: [4, 9, 8])
    #expect(
      bare.parameters == [Parameter("weight", [6, 4, 3, 5], .spread(fanIn: 60, fanOut: 90))])
    #expect(conv.parametersForBackward(.training, wantsInputGradient: true) == ["weight"])
    #expect(conv.parametersForBackward(.training, wantsInputGradient: false) == [])
  }

  static let sizes: [(line: String, input: Shape, output: Shape)] = [
    ("conv 6 5x5 pad=2", [1, 28, 28], [6, 28, 28]),
    ("conv 2 3x3 stride=2 pad=1", [1, 28, 27], [2, 14, 14]),
    ("conv 2 2x3 stride=2x3 pad=0x1 dilation=3x1", [1, 8, 9], [2, 3, 3]),
    ("conv 2 5x5 dilation=2", [1, 9, 9], [2, 1, 1]),
  ]

  @Test(arguments: sizes)
  func sizesRoundDown(line: String, input: Shape, output: Shape) throws {
    #expect(try layer(Conv.self, line, input: input).output == output)
  }

  @Test func takesAFlatInputAndGivesItsGradientBackFlat() throws {
    let conv = try layer(Conv.self, "conv 3 2x2", input: [2, 3, 4])
    let parameters = [
      "weight": numbers([3, 2, 2, 2], seed: 1), "bias": numbers([3], seed: 2),
    ]
    let picture = numbers([5, 2, 3, 4], seed: 3)
    let flat = picture.reshaped([5, 24])
    let sum = conv.forward([picture], parameters, pass).sum
    #expect(conv.forward([flat], parameters, pass).sum == sum)
    let gradients = [picture, flat].map {
      conv.backward(
        delta: sum, inputs: [$0], kept: [:], parameters, wanted: [true], pass)
    }
    #expect(gradients[1].inputs[0]?.shape == [5, 24])
    #expect(gradients[1].inputs[0]?.reshaped([5, 2, 3, 4]) == gradients[0].inputs[0])
    #expect(gradients[1].parameters == gradients[0].parameters)
  }

  @Test func needsNoWeightWhenNobodyAsksForTheInputsGradient() throws {
    let conv = try layer(Conv.self, "conv 2 2x2", input: [1, 2, 2])
    let gradient = conv.backward(
      delta: Tensor(zeros: [1, 2, 1, 1], .f32), inputs: [Tensor(zeros: [1, 1, 2, 2], .f32)],
      kept: [:], [:], wanted: [false], pass)
    #expect(gradient.inputs[0] == nil)
    #expect(gradient.parameters.keys.sorted() == ["bias", "weight"])
  }

  static let refused: [(line: String, input: Shape, message: String)] = [
    (
      "conv 2 5x5 dilation=2 pad=2", [1, 3, 3],
      "line 1, column 8: window 5x5 (dilation 2: 9x9) is larger than the padded picture 7x7 "
        + "(3+2·2 x 3+2·2)"
    ),
    (
      "conv 2 2x4 dilation=1x2 pad=0x1", [1, 3, 3],
      "line 1, column 8: window 2x4 (dilation 1x2: 2x7) is larger than the padded picture 3x5 "
        + "(3+2·0 x 3+2·1)"
    ),
    ("conv 2 4x1", [1, 3, 3], "line 1, column 8: window 4x1 is larger than the picture 3x3"),
    (
      "conv 4 3x3 groups=3", [6, 5, 5],
      "line 1, column 12: 3 groups of 6 input and 4 output channels, expected a number that divides "
        + "both"
    ),
    (
      "conv 4 3x3 groups=2", [3, 5, 5],
      "line 1, column 12: 2 groups of 3 input and 4 output channels, expected a number that divides "
        + "both"
    ),
    (
      "conv 4 3x3", [784],
      "line 1, column 1: 'conv' of shape [784], expected channels x height x width; "
        + "'reshape 1x28x28' before it would make that"
    ),
    (
      "conv 4 3x3", [3072],
      "line 1, column 1: 'conv' of shape [3072], expected channels x height x width; "
        + "'reshape 3x32x32' before it would make that"
    ),
    (
      "conv 4 3x3", [8, 6],
      "line 1, column 1: 'conv' of shape [8, 6], expected channels x height x width; "
        + "'reshape 1x8x6' before it would make that"
    ),
    (
      "conv 4 3x3", [2, 2, 2, 5],
      "line 1, column 1: 'conv' of shape [2, 2, 2, 5], expected channels x height x width; "
        + "'reshape CHANNELSxHEIGHTxWIDTH' before it would make that"
    ),
    (
      "conv 4", [1, 5, 5],
      "line 1, column 7: expected the window's height x width after 'conv', found nothing"
    ),
    (
      "conv 4 3x3 stride=0", [1, 5, 5],
      "line 1, column 12: found 'stride=0' for 'stride=', expected a whole number of at least 1, or "
        + "two as in 2x3"
    ),
    (
      "conv 4 3x3 pad=1x2x3", [1, 5, 5],
      "line 1, column 12: found 'pad=1x2x3' for 'pad=', expected a whole number of at least 0, or "
        + "two as in 2x3"
    ),
    (
      "conv 4 3x3 groups=0", [1, 5, 5],
      "line 1, column 12: found 'groups=0' for 'groups=', expected a whole number from 1 to "
        + "2147483647"
    ),
    (
      "conv 70000 200x200", [1, 200, 200],
      "line 1, column 1: weight of 70000x1x200x200 elements, expected at most 2147483647"
    ),
    (
      "conv 1 1x1 pad=2147483647", [1, 1, 1],
      "line 1, column 1: output of 1x4294967295x4294967295 elements, expected at most 2147483647"
    ),
    (
      "conv 1 99x99 pad=3000", [1, 9, 9],
      "line 1, column 1: input under all places of the window of 1x99x99x5911x5911 elements, "
        + "expected at most 2147483647"
    ),
  ]

  @Test(arguments: refused)
  func refusesLine(line: String, input: Shape, message: String) {
    #expect {
      try layer(Conv.self, line, input: input)
    } throws: {
      "\($0)" == message
    }
  }

  @Test(arguments: ["3", "x3", "3x", "0x3", "3x3x3", "-1x3", "3X3", "2147483648x1"])
  func refusesWindow(text: String) {
    #expect(
      throws: TopologyError.badValue(
        Word(text, line: 1, column: 8), what: "the window's height x width",
        expected: "two whole numbers of at least 1, as in 3x3")
    ) {
      try layer(Conv.self, "conv 2 \(text)", input: [1, 5, 5])
    }
  }
}
