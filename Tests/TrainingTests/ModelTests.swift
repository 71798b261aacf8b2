import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct ModelTests {
  @Test func aModelsDocumentComesBackTheSame() throws {
    var document = makeModel()
    document[.position] = "3"
    document.metadata["author"] = "me"
    document.tensors["optimizer.dense1.weight"] = Tensor([1, 2] as [Double], shape: [1, 2])
    #expect(try Model(document).document() == document)
  }

  @Test func whatFlowsBackIsWithoutTheOptimizersState() throws {
    var document = makeModel()
    document.tensors["optimizer.dense1.weight"] = Tensor([1, 2] as [Double], shape: [1, 2])
    #expect(
      try Model(document).documentForForward().tensors.keys.sorted() == ["dense1.weight"])
  }

  @Test func refusesWeightsThatCannotBeComputedWith() throws {
    func message(_ change: (inout Document) -> Void) -> String {
      var document = makeModel()
      change(&document)
      let error = #expect(throws: (any Error).self) { try Model(document) }
      return error.map { "\($0)" } ?? ""
    }
    #expect(
      message { $0.tensors["dense1.weight"] = Tensor([1, 2] as [Int64]) }
        == "tensor 'dense1.weight': found I64, expected F32 or F64")
    #expect(
      message { $0.tensors["dense2.weight"] = Tensor([1, 2] as [Float]) }
        == "tensor 'dense2.weight': found F32, expected F64 as in 'dense1.weight'")
    #expect(
      message { $0.tensors["dense1.weight"] = Tensor([1, .nan] as [Double], shape: [1, 2]) }
        == "tensor 'dense1.weight': found nan at [0, 1], expected finite numbers")
    #expect(message { $0.tensors = [:] } == "tensor 'LAYER.weight' is missing from the model")
    #expect(message { $0[.topology] = nil } == "metadata: 'nn.topology' is missing")
    #expect(
      message { $0[.epoch] = "x" } == "nn.epoch: found 'x', expected a whole number below 2^53")
  }
}

@Suite struct MetricsTests {
  private func prediction(_ output: Tensor, _ target: Tensor, _ loss: [Double]) -> Document {
    var document = Document(kind: .prediction)
    document.tensors = ["output": output, "target": target, "loss": Tensor(loss)]
    return document
  }

  @Test func theLargestOutputIsTheAnswer() throws {
    var metrics = Metrics()
    let output = Tensor([0.1, 0.7, 0.2, 0.5, 0.3, 0.2] as [Float], shape: [2, 3])
    try metrics.add(prediction(output, Tensor([1, 2] as [Int64]), [0.5, 1.5]))
    #expect(metrics.loss == 1 && metrics.accuracy == 0.5 && metrics.examples == 2)
    try metrics.add(prediction(output, Tensor([1, 0] as [UInt8]), [1, 1]))
    #expect(metrics.loss == 1 && metrics.accuracy == 0.75 && metrics.examples == 4)
  }

  @Test func aSingleOutputIsClass1AboveOneHalf() throws {
    var metrics = Metrics()
    try metrics.add(
      prediction(
        Tensor([0.5, 0.51, 0.2, 0.9] as [Double], shape: [4, 1]),
        Tensor([0, 1, 1, 1] as [Double], shape: [4, 1]), [0, 0, 0, 0]))
    #expect(metrics.accuracy == 0.75)
  }

  @Test(arguments: [
    ("input 2\ndense 1\nloss hinge", 1), ("dense 1\n loss\thinge margin=2 # loss squared\n#\n", 1),
    ("input 2\ndense 1\nloss squared # loss hinge", 0.5), ("# loss hinge", 0.5), ("", 0.5),
  ])
  func aSingleOutputIsClass1AboveZeroAfterHinge(topology: String, accuracy: Double) throws {
    var metrics = Metrics()
    var document = prediction(
      Tensor([-0.5, 0.25, 0.3, 0.9] as [Double], shape: [4, 1]), Tensor([0, 1, 1, 1] as [UInt8]),
      [0, 0, 0, 0])
    document[.topology] = topology
    try metrics.add(document)
    #expect(metrics.accuracy == accuracy)
  }

