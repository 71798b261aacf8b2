import Compute
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

@Suite struct EpochLossTests {
  private func learned(_ gradients: [Document], by model: Document = makeModel()) throws -> Model {
    var model = try Model(model)
    let settings = UpdateSettings(try optimizer("sgd", rate: 0.1), .mean)
    // Through the document after every step, as a run by hand goes.
    for gradient in gradients {
      try model.learn(gradient, settings, ThreadPool(count: 1))
      model = try Model(model.document())
    }
    return model
  }

  private func gradient(_ step: Int, loss: String?) -> Document {
    var gradient = makeGradient(step: step)
    gradient[.loss] = loss
    return gradient
  }

  @Test func theLossesOfAnEpochAddUpAndTheNextBeginsAnew() throws {
    let first = [0.1, 0.2, 0.3, 0.4].enumerated().map { gradient($0 + 1, loss: "\($1)") }
    let inside = try learned(Array(first.prefix(2)))
    #expect(inside.position == 2)
    #expect(inside.document()[.loss] == "0.30000000000000004")
    #expect(inside.document()[.examples] == "4")
    let whole = try learned(first)
    #expect(whole.position == nil && whole.epochLoss?.examples == 8)
    #expect(whole.epochLoss?.sum == 0.1 + 0.2 + 0.3 + 0.4)
    #expect(whole.epochLoss?.mean == (0.1 + 0.2 + 0.3 + 0.4) / 8)
    var next = gradient(1, loss: "5")
    next[.epoch] = "3"
    #expect(try learned(first + [next]).epochLoss?.sum == 5)
  }

  @Test func whatIsNotKnownOfAPartIsNotKnownOfTheWhole() throws {
    let losses = ["1", nil, "1", "1"]
    let gradients = losses.enumerated().map { gradient($0 + 1, loss: $1) }
    #expect(try learned(Array(gradients.prefix(1))).epochLoss?.sum == 1)
    for count in 2...4 {
      let model = try learned(Array(gradients.prefix(count))).document()
      #expect(model[.loss] == nil && model[.examples] == nil)
    }
    #expect(try learned(gradients + [gradient(1, loss: "7")]).epochLoss?.sum == 7)
  }

  @Test func refusesHalfOfItAndWhatIsNoLoss() throws {
    func message(_ change: (inout Document) -> Void) -> String {
      var document = makeModel()
      (document[.loss], document[.examples]) = ("1.5", "3")
      change(&document)
      let error = #expect(throws: (any Error).self) { try Model(document) }
      return error.map { "\($0)" } ?? ""
    }
    #expect(message { $0[.loss] = nil } == "metadata: 'nn.loss' is missing")
    #expect(message { $0[.examples] = nil } == "metadata: 'nn.examples' is missing")
    #expect(message { $0[.loss] = "nan" } == "nn.loss: found 'nan', expected a finite number")
    #expect(
      message { $0[.examples] = "0" } == "nn.examples: found 0, expected at least one example")
    let error = #expect(throws: TrainingError.self) {
      try learned([gradient(1, loss: "1.5e308"), gradient(2, loss: "1.5e308")])
    }
    #expect(error == .lossOverflow)
  }

  /// The options say what the settings are, to the last bit.
  @Test func settingsAsOptions() throws {
    var settings = UpdateSettings(
      try optimizer("adamw", rate: 0.1, [.beta1: 0.8, .epsilon: 1e-7]), .sum)
    settings.clipping.norm = 0.5
    settings.schedule = Schedule(.step(every: 2, factor: 0.25), warmUp: 1.5)
    settings.layers.frozen = ["a", "b"]
    settings.layers.rates = ["c": 0.01]
    settings.penalties = Penalties(decay: 0)
    #expect(
      settings.options == [
        "--optimizer=adamw", "--rate=0.1", "--beta1=0.8", "--beta2=0.999", "--epsilon=1e-07",
        "--reduce=sum", "--schedule=step", "--schedule-every=2", "--schedule-factor=0.25",
        "--warmup-epochs=1.5", "--clip-norm=0.5", "--freeze=a,b", "--layer-rate=c=0.01",
        "--weight-decay=0",
      ])
  }
}
