import Compute
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct OptimizerStateTests {
  private let workers: ThreadPool
  private let adam: UpdateSettings

  init() throws {
    workers = ThreadPool(count: 1)
    adam = UpdateSettings(try Adam(rate: 0.5), .mean)
  }

  private func settings(_ rule: String) throws -> UpdateSettings {
    UpdateSettings(try optimizer(rule, rate: 0.5), .mean)
  }

  private func message(_ change: (inout Document) -> Void, rule: String = "adam") throws -> String {
    var model = try Model(makeLayers())
    try model.learn(makeLayersGradient(), adam, workers)
    var document = model.document()
    change(&document)
    model = try Model(document)
    let settings = try settings(rule)
    let error = #expect(throws: (any Error).self) {
      try model.learn(makeLayersGradient(step: 2), settings, workers)
    }
    return error.map { "\($0)" } ?? ""
  }

  @Test func refusesStateThatIsNotTheRules() throws {
    let (weight, drop) = ("optimizer.dense1.weight", "(--reset-optimizer drops")
    var found = try message({ _ in }, rule: "sgd")
    #expect(
      found
        == "tensor 'optimizer.conv1.weight.first_moment': not of the rule sgd for this model "
        + "\(drop) it)")
    found = try message { $0.tensors["optimizer.dense9.weight.steps"] = Tensor([1] as [Double]) }
    #expect(
      found
        == "tensor 'optimizer.dense9.weight.steps': not of the rule adam for this model \(drop) it)"
    )
    found = try message { $0.tensors["\(weight).second_moment"] = nil }
    #expect(
      found
        == "tensor '\(weight).second_moment' is missing, but the model holds others of the rule "
        + "adam \(drop) them)")
    found = try message { $0.tensors["\(weight).first_moment"] = Tensor(zeros: [1, 2], .f64) }
    #expect(
      found
        == "tensor '\(weight).first_moment': found shape [1, 2], expected [2, 1] as "
        + "'dense1.weight' has it")
    found = try message { $0.tensors["\(weight).steps"] = Tensor([1] as [Double]) }
    #expect(found == "tensor '\(weight).steps': found shape [1], expected [], a count")
    found = try message { $0.tensors["\(weight).steps"] = Tensor([0.5] as [Double], shape: []) }
    #expect(found == "tensor '\(weight).steps': found 0.5, expected a whole number above 0")
  }

  @Test func rulesThatKeepTheSameGoOnFromOneAnother() throws {
    for (first, second) in [("adam", "adamw"), ("momentum", "nesterov")] {
      var model = try Model(makeLayers())
      try model.learn(makeLayersGradient(), settings(first), workers)
      let names = model.state.keys.sorted()
      try model.learn(makeLayersGradient(step: 2), settings(second), workers)
      #expect(model.state.keys.sorted() == names)
    }
  }

  @Test func aResetBeginsAnewAndIsInTheLineage() throws {
    var model = try Model(makeLayers())
    model.resetOptimizer()
    #expect(model.lineage.text == "")
    try model.learn(makeLayersGradient(), settings("momentum"), workers)
    model.resetOptimizer()
    let weight = model.parameters
    try model.learn(makeLayersGradient(step: 2), adam, workers)
    #expect(model.state["optimizer.dense1.weight.steps"]?.doubles() == [1])
    #expect(model.parameters != weight)
    #expect(
      model.lineage.text.split(separator: "\n").map { $0.prefix(24) } == [
        "step=0 momentum rate=0.5", "step=1 reset-optimizer", "step=1 adam rate=0.5 bet",
      ])
  }

  /// As Adam's first step is rate · sign, whatever the gradient's size, a step that was counted wrong shows.
  @Test func aModelThatAnotherRuleHasTrainedBeginsWithTheFirstStep() throws {
    var model = try Model(makeLayers())
    for step in 1...2 { try model.learn(makeLayersGradient(step: step), settings("sgd"), workers) }
    let before = try #require(model.parameters["dense1.weight"]).doubles()[1]
    try model.learn(makeLayersGradient(epoch: 2), adam, workers)
    let after = try #require(model.parameters["dense1.weight"]).doubles()[1]
    #expect(abs(before - after - 0.5) < 1e-8)
  }
}

@Suite struct ValidationLossTests {
  private let workers: ThreadPool
  private var plateau: UpdateSettings

  init() throws {
    workers = ThreadPool(count: 1)
    plateau = UpdateSettings(try SGD(rate: 0.5), .mean)
    plateau.schedule = Schedule(.plateau(factor: 0.5, patience: 0))
  }

  @Test func theRateIsHalvedByWhatTheModelKnows() throws {
    var model = try Model(makeLayers())
    var rates = [Double]()
    for epoch in 1...4 {
      if epoch > 1 { try model.note(validationLoss: epoch == 2 ? 1 : 2) }
      for step in 1...2 {
        let before = try #require(model.parameters["dense1.weight"]).doubles()[1]
        try model.learn(makeLayersGradient(epoch: epoch, step: step), plateau, workers)
        let after = try #require(model.parameters["dense1.weight"]).doubles()[1]
        rates.append((before - after) / 4)
        model = try Model(model.document())
      }
    }
    #expect(rates == [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125])
    #expect(model.document()[.validation] == "1=1 2=2 3=2")
    #expect(model.lineage.text.split(separator: "\n").count == 1)
  }

  @Test func refusesAMissingLossAndASecondOne() throws {
    var model = try Model(makeLayers())
    #expect(throws: TrainingError.nothingToValidate) { try model.note(validationLoss: 1) }
    for step in 1...2 { try model.learn(makeLayersGradient(step: step), plateau, workers) }
    #expect(throws: ScheduleError.noLoss(epoch: 1)) {
      try model.learn(makeLayersGradient(epoch: 2), plateau, workers)
    }
    try model.note(validationLoss: 0.5)
    try model.note(validationLoss: 0.5)
    let fault = #expect(throws: TrainingError.self) { try model.note(validationLoss: 0.4) }
    #expect(
      fault?.description == "nn.validation: found 0.4 for epoch 1, expected 0.5 as before")
    try model.learn(makeLayersGradient(epoch: 2), plateau, workers)
  }

  @Test(arguments: ["x", "1", "1=x", "0=1", "1=1 1=2", "2=1 1=1", "1=1.0", "1=inf"])
  func refusesMalformedLosses(_ text: String) {
    var document = makeLayers()
    document[.validation] = text
    #expect(throws: DocumentError.self) { try Model(document) }
  }
}
