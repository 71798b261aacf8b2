import Comparison
import Compute
import Foundation
import Layers
import Tensors
import Testing

/// conv and the poolings against PyTorch's autograd in F64, and F32 against the same.
struct ConvolutionOracleTests {
  struct Numbers: Decodable {
    let shape: [Int]
    let values: [Double]
    var tensor: Tensor { Tensor(values, shape: Shape(shape)) }
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let line: String
    let input, delta, output, inputGradient: Numbers
    let parameters, gradients: [String: Numbers]
    var testDescription: String { line }
  }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/convolutions.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  @Test func oracleIsComplete() throws {
    #expect(try Self.cases().count == 24)
  }

  @Test(arguments: try cases())
  func doublesAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, .f64, relative: 1e-12, absolute: 1e-14)
  }

  @Test(arguments: try cases())
  func floatsAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, .f32, relative: 1e-5, absolute: 1e-5)
  }

  private func check(
    _ expected: Case, _ dtype: DType, relative: Double, absolute: Double
  ) throws {
    let pass = Context(.training, ThreadPool(count: 2))
    let input = expected.input.tensor.converted(to: dtype)
    let layer = try layer(
      expected.line, inputs: [LayerInput(name: "input", shape: input.shape.perExample)])
    let parameters = expected.parameters.mapValues { $0.tensor.converted(to: dtype) }
    #expect(layer.parameters.map(\.name).sorted() == parameters.keys.sorted())
    let output = layer.forward([input], parameters, pass).sum
    let gradient = layer.backward(
      delta: expected.delta.tensor.converted(to: dtype), inputs: [input], kept: [:], parameters,
      wanted: [true], pass)
    var found = gradient.parameters
    found["output"] = output
    found["input gradient"] = gradient.inputs[0]
    #expect(found.values.allSatisfy { $0.dtype == dtype })
    var tensors = expected.gradients.mapValues(\.tensor)
    tensors["output"] = expected.output.tensor
    tensors["input gradient"] = expected.inputGradient.tensor
    #expect(mismatch(found, tensors, relative: relative, absolute: absolute) == nil)
  }
}
