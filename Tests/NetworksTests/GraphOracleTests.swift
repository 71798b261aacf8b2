import Comparison
import Compute
import Foundation
import Layers
import Networks
import Tensors
import Testing

/// Normalization, connections and what lies around them against PyTorch's autograd in F64, in training and in use; and
/// F32 against the same.
struct GraphOracleTests {
  struct Numbers: Decodable {
    let shape: [Int]
    let values: [Double]
    var tensor: Tensor { Tensor(values, shape: Shape(shape)) }
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let topology, mode: String
    let input, target, output, losses: Numbers
    let parameters, gradients: [String: Numbers]
    var testDescription: String {
      mode + ": " + topology.replacingOccurrences(of: "\n", with: "; ")
    }
  }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/graph_networks.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  @Test func oracleIsComplete() throws {
    #expect(try Self.cases().count == 7)
  }

  @Test(arguments: try cases())
  func doublesAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, .f64, relative: 1e-12, absolute: 1e-13)
  }

  @Test(arguments: try cases())
  func floatsAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, .f32, relative: 2e-5, absolute: 2e-5)
  }

  private func check(
    _ expected: Case, _ dtype: DType, relative: Double, absolute: Double
  ) throws {
    let workers = ThreadPool(count: 2)
    let network = try Network(topology: expected.topology)
    let problem = Problem(
      network: network, input: expected.input.tensor.converted(to: dtype),
      target: expected.target.tensor.converted(to: dtype),
      parameters: expected.parameters.mapValues { $0.tensor.converted(to: dtype) },
      mode: try #require(Mode(rawValue: expected.mode)))
    try network.checkParameters(problem.parameters)
    let signals = problem.signals(workers)
    let found = [
      "output": signals.output,
      "losses": signals.losses,
    ]
    let tensors = ["output": expected.output.tensor, "losses": expected.losses.tensor]
    #expect(mismatch(found, tensors, relative: relative, absolute: absolute) == nil)
    #expect(
      mismatch(
        try problem.gradients(workers).parameters, expected.gradients.mapValues(\.tensor),
        relative: relative, absolute: absolute) == nil)
  }
}
