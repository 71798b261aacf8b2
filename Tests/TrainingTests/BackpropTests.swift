import Compute
import Networks
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct BackpropTests {
  @Test func aGradientSumsOverItsExamples() throws {
    var forward = try Forward(startedModel(dtype: .f64), makeWorkers())
    var backprop = Backprop(try makeWorkers())
    let batch = makeBatch(6)
    let gradient = try backprop.gradient(of: forward.trace(of: batch))
    #expect(
      gradient.tensors.keys.sorted() == [
        "dense1.bias", "dense1.weight", "dense2.bias", "dense2.weight",
      ])
    #expect(try gradient.integer(.examples) == 6)
    #expect(gradient[.step] == "1" && gradient[.topology] == digitsTopology)

    var sum = try GradientSum(makeWorkers())
    for row in 0..<6 {
      var one = batch
      for (name, tensor) in batch.tensors { one.tensors[name] = tensor.rows(row..<row + 1) }
      try sum.add(backprop.gradient(of: forward.trace(of: one)))
    }
    let total = try sum.result()
    #expect(abs(try total.number(.loss) - gradient.number(.loss)) < 1e-12)
    for (name, tensor) in gradient.tensors {
      let (a, b) = (tensor.doubles(), try total.tensor(name).doubles())
      #expect(a.contains { $0.magnitude > 1e-3 })
      #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-12 })
    }
  }

  @Test func itIsTheSlopeOfTheLoss() throws {
    var model = try startedModel(dtype: .f64)
    let batch = makeBatch(5)
    var backprop = Backprop(try makeWorkers())
    let gradient = try backprop.gradient(of: makeTrace(model, of: batch))
    func loss(_ name: String, _ element: Int, _ shift: Double) throws -> Double {
      var values = try #require(model.parameters[name]).values(of: Double.self)
      let (shape, before) = (try #require(model.parameters[name]).shape, model)
      defer { model = before }
      values[element] += shift
      model.parameters[name] = Tensor(values, shape: shape)
      var forward = try Forward(model, makeWorkers())
      return try forward.prediction(of: batch).tensor("loss")
        .doubles().reduce(0, +)
    }
    for (name, tensor) in gradient.tensors {
      for (element, analytic) in tensor.doubles().enumerated() {
        let numerical = try (loss(name, element, 1e-5) - loss(name, element, -1e-5)) / 2e-5
        #expect(abs(analytic - numerical) < 1e-8, "\(name) \(element)")
      }
    }
  }

  @Test func otherMetadataPassesAndOtherTensorsDoNot() throws {
    var batch = makeBatch(5)
    batch.metadata["license"] = "CC0"
    batch.tensors["weather"] = Tensor([1] as [Float])
    let trace = try makeTrace(startedModel(), of: batch)
    #expect(trace.tensors["weather"] != nil)
    var backprop = Backprop(try makeWorkers())
    let gradient = try backprop.gradient(of: trace)
    #expect(gradient.metadata["license"] == "CC0" && gradient.tensors["weather"] == nil)
  }

  @Test func deltasAreThereForPeople() throws {
    var backprop = Backprop(keepingDeltas: true, try makeWorkers())
    let trace = try makeTrace(startedModel(), of: makeBatch(5))
    let gradient = try backprop.gradient(of: trace)
    #expect(try gradient.tensor("dense1.error").shape == [5, 3])
    #expect(try gradient.tensor("dense1.derivative").shape == [5, 3])
    #expect(try gradient.tensor("dense1.delta").shape == [5, 3])
    // Softmax and cross-entropy are differentiated in one.
    #expect(gradient.tensors["dense2.error"] == nil)
    #expect(try gradient.tensor("dense2.delta").shape == [5, 2])
  }

  @Test func refusesATraceWithSomethingMissing() throws {
    let trace = try makeTrace(startedModel(), of: makeBatch(5))
    func message(without name: String) throws -> String {
      var broken = trace
      broken.tensors[name] = nil
      var backprop = Backprop(try makeWorkers())
      let error = #expect(throws: (any Error).self) { try backprop.gradient(of: broken) }
      return error.map { "\($0)" } ?? ""
    }
    #expect(try message(without: "target") == "tensor 'target' is missing from the trace")
    #expect(try message(without: "loss") == "tensor 'loss' is missing from the trace")
    #expect(
      try message(without: "dense1.output")
        == "tensor 'dense1.output': missing, expected shape [5, 3]")
    #expect(
      try message(without: "dense2.weight")
        == "tensor 'dense2.weight': missing, expected shape [2, 3]")
  }

  @Test func refusesATraceThatClaimsWhatItDoesNotHold() throws {
    let trace = try makeTrace(startedModel(dtype: .f64), of: makeBatch(5))
    func message(_ change: (inout Document) -> Void) throws -> String {
      var broken = trace
      change(&broken)
      var backprop = Backprop(try makeWorkers())
      let error = #expect(throws: (any Error).self) { try backprop.gradient(of: broken) }
      return error.map { "\($0)" } ?? ""
    }
    #expect(
      try message { $0.tensors["dense2.output"] = Tensor(zeros: [5, 2], .i64) }
        == "tensor 'dense2.output': found dtype I64, expected F32 or F64")
    #expect(
      try message { $0.tensors["input"] = Tensor(zeros: [0, 1 << 40, 1 << 40], .f32) }
        == "tensor 'input': found shape [0, 1099511627776, 1099511627776], expected [0, 4] "
        + "for layer 'scale1'")
    #expect(
      try message { $0.tensors["input"] = Tensor(zeros: [1 << 62, 0], .f32) }
        == "tensor 'input': found shape [4611686018427387904, 0], expected [1, 4] "
        + "for layer 'scale1'")
    // One-hot targets of this width would not fit into any memory.
    let wide = "input 4\ndense 500000000 softmax\nloss cross-entropy\n"
    #expect(
      try message {
        $0[.topology] = wide
        $0.tensors["dense1.output"] = Tensor(zeros: [5, 2], .f64)
        $0.tensors["dense1.sum"] = Tensor(zeros: [5, 2], .f64)
      } == "tensor 'dense1.sum': found shape [5, 2], expected [5, 500000000]")
    #expect(
      try message { $0.tensors["loss"] = Tensor(zeros: [5, 2], .f64) }
        == "tensor 'loss': found shape [5, 2], expected [5]")
    #expect(
      try message { $0.tensors["loss"] = Tensor([Double](repeating: 1e308, count: 5)) }
        == "nn.loss: found infinity after adding it, expected a finite number")
  }

  @Test func refusesMoreOfABriefTraceThanItHas() throws {
    var forward = try Forward(startedModel(), makeWorkers())
    let trace = try forward.trace(of: forward.prepared(makeBatch(5), .training, .brief))
    #expect(trace[.signals] == "brief" && trace.tensors["scale1.output"] == nil)
    func error(keepingDeltas: Bool = false, _ change: (inout Document) -> Void) throws -> any Error
    {
      var broken = trace
      change(&broken)
      var backprop = Backprop(keepingDeltas: keepingDeltas, try makeWorkers())
      return try #require(
        #expect(throws: (any Error).self) { try backprop.gradient(of: broken) })
    }
    let tooBrief =
      "a brief trace has gradients in training and nothing else; nn-forward without "
      + "--ring keeps more"
    #expect(try "\(error(keepingDeltas: true) { _ in })" == tooBrief)
    #expect(try "\(error { $0[.mode] = "inference" })" == tooBrief)
    #expect(
      try "\(error { $0[.signals] = "short" })" == "nn.signals: found 'short', expected brief")
    #expect(
      try "\(error { $0.tensors["target"] = nil })" == "tensor 'target' is missing from the trace")
    #expect(
      try "\(error { $0.tensors["dense2.output"] = nil })"
        == "tensor 'dense2.output': missing, expected shape [5, 2]")
    let threshold = "input 4\ndense 3 step\ndense 2 softmax\nloss cross-entropy\n"
    #expect(try "\(error { $0[.topology] = threshold })".hasPrefix("layer 'dense1': "))
  }

  @Test func refusesToDifferentiateAThreshold() throws {
    let topology = "input 4\ndense 3 step\ndense 2 softmax\nloss cross-entropy\n"
    let trace = try makeTrace(startedModel(topology), of: makeBatch(5))
    var backprop = Backprop(try makeWorkers())
    #expect(throws: NetworkError.self) { try backprop.gradient(of: trace) }
  }
}

