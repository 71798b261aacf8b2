import Comparison
import Compute
import Layers
import Networks
import Tensors
import Testing

struct NetworkTests {
  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  @Test func oneNeuronMatchesTheStepByHand() throws {
    let network = try Network(topology: "input 2\ndense 1 sigmoid bias=no\nloss squared\n")
    let problem = Problem(
      network: network, input: Tensor([1, 2] as [Double], shape: [1, 2]),
      target: Tensor([1] as [Double], shape: [1, 1]),
      parameters: ["dense1.weight": Tensor([0.5, -0.25] as [Double], shape: [1, 2])])
    let signals = problem.signals(workers)
    // The sum is 0.5 · 1 − 0.25 · 2 = 0, so the output is ½ and its slope ¼.
    #expect(signals.sum.doubles() == [0])
    #expect(signals.output.doubles() == [0.5])
    let losses = signals.losses
    #expect(losses == Tensor([0.125] as [Double]))
    let gradients = try problem.gradients(keepingDeltas: true, workers)
    #expect(
      gradients.parameters == [
        "dense1.weight": Tensor([-0.125, -0.25] as [Double], shape: [1, 2])
      ])
    #expect(
      gradients.deltas.mapValues { $0.doubles() } == [
        "dense1.error": [-0.5], "dense1.derivative": [0.25], "dense1.delta": [-0.125],
      ])
  }

  @Test func knowsWhatBackwardNeeds() throws {
    let network = try Network(
      topology: """
        input 4
        scale 2
        dense 3 relu
        scale 0.5
        dense 2 tanh name=second
        dense 2 softmax bias=no
        loss cross-entropy
        """)
    #expect(
      network.parameters.map(\.name)
        == ["dense1.weight", "dense1.bias", "second.weight", "second.bias", "dense3.weight"])
    #expect(network.parameters.map(\.shape) == [[3, 4], [3], [2, 3], [2], [2, 2]])
    func traced(_ network: Network) throws -> [String] {
      let problem = Problem(
        network: network, input: numbers([2, network.input.count], seed: 1),
        target: numbers([2, network.outputShape.count], seed: 2),
        parameters: network.initialParameters(seed: 1, dtype: .f64))
      var executor = problem.executor(.training)
      executor.forward(problem.input, target: nil, problem.context(workers))
      return executor.traceTensors(brief: false).keys.filter { !$0.hasSuffix(".output") }.sorted()
    }
    #expect(try traced(network) == ["dense3.sum", "dense3.weight", "second.weight"])
    #expect(try traced(Network(topology: "input 1\ndense 1\nloss squared")).isEmpty)
  }

  @Test func errorsEndAtTheFirstLayerWithParameters() throws {
    let network = try Network(topology: "input 2\nscale 3\ndense 2\nloss squared")
    let problem = Problem(
      network: network, input: Tensor([1, 2] as [Double], shape: [1, 2]),
      target: Tensor([0, 0] as [Double], shape: [1, 2]),
      parameters: [
        "dense1.weight": Tensor([1, 0, 0, 1] as [Double], shape: [2, 2]),
        "dense1.bias": Tensor([0, 0] as [Double]),
      ])
    let gradients = try problem.gradients(keepingDeltas: true, workers)
    #expect(
      gradients.deltas.keys.sorted() == ["dense1.delta", "dense1.derivative", "dense1.error"])
    #expect(gradients.parameters["dense1.weight"]?.doubles() == [9, 18, 18, 36])
  }

  @Test func stepAnswersButCannotLearn() throws {
    let network = try Network(topology: "input 2\ndense 2 step\ndense 1\nloss squared")
    let problem = Problem(
      network: network, input: Tensor([1, 2] as [Double], shape: [1, 2]),
      target: Tensor([0] as [Double], shape: [1, 1]),
      parameters: network.initialParameters(seed: 1, dtype: .f64))
    #expect(
      problem.signals(workers).outputs["dense1"]!.doubles().allSatisfy { [0, 1].contains($0) })
    let fault = #expect(throws: NetworkError.self) { try problem.gradients(workers) }
    #expect(
      fault?.description == "layer 'dense1': 'step' has no derivative to learn by: it is flat "
        + "everywhere but at 0, where it jumps")
  }

  @Test func stepBeforeTheFirstParametersIsNoHindrance() throws {
    let network = try Network(topology: "input 2\nscale 1 step\ndense 1\nloss squared")
    #expect(throws: Never.self) { try network.checkDerivatives() }
  }

  @Test(arguments: [DType.f32, .f64])
  func bytesDoNotDependOnTheThreads(dtype: DType) throws {
    let network = try Network(
      topology: """
        input 3x7x5
        scale 1/2
        dense 67 relu
        dense 41 tanh
        dense 9 softmax
        loss cross-entropy
        """)
    let problem = Problem(
      network: network, input: numbers([131, 3, 7, 5], seed: 1).converted(to: dtype),
      target: try network.prepared(
        target: Tensor((0..<131).map { UInt8($0 % 9) }), examples: 131, dtype: dtype),
      parameters: network.initialParameters(seed: 2, dtype: dtype))
    func everything(_ count: Int) throws -> [String: Tensor] {
      let workers = ThreadPool(count: count)
      let signals = problem.signals(workers)
      let gradients = try problem.gradients(keepingDeltas: true, workers)
      let losses = signals.losses
      return gradients.parameters.merging(gradients.deltas) { $1 }
        .merging(signals.outputs) { $1 }.merging(["loss": losses]) { $1 }
    }
    let expected = try everything(1)
    #expect(expected.count == 6 + 7 + 4 + 1)
    for count in [2, 5] { #expect(try everything(count) == expected) }
  }

  @Test func chunksOfWholePiecesGiveTheBytesOfTheWhole() throws {
    let network = try Network(topology: "input 11\ndense 13 tanh\ndense 3 softmax\nloss squared")
    let parameters = network.initialParameters(seed: 3, dtype: .f32)
    let input = numbers([150, 11], seed: 4).converted(to: .f32)
    let chunks = [0..<64, 64..<128, 128..<150].map {
      network.answer(to: input.rows($0), parameters, workers)
    }
    #expect(
      Tensor.concatenated(chunks)
        == network.answer(to: input, parameters, workers))
  }

  @Test func startsFromTheSameNumbersInBothTypes() throws {
    let network = try Network(
      topology: "input 6\ndense 6 relu\ndense 3 tanh name=last\nloss squared")
    let doubles = network.initialParameters(seed: 5, dtype: .f64)
    let floats = network.initialParameters(seed: 5, dtype: .f32)
    #expect(doubles.keys.sorted() == network.parameters.map(\.name).sorted())
    #expect(doubles.mapValues { $0.converted(to: .f32) } == floats)
    #expect(try network.checkParameters(floats) == .f32)
    #expect(try network.checkParameters(doubles) == .f64)
    #expect(doubles["dense1.bias"] == Tensor(zeros: [6], .f64))

    // He: √(6 / 6) = 1; Glorot: √(6 / (6 + 3)).
    for (name, limit) in [("dense1.weight", 1), ("last.weight", (2.0 / 3).squareRoot())] {
      let values = doubles[name]!.doubles()
      #expect(values.allSatisfy { abs($0) <= limit })
      #expect(values.contains { abs($0) > 0.8 * limit })
      #expect(values.contains { $0 < 0 } && values.contains { $0 > 0 })
      let random = RandomNumbers(seed: 5, purpose: name)
      let expected = values.indices.map { limit * (2 * random.uniform(at: UInt64($0)) - 1) }
      #expect(values == expected)
    }
    let other = network.initialParameters(seed: 6, dtype: .f64)
    #expect(other["dense1.weight"] != doubles["dense1.weight"])
  }

  @Test func startsBlocksWithTheirNumbers() throws {
    let network = try Network(topology: "input 2x3\nlstm 2\nloss squared\n")
    let parameters = network.initialParameters(seed: 1, dtype: .f32)
    #expect(parameters["lstm1.bias_ih"] == Tensor([0, 0, 1, 1, 0, 0, 0, 0] as [Float]))
    #expect(parameters["lstm1.bias_hh"] == Tensor(zeros: [8], .f32))
  }
}
