import Comparison
import Compute
import Foundation
import Networks
import Tensors
import Testing

/// Against PyTorch's autograd in F64, and F32 against the same.
struct AutogradTests {
  struct Numbers: Decodable {
    let shape: [Int]
    let values: [Double]
    var tensor: Tensor { Tensor(values, shape: Shape(shape)) }
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let topology: String
    let input, target, output, losses: Numbers
    let parameters, gradients, deltas: [String: Numbers]
    var testDescription: String { topology.replacingOccurrences(of: "\n", with: "; ") }

    func problem() throws -> Problem {
      let network = try Network(topology: topology)
      let parameters = parameters.mapValues(\.tensor)
      try network.checkParameters(parameters)
      return Problem(
        network: network, input: try network.prepared(input: input.tensor, dtype: .f64),
        target: try network.prepared(
          target: target.tensor, examples: input.shape[0], dtype: .f64),
        parameters: parameters)
    }
  }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/dense_networks.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  @Test func oracleIsComplete() throws {
    #expect(try Self.cases().count == 12)
  }

  @Test(arguments: try cases())
  func doublesAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, expected.problem(), relative: 1e-12, absolute: 1e-15)
  }

  @Test(arguments: try cases())
  func floatsAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, expected.problem().converted(to: .f32), relative: 1e-5, absolute: 1e-5)
  }

  private func check(
    _ expected: Case, _ problem: Problem, relative: Double, absolute: Double
  ) throws {
    let workers = ThreadPool(count: 2)
    let network = problem.network
    let signals = problem.signals(workers)
    func compare(_ found: [String: Tensor], _ expected: [String: Numbers]) {
      #expect(found.values.allSatisfy { $0.dtype == problem.input.dtype })
      #expect(
        mismatch(found, expected.mapValues(\.tensor), relative: relative, absolute: absolute)
          == nil)
    }
    compare(
      [
        "output": signals.output,
        "losses": signals.losses,
      ], ["output": expected.output, "losses": expected.losses])

    let gradients = try problem.gradients(keepingDeltas: true, workers)
    #expect(gradients.parameters.values.contains { $0.doubles().contains { abs($0) > 1e-3 } })
    compare(gradients.parameters, expected.gradients)
    compare(gradients.deltas.filter { $0.key.hasSuffix(".delta") }, expected.deltas)
    #expect(try problem.gradients(workers).parameters == gradients.parameters)
  }
}
