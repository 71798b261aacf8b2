import Compute
import Networks
import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct ForwardTests {
  @Test func aPredictionHoldsTheAnswerAndWhatItCameFrom() throws {
    var forward = try Forward(startedModel(), makeWorkers())
    var batch = makeBatch(5)
    batch.metadata["author"] = "me"
    batch.tensors["mask"] = Tensor([1, 2] as [Float])
    let prediction = try forward.prediction(of: batch)
    #expect(prediction.tensors.keys.sorted() == ["index", "loss", "mask", "output", "target"])
    #expect(try prediction.tensor("output").shape == [5, 2])
    #expect(try prediction.tensor("loss").shape == [5])
    #expect(prediction.metadata["author"] == "me")
    #expect(prediction[.kind] == "prediction" && prediction[.step] == "1")
    #expect(prediction[.topology] == digitsTopology)
    for row in try prediction.tensor("output").values(of: Float.self).chunks(of: 2) {
      #expect(abs(row.reduce(0, +) - 1) < 1e-6)
    }
  }

  @Test func withoutATargetThereIsNoLoss() throws {
    var batch = makeBatch(3)
    batch.tensors["target"] = nil
    var forward = try Forward(startedModel(), makeWorkers())
    #expect(try forward.prediction(of: batch).tensors.keys.sorted() == ["index", "output"])
    #expect(try forward.trace(of: batch).tensors["loss"] == nil)
  }

  @Test func cuttingADatasetChangesNothing() throws {
    let whole = makeBatch(2 * Forward.chunk + 77)
    var forward = try Forward(startedModel(), makeWorkers())
    let all = try forward.prediction(of: whole)
    let chunk = Forward.chunk
    for rows in [0..<chunk, chunk..<2 * chunk, 2 * chunk..<2 * chunk + 77] {
      var part = whole
      for (name, tensor) in whole.tensors { part.tensors[name] = tensor.rows(rows) }
      let prediction = try forward.prediction(of: part)
      #expect(try prediction.tensor("output") == all.tensor("output").rows(rows))
      #expect(try prediction.tensor("loss") == all.tensor("loss").rows(rows))
    }
    // A trace computes the batch in one go: the same numbers again.
    #expect(try forward.trace(of: whole).tensor("dense2.output") == all.tensor("output"))
  }

  @Test func aTraceHoldsEverySignal() throws {
    var forward = try Forward(startedModel(), makeWorkers())
    let trace = try forward.trace(of: makeBatch(5))
    #expect(
      trace.tensors.keys.sorted() == [
        "dense1.output", "dense2.output", "dense2.sum", "dense2.weight", "index", "input", "loss",
        "scale1.output", "target",
      ])
    let sums = try forward.trace(of: makeBatch(5), .training, .outputsAndSums)
    #expect(
      Set(sums.tensors.keys).subtracting(trace.tensors.keys) == ["dense1.sum", "scale1.sum"])
  }

  @Test func refusesABatchOfAnotherWidth() throws {
    var forward = try Forward(startedModel(), makeWorkers())
    let error = #expect(throws: NetworkError.self) {
      try forward.prediction(of: makeBatch(5, width: 3))
    }
    #expect(
      error?.description
        == "tensor 'input': found shape [5, 3], expected [5, 4] for layer 'scale1'")
  }

  @Test func refusesInputThatIsNotFinite() throws {
    var batch = makeBatch(2)
    batch.tensors["input"] = Tensor([1, 2, 3, 4, 5, .nan, 7, 8] as [Float], shape: [2, 4])
    var forward = try Forward(startedModel(), makeWorkers())
    let error = #expect(throws: NetworkError.self) { try forward.prediction(of: batch) }
    #expect(error?.isNumerical == false)
  }

  @Test func refusesAnEmptyBatchAndAnotherKind() throws {
    var forward = try Forward(startedModel(), makeWorkers())
    #expect(throws: DocumentError.noExamples("input")) {
      try forward.prediction(of: makeBatch(0))
    }
    #expect(throws: DocumentError.self) { try forward.prediction(of: startedModel().document()) }
  }

  @Test func aLossThatOverflowsIsANumericalFault() throws {
    let topology = "input 1\ndense 1 identity bias=no\nloss squared\n"
    var model = try startedModel(topology)
    model.parameters["dense1.weight"] = Tensor([1e30] as [Float], shape: [1, 1])
    var batch = makeBatch(1, width: 1)
    batch.tensors["input"] = Tensor([1] as [Float], shape: [1, 1])
    batch.tensors["target"] = Tensor([0] as [Float], shape: [1, 1])
    var forward = try Forward(model, makeWorkers())
    let error = #expect(throws: DocumentError.self) { try forward.trace(of: batch) }
    #expect(error?.isNumerical == true)
    #expect(error?.description == "tensor 'loss': found inf at [0], expected finite numbers")
  }

  @Test func refusesAModelWhoseWeightsAreNotTheNetworks() throws {
    var model = try startedModel()
    model.parameters["dense1.weight"] = Tensor(zeros: [4, 3], .f32)
    #expect(throws: NetworkError.self) { try Forward(model, makeWorkers()) }
    var forward = try Forward(startedModel(), makeWorkers())
    #expect(throws: PropagationError.otherModel) {
      try forward.follow(startedModel("input 4\ndense 1 sigmoid\nloss squared\n").document())
    }
    #expect(throws: PropagationError.otherModel) {
      try forward.follow(startedModel(dtype: .f64).document())
    }
  }
}

extension Array {
  func chunks(of size: Int) -> [ArraySlice<Element>] {
    stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
  }
}