  @Test func oneHotTargetsNameClassesAndOtherNumbersDoNot() throws {
    var metrics = Metrics()
    let output = Tensor([0.9, 0.1, 0.4, 0.6] as [Double], shape: [2, 2])
    try metrics.add(
      prediction(output, Tensor([1, 0, 1, 0] as [Double], shape: [2, 2]), [0, 0]))
    #expect(metrics.accuracy == 0.5)
    try metrics.add(
      prediction(output, Tensor([0.3, 0, 1, 0] as [Double], shape: [2, 2]), [0, 0]))
    #expect(metrics.accuracy == nil && metrics.examples == 4)
  }

  @Test func cuttingThePredictionsChangesNothing() throws {
    let losses = (0..<100).map { 1 / Double($0 + 1) }
    let outputs = Tensor((0..<200).map { Double($0 * 7919 % 13) }, shape: [100, 2])
    let targets = Tensor((0..<100).map { Int64($0 % 2) })
    var whole = Metrics()
    try whole.add(prediction(outputs, targets, losses))
    var cut = Metrics()
    for range in [0..<1, 1..<33, 33..<100] {
      try cut.add(
        prediction(outputs.rows(range), targets.rows(range), Array(losses[range])))
    }
    #expect(cut.loss == whole.loss && cut.accuracy == whole.accuracy)
  }

  @Test func refusesWhatCannotBeJudged() throws {
    var metrics = Metrics()
    #expect(throws: TrainingError.noPredictions) { try metrics.requireExamples() }
    var without = prediction(Tensor([1] as [Float], shape: [1, 1]), Tensor([0] as [Int64]), [0])
    without.tensors["target"] = nil
    let missing = #expect(throws: DocumentError.self) { try metrics.add(without) }
    #expect(missing?.description == "tensor 'target' is missing from the prediction")
    let infinite = prediction(
      Tensor([1] as [Float], shape: [1, 1]), Tensor([0] as [Int64]), [.infinity])
    let fault = #expect(throws: DocumentError.self) { try metrics.add(infinite) }
    #expect(fault?.isNumerical == true)
    #expect(metrics.examples == 0)
  }

  @Test func refusesPredictionsThatMeanNothing() throws {
    var metrics = Metrics()
    let output = Tensor([0.1, 0.7, 0.2, 0.5, 0.3, 0.2] as [Float], shape: [2, 3])
    let target = Tensor([1, 2] as [Int64])
    func message(_ prediction: Document) -> String {
      let error = #expect(throws: (any Error).self) { try metrics.add(prediction) }
      return error.map { "\($0)" } ?? ""
    }
    let nan = Tensor([Float](repeating: .nan, count: 6), shape: [2, 3])
    #expect(
      message(prediction(nan, target, [1, 1]))
        == "tensor 'output': found nan at [0, 0], expected finite numbers (6 of 6 are not)")
    #expect(
      message(prediction(Tensor(zeros: [2, 0], .f32), Tensor(zeros: [2, 0], .f32), [1, 1]))
        == "tensor 'output': found shape [2, 0], expected at least one number per example")
    #expect(
      message(prediction(output, Tensor([3, 0] as [Int64]), [1, 1]))
        == "tensor 'target': class id 3 in row 0, expected 0 to 2")
    #expect(
      message(prediction(output, Tensor([0, -1] as [Int8]), [1, 1]))
        == "tensor 'target': class id -1 in row 1, expected 0 to 2")
    #expect(
      message(prediction(output, Tensor([UInt64.max, 0]), [1, 1]))
        .hasSuffix("in row 0, expected 0 to 2"))
    #expect(
      message(prediction(Tensor(zeros: [2, 3], .c64), target, [1, 1]))
        == "tensor 'output': found C64, expected real numbers")
    var long = prediction(output, target, [1, 1])
    long.tensors["loss"] = Tensor(zeros: [2, 2], .f64)
    #expect(message(long) == "tensor 'loss': found shape [2, 2], expected [2]")
    #expect(metrics.examples == 0)
  }
}