@Suite struct TrainerTests {
  private func dataset() throws -> Dataset {
    var document = makeBatch(20)
    document[.kind] = "dataset"
    for key in Key.ofBatch { document[key] = nil }
    document.tensors["index"] = nil
    return try Dataset(document)
  }

  private func trained(
    _ model: Model, epochs: Int, limit: Int? = nil, threads: Int = 1, rate: Double = 0.5
  ) throws -> Model {
    var trainer = try Trainer(
      model, on: InMemoryDataset(dataset(), digest: "abc"),
      Batching(size: 6, isShuffled: true, seed: 4),
      UpdateSettings(optimizer("sgd", rate: rate), .mean), ThreadPool(count: threads))
    try trainer.run(untilEpoch: epochs, limit: limit) { _ in }
    return trainer.model
  }

  @Test func theLossFalls() throws {
    var losses = [Double]()
    var trainer = try Trainer(
      startedModel(), on: InMemoryDataset(dataset(), digest: "abc"),
      Batching(size: nil, isShuffled: false, seed: 1),
      UpdateSettings(optimizer("sgd", rate: 0.5), .mean), ThreadPool(count: 1))
    try trainer.run(untilEpoch: 500) { losses.append($0.loss) }
    #expect(losses.count == 500)
    let (first, last) = (try #require(losses.first), try #require(losses.last))
    #expect(last < 0.9 * first)
  }

  @Test func stoppedAnywhereAndContinuedIsTheSame() throws {
    let straight = try trained(startedModel(), epochs: 3).document()
    for limit in 1...11 {
      let stopped = try trained(startedModel(), epochs: 3, limit: limit)
      #expect(stopped.step == limit)
      let saved = try Model(stopped.document())
      #expect(try trained(saved, epochs: 3).document() == straight, "stopped after \(limit)")
    }
  }

  @Test func threadsChangeNothing() throws {
    let one = try trained(startedModel(), epochs: 2).document()
    for threads in 2...3 {
      #expect(try trained(startedModel(), epochs: 2, threads: threads).document() == one)
    }
  }

  @Test func refusesToGoOnInsideAnEpochWithOtherSettings() throws {
    let stopped = try trained(startedModel(), epochs: 1, limit: 2)
    #expect(throws: TrainingError.self) { try trained(stopped, epochs: 1, rate: 0.25) }
  }

  @Test func refusesAModelThatIsFartherThanAsked() throws {
    let model = try trained(startedModel(), epochs: 2)
    #expect(throws: TrainingError.alreadyTrained(epoch: 2, asked: 1)) {
      try trained(model, epochs: 1)
    }
    #expect(try trained(model, epochs: 2).document() == model.document())
  }
}

