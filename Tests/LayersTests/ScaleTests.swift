import Compute
import Layers
import Tensors
import Testing

struct ScaleTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 1)) }

  @Test func multipliesByAQuotientRoundedToTheModelsType() throws {
    let scale = try layer(Scale.self, "scale 1/255", input: [2])
    let input = Tensor([1, 255] as [Float], shape: [1, 2])
    let factor: Float = 0.003_921_568_627_450_98
    #expect(
      scale.forward(input, [:], pass).sum == Tensor([factor, 255 * factor], shape: [1, 2]))
    #expect(
      scale.forward(input.converted(to: .f64), [:], pass).sum
        == Tensor([1.0 / 255, 255 * (1.0 / 255)], shape: [1, 2]))
  }

  @Test func addsTheOffsetAfterMultiplying() throws {
    let scale = try layer(Scale.self, "scale 1/4 offset=-0.5", input: [3])
    let input = Tensor([0, 2, 4] as [Float], shape: [1, 3])
    #expect(
      scale.forward(input, [:], pass).sum == Tensor([-0.5, 0, 0.5] as [Float], shape: [1, 3]))
    try checkByDifferences(scale, inputs: [[2, 3]], pass)
  }

  /// In memory of another shape that is there already, more of them than one piece of work has.
  @Test(arguments: ["scale 1/255", "scale 1/7 offset=-0.3"], [DType.f32, .f64])
  func takesBytesAsTheNumbersThatTheyAre(line: String, dtype: DType) throws {
    let scale = try layer(Scale.self, line, input: [3, 100])
    #expect(scale.accepts(.u8) && !scale.accepts(.i16))
    let bytes = Tensor(
      (0..<120 * 300).map { UInt8(truncatingIfNeeded: $0 &* 31) }, shape: [120, 3, 100])
    for threads in [1, 2] {
      let pass = Context(.training, ThreadPool(count: threads))
      let made = withTensors([[bytes], [], [Tensor(zeros: [5], dtype)]]) {
        scale.forward(
          ForwardCall(inputs: $0[0], parameters: $0[1], outputs: $0[2], saved: $0[1], pass))
      }
      #expect(made[2][0] == scale.forward(bytes.converted(to: dtype), [:], pass).sum)
    }
  }

  @Test(arguments: ["nan", "1/2", "", "1e300", "0x1"])
  func refusesOffset(text: String) {
    #expect(
      throws: TopologyError.badValue(
        Word("offset=\(text)", line: 1, column: 9), what: "'offset='",
        expected: "a decimal number within F32")
    ) {
      try layer(Scale.self, "scale 2 offset=\(text)", input: [3])
    }
  }

  @Test func keepsTheShapeAndHasNoParameters() throws {
    let scale = try layer(Scale.self, "scale -2.5e-1", input: [2, 3, 1])
    #expect(scale.output == [2, 3, 1])
    #expect(scale.parameters.isEmpty)
    #expect(
      scale.forward(Tensor(zeros: [4, 2, 3, 1], .f32), [:], pass).sum.shape == [4, 2, 3, 1])
  }

  @Test func gradientsAreThoseOfCentralDifferences() throws {
    let scale = try layer(Scale.self, "scale -1.5", input: [2, 3])
    try checkByDifferences(scale, inputs: [[4, 2, 3]], pass)
  }

  @Test(arguments: [
    "0", "0.0", "nan", "inf", "0x1", "1e300", "1e-300", "1/0", "0/1", "1/2/3", "/2", "2/", "a", "-",
    "1,5",
  ])
  func refusesFactor(text: String) {
    #expect(
      throws: TopologyError.badValue(
        Word(text, line: 1, column: 7), what: "the factor",
        expected: "a decimal number or a quotient like 1/255, not 0, within F32")
    ) {
      try layer(Scale.self, "scale \(text)", input: [2])
    }
  }
}
