import Comparison
import Compute
import Foundation
import Tensors
import Testing

@testable import Layers

/// `rnn`, `gru` and `lstm`: what they have in common.
struct SequenceTests {
  let pass: Context

  init() throws { pass = Context(.training, ThreadPool(count: 2)) }

  static let kinds = layerKinds.filter { ["rnn", "gru", "lstm"].contains($0.word) }
  static let gates = ["rnn": 1, "gru": 3, "lstm": 4]

  // MARK: Against PyTorch

  struct Numbers: Decodable {
    let shape: [Int]
    let values: [Double]
    var tensor: Tensor { Tensor(values, shape: Shape(shape)) }
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let line: String
    let input, delta, output, inputGradient: Numbers
    let parameters, gradients: [String: Numbers]
    var testDescription: String { "\(line) of \(input.shape)" }
  }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/sequences.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  @Test func oracleIsComplete() throws {
    #expect(Set(try Self.cases().map(\.testDescription)).count == 36)
  }

  @Test(arguments: try cases())
  func doublesAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, in: .f64, relative: 1e-12, absolute: 1e-14)
  }

  @Test(arguments: try cases())
  func floatsAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, in: .f32, relative: 1e-5, absolute: 2e-6)
  }

  private func check(
    _ expected: Case, in dtype: DType, relative: Double, absolute: Double
  ) throws {
    let kind = try #require(Self.kinds.first { expected.line.hasPrefix($0.word + " ") })
    let input = expected.input.tensor.converted(to: dtype)
    let layer = try layer(kind, expected.line, input: input.shape.perExample)
    let parameters = expected.parameters.mapValues { $0.tensor.converted(to: dtype) }
    #expect(layer.parameters.allSatisfy { parameters[$0.name]?.shape == $0.shape })
    let forward = layer.forward(input, parameters, pass)
    let backward = layer.backward(
      delta: expected.delta.tensor.converted(to: dtype), input: input, kept: forward.kept,
      parameters, wantsInputGradient: true, pass)
    var found = backward.parameters
    found["output"] = forward.sum
    found["inputGradient"] = backward.inputs[0]
    var values = expected.gradients.mapValues(\.tensor)
    values["output"] = expected.output.tensor
    values["inputGradient"] = expected.inputGradient.tensor
    #expect(mismatch(found, values, relative: relative, absolute: absolute) == nil)
  }

  // MARK: Against central differences

  @Test(
    arguments: kinds.indices, ["", " return=all", " reverse", " return=all reverse"])
  func gradientsAreThoseOfCentralDifferences(kind: Int, options: String) throws {
    let kind = Self.kinds[kind]
    let ofSteps = try layer(kind, "\(kind.word) 3\(options)", input: [5, 2])
    try checkByDifferences(ofSteps, inputs: [[4, 5, 2]], pass)
    let ofPictures = try layer(kind, "\(kind.word) 2\(options)", input: [2, 4, 3])
    try checkByDifferences(ofPictures, inputs: [[5, 2, 4, 3]], pass)
  }

  @Test(arguments: kinds.indices)
  func oneStepHasNoStateToLearnFrom(kind: Int) throws {
    let kind = Self.kinds[kind]
    let layer = try layer(kind, "\(kind.word) 3", input: [1, 2])
    let all = try self.layer(kind, "return=all", input: [1, 2], units: 3)
    let parameters = randomParameters(of: layer)
    let input = numbers([4, 1, 2], seed: 7)
    let forward = layer.forward(input, parameters, pass)
    #expect(
      all.forward(input, parameters, pass).sum == forward.sum.reshaped([4, 1, 3]))
    let gradient = layer.backward(
      delta: numbers([4, 3], seed: 8), input: input, kept: forward.kept, parameters,
      wantsInputGradient: true, pass)
    #expect(gradient.parameters["weight_hh"]?.doubles().allSatisfy { $0 == 0 } == true)
    #expect(gradient.parameters["bias_ih"]?.doubles().contains { abs($0) > 0.01 } == true)
  }

  // MARK: Steps

  @Test(arguments: kinds.indices)
  func theLastOutputIsTheLastOfAll(kind: Int) throws {
    let kind = Self.kinds[kind]
    let input = numbers([3, 4, 2], seed: 1)
    for (reverse, last) in [("", 3), (" reverse", 0)] {
      let one = try layer(kind, "\(reverse)", input: [4, 2], units: 5)
      let all = try layer(kind, "return=all\(reverse)", input: [4, 2], units: 5)
      #expect(one.output == [5])
      #expect(all.output == [4, 5])
      let parameters = randomParameters(of: one)
      let outputs = all.forward(input, parameters, pass)
      #expect(outputs.kept["state"] == outputs.sum)
      #expect(
        one.forward(input, parameters, pass).sum
          == outputs.sum.partOfRows(last * 5..<(last + 1) * 5))
    }
  }

  @Test(arguments: kinds.indices)
  func readsAPictureAsItsRows(kind: Int) throws {
    let kind = Self.kinds[kind]
    let picture = try layer(kind, "return=all", input: [2, 3, 2], units: 3)
    let rows = try layer(kind, "return=all", input: [3, 4], units: 3)
    let parameters = randomParameters(of: picture)
    // One example: two channels of three rows of two.
    let values = Tensor(
      [1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6] as [Double], shape: [1, 2, 3, 2])
    let sequence = Tensor(
      [1, 2, -1, -2, 3, 4, -3, -4, 5, 6, -5, -6] as [Double], shape: [1, 3, 4])
    #expect(
      picture.forward(values, parameters, pass).sum == rows.forward(sequence, parameters, pass).sum)
  }

  // MARK: Memory

  /// Nothing is saved where no backward pass follows: a step's signals then lie in the place of the
  /// step's before.
  @Test(arguments: kinds.indices, ["", " return=all", " reverse", " return=all reverse"])
  func withoutSavingTheOutputIsTheSame(kind: Int, options: String) throws {
    func check<L: RecurrentLayer>(_ layer: L) {
      let parameters = randomParameters(of: layer)
      let input = numbers([35, 2, 4, 3], seed: 1)
      let recurrence = Recurrence<L.Step>(form: layer.form, workers: pass.workers)
      var output = Tensor(uninitialized: [0], .f64)
      var nothing: [Tensor] = []
      recurrence.forward(
        input, layer.parameters.map { parameters[$0.name]! }, saved: &nothing, output: &output)
      #expect(output == layer.forward(input, parameters, pass).sum)
    }
    let kind = Self.kinds[kind]
    let layer = try layer(kind, options, input: [2, 4, 3], units: 9)
    let recurrent: any RecurrentLayer = try #require(layer as? any RecurrentLayer)
    check(recurrent)
  }

  /// Results and saved tensors go to the memory that they have; what stood there does not matter.
  @Test(arguments: kinds.indices)
  func memoryIsUsedAgain(kind: Int) throws {
    func check<L: RecurrentLayer>(_ layer: L) {
      let parameters = layer.parameters.map { numbers($0.shape, seed: 3) }
      let recurrence = Recurrence<L.Step>(form: layer.form, workers: pass.workers)
      let (first, second) = (numbers([40, 3, 2], seed: 1), numbers([40, 3, 2], seed: 2))
      let delta = numbers([40, 5], seed: 4)
      let none = Tensor(uninitialized: [0], .f64)
      var saved = L.Step.saved.map { _ in none }
      var gradients = parameters.map { _ in none }
      var (output, inputGradient) = (none, none)
      func results(_ input: Tensor) -> [[Double]] {
        recurrence.forward(input, parameters, saved: &saved, output: &output)
        recurrence.backward(
          delta, input, parameters, saved: saved, into: &gradients, &inputGradient,
          wantsInputGradient: true)
        return ([output, inputGradient] + saved + gradients).map { $0.doubles() }
      }
      let expected = results(second)
      _ = results(first)
      let places = ([output] + saved + gradients).map { $0.withUnsafeBytes { $0.baseAddress } }
      #expect(results(second) == expected)
      #expect(
        ([output] + saved + gradients).map { $0.withUnsafeBytes { $0.baseAddress } } == places)
    }
    let layer = try layer(Self.kinds[kind], "", input: [3, 2], units: 5)
    let recurrent: any RecurrentLayer = try #require(layer as? any RecurrentLayer)
    check(recurrent)
  }

  @Test(arguments: kinds.indices)
  func scratchGrowsWithThreadsAndStopsAtTheChunks(kind: Int) throws {
    let kind = Self.kinds[kind]
    let layer = try layer(kind, "", input: [28, 28], units: 128)
    func bytes(_ threads: Int) -> Double {
      layer.scratchBytes(examples: 64, .f32, threads: threads)
    }
    // At least the gates of all steps, and no more than four times as much.
    let gates = Double(32 * 28 * (Self.gates[kind.word] ?? 0) * 128 * 4)
    #expect((gates...4 * gates).contains(bytes(1)))
    #expect(bytes(1) < bytes(2))
    #expect(bytes(2) == bytes(64))
  }

  // MARK: The same bytes

  /// 75 examples are three pieces; 2,117 are parts of more than one piece.
  @Test(arguments: kinds.indices, [75, 2_117])
  func resultsDoNotDependOnThreads(kind: Int, examples: Int) throws {
    let kind = Self.kinds[kind]
    let layer = try layer(kind, "return=all", input: [3, 2], units: 5)
    let parameters = randomParameters(of: layer).mapValues { $0.converted(to: .f32) }
    let input = numbers([examples, 3, 2], seed: 1).converted(to: .f32)
    let delta = numbers([examples, 3, 5], seed: 2).converted(to: .f32)
    let results = try [1, 2, 5].map { threads in
      let pass = Context(.training, ThreadPool(count: threads))
      let forward = layer.forward(input, parameters, pass)
      let backward = layer.backward(
        delta: delta, input: input, kept: forward.kept, parameters, wantsInputGradient: true, pass)
      var all = backward.parameters.merging(forward.kept) { first, _ in first }
      all["inputGradient"] = backward.inputs[0]
      return all
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }

  @Test(arguments: kinds.indices)
  func anExampleIsAnsweredAlikeInBatchesCutAtPieces(kind: Int) throws {
    let kind = Self.kinds[kind]
    let layer = try layer(kind, "", input: [3, 7], units: 6)
    let parameters = randomParameters(of: layer).mapValues { $0.converted(to: .f32) }
    let input = numbers([100, 3, 7], seed: 1).converted(to: .f32)
    let parts = [0..<32, 32..<96, 96..<100].map {
      layer.forward(input.rows($0), parameters, pass).sum
    }
    #expect(layer.forward(input, parameters, pass).sum == .concatenated(parts))
  }

  /// Parts of several pieces, which the oracle's few examples do not reach.
  @Test(arguments: kinds.indices)
  func gradientsOfManyExamplesAreTheSumOfThoseOfFew(kind: Int) throws {
    let kind = Self.kinds[kind]
    let layer = try layer(kind, "", input: [3, 2], units: 4)
    let parameters = randomParameters(of: layer)
    let input = numbers([2_117, 3, 2], seed: 1)
    let delta = numbers([2_117, 4], seed: 2)
    func gradients(_ examples: Range<Int>) -> [String: Tensor] {
      let input = input.rows(examples)
      let kept = layer.forward(input, parameters, pass).kept
      return layer.backward(
        delta: delta.rows(examples), input: input, kept: kept, parameters,
        wantsInputGradient: false, pass
      ).parameters
    }
    var sum = gradients(0..<10)
    for start in stride(from: 10, to: 2_117, by: 43) {
      sum.merge(gradients(start..<start + 43)) {
        $0.combined(with: $1, by: Addition(), pass.workers)
      }
    }
    #expect(mismatch(gradients(0..<2_117), sum, relative: 1e-10, absolute: 1e-10) == nil)
  }

  // MARK: Statements and refusals

  @Test(arguments: kinds.indices)
  func statesItsParametersAndWhatItKeeps(kind: Int) throws {
    let kind = Self.kinds[kind]
    let layer = try layer(kind, "", input: [5, 3], units: 7)
    let rows = try #require(Self.gates[kind.word]) * 7
    #expect(
      layer.parameters == [
        Parameter("weight_ih", [rows, 3], .spread(fanIn: 3, fanOut: 7)),
        Parameter("weight_hh", [rows, 7], .spread(fanIn: 7, fanOut: 7)),
        Parameter("bias_ih", [rows], kind.word == "lstm" ? .blocks([0, 1, 0, 0]) : .constant(0)),
        Parameter("bias_hh", [rows], .constant(0)),
      ])
    #expect(
      layer.parametersForBackward(.training, wantsInputGradient: false) == ["weight_hh"])
    #expect(
      layer.parametersForBackward(.training, wantsInputGradient: true)
        == ["weight_ih", "weight_hh"])
    for mode in Mode.allCases {
      #expect(layer.saved(mode).allSatisfy { $0.isPerExample && $0.shape == [5, 7] })
    }
    let taken = ["output", "sum", "error", "derivative", "delta"] + layer.parameters.map(\.name)
    #expect(Set(layer.saved(.training).map(\.name)).isDisjoint(with: taken))
  }

  @Test(arguments: kinds.indices)
  func needsNoInputWeightWhenNobodyAsksForTheInputsGradient(kind: Int) throws {
    let kind = Self.kinds[kind]
    let layer = try layer(kind, "", input: [2, 3], units: 2)
    let parameters = randomParameters(of: layer)
    let input = numbers([3, 2, 3], seed: 1)
    let kept = layer.forward(input, parameters, pass).kept
    let gradient = layer.backward(
      delta: numbers([3, 2], seed: 2), input: input, kept: kept,
      parameters.filter { $0.key == "weight_hh" }, wantsInputGradient: false, pass)
    #expect(gradient.inputs == [nil])
  }

  @Test(arguments: kinds.indices, [[784], [], [1, 2, 3, 4]])
  func refusesWhatIsNoSequence(kind: Int, dimensions: [Int]) {
    let kind = Self.kinds[kind]
    #expect(
      throws: TopologyError.pairing(
        Word(kind.word, line: 1, column: 1),
        reason: "'\(kind.word)' with an input of shape \(Shape(dimensions)), expected "
          + "[steps, features] or a picture [channels, height, width]")
    ) {
      try layer(kind, "", input: Shape(dimensions), units: 3)
    }
  }

  @Test(
    arguments: kinds.indices,
    ["", "0", "x", "3 4", "3 return=first", "3 reverse=1", "3 bias=no", "3 return=all return=all"])
  func refusesWords(kind: Int, words: String) {
    let kind = Self.kinds[kind]
    #expect(throws: TopologyError.self) {
      try layer(kind, "\(kind.word) \(words)", input: [3, 2])
    }
  }

  @Test(
    arguments: kinds.indices,
    [([2, 1 << 20], 1 << 12), ([2, 1], 1 << 16), ([1 << 20, 1], 1 << 12)])
  func refusesMoreNumbersThanCanBeCounted(kind: Int, size: (input: [Int], units: Int)) {
    let kind = Self.kinds[kind]
    #expect(throws: TopologyError.self) {
      try layer(kind, "", input: Shape(size.input), units: size.units)
    }
  }

  // MARK: Means

  private func layer(
    _ kind: LayerKind, _ options: String, input: Shape, units: Int
  ) throws -> any Layer {
    try layer(kind, "\(kind.word) \(units) \(options)", input: input)
  }

  private func layer(_ kind: LayerKind, _ line: String, input: Shape) throws -> any Layer {
    try LayersTests.layer(line, inputs: [LayerInput(name: "input", shape: input)])
  }

  private func randomParameters(of layer: any Layer) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for (index, parameter) in layer.parameters.enumerated() {
      result[parameter.name] = numbers(parameter.shape, seed: UInt64(20 + index))
    }
    return result
  }
}