@Suite struct StartTests {
  @Test func theSameSeedDrawsTheSame() throws {
    #expect(try startedModel(seed: 3).document() == startedModel(seed: 3).document())
    #expect(try startedModel(seed: 3).parameters != startedModel(seed: 4).parameters)
  }

  @Test func givenWeightsAreTakenByName() throws {
    let drawn = try startedModel(dtype: .f64)
    let given = try startModel(
      of: Network(topology: digitsTopology), seed: 1, dtype: .f64,
      .given(drawn.document(), digest: "beef"))
    #expect(given.parameters == drawn.parameters)
    #expect(given.lineage.text == "start weights=beef dtype=f64")
  }

  @Test func refusesWeightsThatAreNotAllThere() throws {
    var document = try startedModel().document()
    document.tensors["dense1.bias"] = nil
    #expect(throws: NetworkError.missing(tensor: "dense1.bias", expected: [3])) {
      try startModel(
        of: Network(topology: digitsTopology), seed: 1, dtype: .f32, .given(document, digest: ""))
    }
    document.tensors["dense1.bias"] = Tensor(zeros: [3], .f32)
    document.tensors["dense9.bias"] = Tensor(zeros: [3], .f32)
    #expect(throws: NetworkError.unexpected(tensor: "dense9.bias")) {
      try startModel(
        of: Network(topology: digitsTopology), seed: 1, dtype: .f32, .given(document, digest: ""))
    }
  }
}
