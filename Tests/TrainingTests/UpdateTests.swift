import Compute
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct UpdateTests {
  private let mean: UpdateSettings
  private let workers: ThreadPool

  init() throws {
    mean = UpdateSettings(try SGD(rate: 0.1), .mean)
    workers = ThreadPool(count: 1)
  }

  @Test func threeStepsMatchAHandComputation() throws {
    var model = try Model(makeModel([1, 2]))
    // weight − 0.1 · gradient / 2, three times with the same gradient (0.5, −1).
    for step in 1...3 {
      try model.learn(makeGradient([0.5, -1], step: step), mean, workers)
      let weight = try #require(model.parameters["dense1.weight"]).values(of: Double.self)
      #expect(abs(weight[0] - (1 - 0.025 * Double(step))) < 1e-15)
      #expect(abs(weight[1] - (2 + 0.05 * Double(step))) < 1e-15)
    }
  }

  @Test func theSumIsTakenAsItIs() throws {
    var model = try Model(makeModel([1, 2]))
    try model.learn(makeGradient([0.5, -1]), UpdateSettings(SGD(rate: 1), .sum), workers)
    #expect(model.parameters["dense1.weight"]?.values(of: Double.self) == [0.5, 3])
  }

  @Test func theModelKeepsItsPlaceInTheEpoch() throws {
    var model = try Model(makeModel())
    try model.learn(makeGradient(step: 3), mean, workers)
    #expect((model.epoch, model.position, model.step) == (1, 3, 1))
    #expect(model.document()[.position] == "3")
    try model.learn(makeGradient(step: 4), mean, workers)
    #expect((model.epoch, model.position, model.step) == (2, nil, 2))
    #expect(model.document()[.position] == nil)
  }

  @Test func aGradientThatBelongsToNoEpochLeavesTheModelsPlace() throws {
    var gradient = makeGradient(step: 3)
    for key in [Key.epoch, .step, .steps] { gradient[key] = nil }
    var model = try Model(makeModel())
    try model.learn(gradient, mean, workers)
    #expect((model.epoch, model.position, model.step) == (0, nil, 1))
    gradient[.epoch] = "2"
    #expect(throws: DocumentError.missingKey(.step)) { try model.learn(gradient, mean, workers) }
  }

  /// That a gradient is not finite is said before its place is asked for: it was so before.
  @Test func whatIsNotFiniteComesBeforeTheSchedule() throws {
    var settings = mean
    settings.schedule = Schedule(.cosine(epochs: 2, final: 0.1))
    for isFinite in [true, false] {
      var gradient = makeGradient([0.5, isFinite ? 1 : .nan])
      for key in [Key.epoch, .step, .steps] { gradient[key] = nil }
      var model = try Model(makeModel())
      let error = #expect(throws: (any Error).self) {
        try model.learn(gradient, settings, workers)
      }
      #expect((error as? TrainingError == .noPlace) == isFinite)
      #expect((error as? any Fault)?.isNumerical == !isFinite)
    }
  }

  @Test func theLineageHasALineForEveryChangeOfSettings() throws {
    var model = try Model(makeModel())
    let other = UpdateSettings(try SGD(rate: 0.5), .sum)
    for settings in [mean, mean, other, mean] { try model.learn(makeGradient(), settings, workers) }
    let start = "data=abc size=2 shuffle=yes seed=7"
    #expect(
      model.lineage.text.split(separator: "\n") == [
        "start seed=1 dtype=f64",
        "step=0 \(start) sgd rate=0.1 reduce=mean",
        "step=2 \(start) sgd rate=0.5 reduce=sum",
        "step=3 \(start) sgd rate=0.1 reduce=mean",
      ])
    #expect(model.document()[.optimizer] == "sgd rate=0.1 reduce=mean")
  }

  @Test func aModelSavedBetweenStepsGoesOnTheSame() throws {
    var straight = try Model(makeModel())
    var saved = try Model(makeModel())
    for step in 1...4 {
      try straight.learn(makeGradient(step: step), mean, workers)
      try saved.learn(makeGradient(step: step), mean, workers)
      saved = try Model(saved.document())
    }
    #expect(straight.document() == saved.document())
  }

  @Test func refusesWhatDoesNotBelongToTheModel() throws {
    let model = try Model(makeModel())
    func message(_ change: (inout Document) -> Void) throws -> String {
      var gradient = makeGradient()
      change(&gradient)
      var copy = model
      let error = #expect(throws: (any Error).self) { try copy.learn(gradient, mean, workers) }
      #expect(copy.document() == model.document())
      return error.map { "\($0)" } ?? ""
    }
    #expect(
      try message { $0.tensors["dense1.weight"] = nil }
        == "tensor 'dense1.weight' is missing from the gradient")
    #expect(
      try message { $0.tensors["dense1.weight"] = Tensor([1, 2] as [Double], shape: [2, 1]) }
        == "tensor 'dense1.weight': found shape [2, 1], expected [1, 2] as in the model")
    #expect(
      try message { $0.tensors["dense1.weight"] = Tensor([1, 2] as [Float], shape: [1, 2]) }
        == "tensor 'dense1.weight': found F32, expected F64 as in the model")
    #expect(
      try message { $0.tensors["dense2.weight"] = Tensor([1] as [Double]) }
        == "tensor 'dense2.weight': the model has no such parameter")
    #expect(
      try message { $0[.topology] = "other" }
        == "nn.topology: the gradient is of another network than the model")
    #expect(
      try message { $0[.examples] = "0" } == "nn.examples: found 0, expected at least one example")
    #expect(
      try message { $0[.kind] = "batch" }
        == "found a batch, expected a gradient (nn-backprop writes one)")
    #expect(
      try message { $0.tensors["dense1.weight"] = Tensor([.nan, 2] as [Double], shape: [1, 2]) }
        == "tensor 'dense1.weight': found nan at [0, 0], expected finite numbers")
  }

  @Test func deltasForPeopleToLookAtAreNoParameters() throws {
    var gradient = makeGradient()
    for name in ["error", "derivative", "delta"] {
      gradient.tensors["dense1.\(name)"] = Tensor([1] as [Double])
    }
    var model = try Model(makeModel())
    try model.learn(gradient, mean, workers)
    #expect(model.parameters.count == 1)
  }

  @Test func aWeightThatLeavesTheFiniteNumbersIsANumericalFault() throws {
    var model = try Model(makeModel([.greatestFiniteMagnitude, 0]))
    let error = #expect(throws: TrainingError.self) {
      try model.learn(
        makeGradient([-.greatestFiniteMagnitude, 0]), UpdateSettings(SGD(rate: 1), .sum), workers)
    }
    #expect(error?.isNumerical == true)
    #expect(
      error?.description
        == "after the correction: tensor 'dense1.weight': found inf at [0, 0], expected finite numbers"
    )
  }

  @Test func gradientsAddUpToThatOfTheWholeBatch() throws {
    var sum = try GradientSum(ThreadPool(count: 1))
    try sum.add(makeGradient([0.5, -1], step: 1))
    try sum.add(makeGradient([0.25, 4], step: 2))
    let total = try sum.result()
    #expect(try total.tensor("dense1.weight").values(of: Double.self) == [0.75, 3])
    #expect(try total.integer(.examples) == 4)
    #expect(try total.number(.loss) == 6)
    #expect(total[.step] == "2")
  }

  @Test func refusesToAddWhatItCannotAdd() throws {
    var sum = try GradientSum(ThreadPool(count: 1))
    var gradient = makeGradient()
    for dtype in [DType.i32, .bool, .f16, .c64] {
      gradient.tensors["dense1.weight"] = Tensor(zeros: [1, 2], dtype)
      #expect(
        throws: DocumentError.wrongDType("dense1.weight", found: dtype, expected: "F32 or F64")
      ) { try sum.add(gradient) }
    }
    gradient = makeGradient()
    gradient[.loss] = "1.7e308"
    try sum.add(gradient)
    let fault = #expect(throws: TrainingError.lossOverflow) { try sum.add(gradient) }
    #expect(fault?.isNumerical == true)
  }

  @Test func refusesToAddWhatIsNoFiniteSumOfExamples() throws {
    var sum = try GradientSum(ThreadPool(count: 1))
    var gradient = makeGradient([.nan, 0])
    #expect(throws: DocumentError.self) { try sum.add(gradient) }
    gradient = makeGradient()
    gradient[.examples] = "0"
    #expect(throws: TrainingError.noExamples) { try sum.add(gradient) }
    gradient = makeGradient()
    gradient.tensors["dense1.delta"] = Tensor([1] as [Double])
    #expect(throws: DocumentError.self) { try sum.add(gradient) }
    #expect(throws: TrainingError.noGradients) { try sum.result() }

    try sum.add(makeGradient([.greatestFiniteMagnitude, 0]))
    let overflow = #expect(throws: TrainingError.self) {
      try sum.add(makeGradient([.greatestFiniteMagnitude, 0]))
    }
    #expect(overflow?.isNumerical == true)
  }

  @Test func refusesToAddWhatDiffers() throws {
    var sum = try GradientSum(ThreadPool(count: 1))
    #expect(throws: TrainingError.noGradients) { try sum.result() }
    try sum.add(makeGradient())
    var other = makeGradient()
    other[.topology] = "other"
    #expect(
      throws: DocumentError.differs(
        .topology, found: "other", expected: "net", of: "the first gradient")
    ) { try sum.add(other) }
    other = makeGradient()
    other.tensors["dense1.bias"] = Tensor([1] as [Double])
    #expect(
      throws: TrainingError.otherTensors(
        found: ["dense1.bias", "dense1.weight"], expected: ["dense1.weight"])
    ) { try sum.add(other) }
    other = makeGradient()
    other.tensors["dense1.weight"] = Tensor([1, 2] as [Double], shape: [2, 1])
    #expect(throws: DocumentError.self) { try sum.add(other) }
  }
}
