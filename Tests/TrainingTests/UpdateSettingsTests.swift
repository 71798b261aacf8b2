import Compute
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct UpdateSettingsTests {
  private let workers: ThreadPool
  private var sgd: UpdateSettings
  private let adam: UpdateSettings

  init() throws {
    workers = ThreadPool(count: 1)
    sgd = UpdateSettings(try SGD(rate: 0.5), .mean)
    adam = UpdateSettings(try Adam(rate: 0.5), .mean)
  }

  private func values(_ model: Model, _ name: String) -> [Double]? {
    (model.parameters[name] ?? model.state[name])?.doubles()
  }

  private func learned(_ settings: UpdateSettings, _ gradient: Document = makeLayersGradient())
    throws
    -> Model
  {
    var model = try Model(makeLayers())
    try model.learn(gradient, settings, workers)
    return model
  }

  @Test func statisticsMoveByTheirMeanWhateverTheSettings() throws {
    var settings = UpdateSettings(try AdamW(rate: 0.001), .sum)
    settings.schedule = Schedule(.cosine(epochs: 3, final: 0), warmUp: 1)
    settings.clipping.value = 0.01
    settings.clipping.norm = 0.01
    (settings.penalties.l1, settings.penalties.l2) = (1, 1)
    settings.layers.rates = ["conv1": 9]
    for settings in [sgd, settings] {
      #expect(values(try learned(settings), "conv1.running_mean") == [3.5])
    }
    let names = try learned(settings).state.keys
    #expect(!names.contains { $0.contains("running") })
  }

  @Test func clippingBoundsElementsThenTheNormOfAllLayersWithoutStatistics() throws {
    var settings = sgd
    settings.clipping.value = 3
    #expect(values(try learned(settings), "dense1.weight") == [3, 2.5])
    settings.clipping.norm = 18.0.squareRoot() / 2 - 1e-6 / 2
    // Gradients 3 and 3 of norm √18, halved but for the millionth that PyTorch adds.
    let model = try learned(settings)
    for (name, index, expected) in [("conv1.weight", 0, 0.25), ("dense1.weight", 1, 3.25)] {
      #expect(abs(try #require(values(model, name))[index] - expected) < 1e-6)
    }
  }

  @Test func aNormThatOverflowsIsANumericalFault() throws {
    var settings = sgd
    settings.clipping.norm = 1
    var gradient = makeLayersGradient()
    gradient.tensors["dense1.weight"] = Tensor([1e200, 0] as [Double], shape: [2, 1])
    let fault = #expect(throws: TrainingError.normOverflow) { try learned(settings, gradient) }
    #expect(fault?.isNumerical == true)
    // Infinite squares would stop the weight without a word.
    let adagrad = UpdateSettings(try Adagrad(rate: 1), .mean)
    #expect(throws: TrainingError.self) { try learned(adagrad, gradient) }
  }

  @Test func nothingOfAFrozenLayerChanges() throws {
    var frozen = adam
    frozen.layers.frozen = ["conv1"]
    var model = try learned(frozen)
    #expect(values(model, "conv1.weight") == [1, 2])
    #expect(values(model, "conv1.running_mean") == [4])
    #expect(values(model, "dense1.weight")?[1] != 4)
    #expect(model.state.keys.allSatisfy { $0.hasPrefix("optimizer.dense1.weight.") })
    // What was frozen begins with the first step of its own.
    try model.learn(makeLayersGradient(step: 2), adam, workers)
    #expect(values(model, "conv1.weight") == values(try learned(adam), "conv1.weight"))
    #expect(values(model, "optimizer.conv1.weight.steps") == [1])
    #expect(values(model, "optimizer.dense1.weight.steps") == [2])
    // And what was learned keeps its state while it is frozen.
    let state = model.state.filter { $0.key.contains("conv1") }
    try model.learn(makeLayersGradient(step: 1), frozen, workers)
    #expect(model.state.filter { $0.key.contains("conv1") } == state)
  }

  @Test func theNormIsThatOfWhatLearns() throws {
    var settings = sgd
    settings.layers.frozen = ["conv1"]
    settings.clipping.norm = 4
    // Of both layers it were 5.
    #expect(abs(try #require(values(learned(settings), "dense1.weight"))[1] - 2) < 1e-6)
  }

  @Test func aLayerHasItsOwnRateAndTheSchedulesFactor() throws {
    var settings = sgd
    settings.layers.rates = ["dense1": 0.25]
    settings.schedule = Schedule(warmUp: 2)
    let model = try learned(settings)
    #expect(values(model, "conv1.weight") == [0.625, 2])
    #expect(values(model, "dense1.weight") == [3, 3.75])
  }

  @Test func decayTakesTheRateOfTheStep() throws {
    var settings = sgd
    settings.penalties.decay = 0.5
    settings.schedule = Schedule(warmUp: 1)
    // Half the rate: an eighth of the weight goes, and a quarter of the gradient.
    #expect(values(try learned(settings), "dense1.weight") == [2.625, 2.5])
  }

  @Test func settingsStateOnlyWhatDecides() throws {
    #expect(sgd.description == "sgd rate=0.5 reduce=mean")
    var settings = UpdateSettings(try AdamW(rate: 0.5), .sum)
    settings.schedule = Schedule(.step(every: 2, factor: 0.5), warmUp: 1.5)
    (settings.clipping.value, settings.clipping.norm) = (3, 1)
    settings.penalties.l1 = 0.25
    settings.layers.frozen = ["conv2", "conv1"]
    settings.layers.rates = ["dense2": 1, "dense1": 0.01]
    #expect(
      settings.description
        == "adamw rate=0.5 beta1=0.9 beta2=0.999 epsilon=1e-08 reduce=sum schedule=step "
        + "schedule-every=2 schedule-factor=0.5 warmup-epochs=1.5 clip-value=3 clip-norm=1 l1=0.25 "
        + "weight-decay=0.01 freeze=conv1,conv2 layer-rate=dense1=0.01,dense2=1")
  }

  @Test func refusesLayersThatTheModelHasNot() throws {
    var settings = sgd
    settings.layers.frozen = ["conv1", "conv2"]
    let fault = #expect(throws: TrainingError.self) { try learned(settings) }
    #expect(fault?.description == "--freeze: found layer 'conv2', expected one of: conv1 dense1")
    settings.layers = LayerSettings()
    settings.layers.rates = ["dense": 1]
    #expect(throws: TrainingError.self) { try learned(settings) }
  }

  @Test func aScheduleNeedsThePlaceOfABatch() throws {
    var settings = sgd
    settings.schedule = Schedule(.exponential(factor: 0.5))
    var gradient = makeLayersGradient(epoch: 3)
    #expect(values(try learned(settings, gradient), "dense1.weight") == [3, 3.5])
    gradient[.steps] = "0"
    #expect(throws: DocumentError.self) { try learned(settings, gradient) }
    for key in [Key.epoch, .step, .steps] { gradient[key] = nil }
    #expect(throws: TrainingError.noPlace) { try learned(settings, gradient) }
    #expect(values(try learned(sgd, gradient), "dense1.weight") == [3, 2])
  }
}
