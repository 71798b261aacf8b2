import Comparison
import Compute
import Layers
import Networks
import Tensors
import Testing

/// Networks whose layers take from other layers than the one before.
struct GraphTests {
  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  @Test func layersTakeFromThoseThatTheyName() throws {
    let network = try Network(
      topology: """
        input  4
        dense  3 tanh name=a
        dense  3 from=input relu name=b
        add    a
        concat a input tanh
        loss   squared
        """)
    #expect(network.nodes.map(\.name) == ["a", "b", "add1", "concat1"])
    #expect(network.nodes.map(\.sources) == [[nil], [nil], [1, 0], [2, 0, nil]])
    #expect(network.nodes.map(\.output) == [[3], [3], [3], [10]])
    #expect(network.nodes[3].activation.word == "tanh")
  }

  @Test func addsAndConcatenatesByHand() throws {
    let network = try Network(
      topology: "input 2\nscale 2 name=a\nadd input\nconcat a\ndense 1 bias=no\nloss squared")
    let input = Tensor([1, -2, 3, 0.5] as [Double], shape: [2, 2])
    let weight = Tensor([1, 10, 100, 1000] as [Double], shape: [1, 4])
    let problem = Problem(
      network: network, input: input, target: Tensor([0, 0] as [Double], shape: [2, 1]),
      parameters: ["dense1.weight": weight])
    let signals = problem.signals(workers)
    #expect(
      signals.outputs["concat1"]
        == Tensor([3, -6, 2, -4, 9, 1.5, 6, 1] as [Double], shape: [2, 4]))
    #expect(signals.output == Tensor([-3857, 1624] as [Double], shape: [2, 1]))
  }

  static let topologies = [
    "input 5\ndense 4 tanh name=a\ndense 4 sigmoid\nadd a tanh\ndense 2\nloss squared",
    "input 5\ndense 4 name=a\ntanh\ndense 3 from=a sigmoid\nconcat tanh1 input a\ndense 2\nloss squared",
    "input 5\ndense 5 tanh\nadd input input\ndense 5 sigmoid\nadd add1 dense1\ndense 2 tanh\nloss squared",
    "input 5\ndense 6 tanh\nreshape 2x3 name=r\nconcat r r\nreshape 18\ndense 2\nloss squared",
  ]

  @Test(arguments: topologies)
  func gradientsAreThoseOfCentralDifferences(topology: String) throws {
    let network = try Network(topology: topology)
    var parameters: [String: Tensor] = [:]
    for (index, parameter) in network.parameters.enumerated() {
      parameters[parameter.name] = numbers(parameter.shape, seed: UInt64(10 + index))
    }
    let problem = Problem(
      network: network, input: numbers([3, 5], seed: 1), target: numbers([3, 2], seed: 2),
      parameters: parameters)
    try expectGradientsOfDifferences(problem, workers)
  }

  @Test func predictionsForgetNothingThatIsStillNeeded() throws {
    for topology in Self.topologies {
      let network = try Network(topology: topology)
      let problem = Problem(
        network: network, input: numbers([3, 5], seed: 1), target: numbers([3, 2], seed: 2),
        parameters: network.initialParameters(seed: 1, dtype: .f64), mode: .inference)
      #expect(
        network.answer(to: problem.input, problem.parameters, workers)
          == problem.signals(workers).output)
    }
  }

  @Test(arguments: [
    (
      "input 1x4x4\ndense 3 name=a\ndense 2\nadd a\nloss squared",
      "line 4, column 1: 'add' of 'dense2' with shape [2] and 'a' with [3], expected the same shape"
    ),
    (
      "input 2x4\nscale 2\nreshape 4x2\nconcat scale1\ndense 1\nloss squared",
      "line 4, column 1: 'concat' of 'reshape1' with shape [4, 2] and 'scale1' with [2, 4], "
        + "expected agreement in all axes but the first"
    ),
    (
      "input 3\ndense 3\nadd dense2\ndense 3\nloss squared",
      "line 3, column 5: layer 'dense2' of line 4 stands at or behind this line, which [3] reaches: "
        + "that would be a cycle"
    ),
    (
      "input 3\ndense 3 from=dense1\nloss squared",
      "line 2, column 14: layer 'dense1' of line 2 stands at or behind this line, which [3] reaches: "
        + "that would be a cycle"
    ),
    (
      "input 3\ndense 3 name=first\nadd frist\nloss squared",
      "line 3, column 5: no layer 'frist', did you mean 'first'?"
    ),
    (
      "input 3\ndense 3\nadd\nloss squared",
      "line 3, column 4: expected the name of an earlier layer after 'add', found nothing"
    ),
    (
      "input 3\ndense 3\ndense 2 from=input\nloss squared",
      "line 2, column 1: nothing takes the output of layer 'dense1'"
    ),
    (
      "input 3\ndense 3 name=relu\nloss squared",
      "line 2, column 9: name 'relu' is an activation's word"
    ),
    (
      "input 3\ndense 4\nreshape 2x3\nloss squared",
      "line 3, column 1: 'reshape 2x3' has 6 elements, the 4 that reach it are 4"
    ),
    (
      "input 3\nrelu 4\nloss squared",
      "line 2, column 6: unknown word '4', expected the end of the line"
    ),
  ])
  func refuses(topology: String, message: String) {
    let fault = #expect(throws: TopologyError.self) { try Network(topology: topology) }
    #expect(fault?.description == message)
  }
}
