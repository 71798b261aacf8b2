import Compute
import Networks
import Optimizers
import Safetensors
import Tensors
import Testing

@testable import Training

/// The trainer against the stages that it stands for, handed their documents one by one.
@Suite struct TrainerRouteTests {
  /// A way of training that comes through code of its own.
  struct Training: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let topology: String
    var dtype = DType.f32
    var rule = "sgd"
    var size: Int? = 6
    var examples = 20
    var isShuffled = true
    var augmentation: Augmentation?
    var change: @Sendable (inout UpdateSettings) -> Void = { _ in }

    var settings: UpdateSettings {
      get throws {
        var settings = UpdateSettings(try optimizer(rule, rate: 0.05), .mean)
        change(&settings)
        return settings
      }
    }
  }

  static let trainings: [Training] = {
    let plain = """
      input 1x4x4
      scale 1/8 offset=-0.3
      dense 7 relu
      dense 5 gelu
      dense 4 softmax
      loss cross-entropy
      """
    let every = """
      input 1x4x4
      scale 1/8
      conv 2 3x3 pad=1 bias=no
      batchnorm relu name=trunk
      conv 2 3x3 pad=1
      add trunk relu
      maxpool 2x2 name=largest
      avgpool 2x2 from=add1
      concat largest
      dropout 0.3
      gru 3 return=all
      layernorm
      dense 4 softmax
      loss cross-entropy smoothing=0.1
      """
    // The first layer's output has takers of every kind: in place and not, and two that give errors in place.
    let forked = """
      input 1x4x4
      dense 6 tanh name=trunk
      dense 6 identity name=left
      dense 6 identity from=trunk
      add left
      add trunk
      dense 4 sigmoid
      loss squared
      """
    // Of the input's two takers one cannot take bytes.
    let shared = """
      input 1x4x4
      scale 1/8 name=small
      dense 16 from=input
      reshape 1x4x4
      add small
      dense 4 softmax
      loss cross-entropy
      """
    // Layers that keep the examples side by side in registers, before and behind others that do not: forks, rectifiers that are
    // left to the next layer and that are not, sums that are read once more, three that take from one, a last layer that could.
    let pictures = """
      input 1x4x4
      scale 1/8
      conv 3 3x3 pad=1 relu
      maxpool 2x2 stride=1
      conv 17 3x3 pad=1 bias=no name=trunk
      batchnorm relu
      conv 18 3x3 pad=1 gelu name=wide
      batchnorm epsilon=1e-3 relu name=left
      maxpool 2x2 stride=1 pad=1
      conv 4 2x2 stride=2 relu name=forked
      maxpool 2x2 from=forked
      conv 4 2x2 from=forked
      add maxpool3
      relu
      conv 4 1x1 relu name=three
      avgpool 1x1 name=mean
      conv 4 1x1 from=three name=top
      avgpool 1x1 from=three tanh
      add mean top
      dense 32 relu
      reshape 2x4x4
      conv 2 3x3 groups=2
      batchnorm
      conv 4 2x2 sigmoid
      loss squared
      """
    // Rectifiers before a maxpool: of a sum, of batchnorm, on a line of their own, all left to it; and before one that has
    // too many takers to be in registers itself.
    let rectified = """
      input 1x4x4
      scale 1/8
      conv 3 3x3 pad=1
      maxpool 2x2 stride=1 relu name=first
      conv 3 3x3 pad=1
      add first relu
      maxpool 2x2 stride=1
      batchnorm relu
      maxpool 1x1
      conv 4 1x1
      relu
      maxpool 2x2 stride=1 pad=1
      conv 4 1x1 relu
      maxpool 2x2 stride=1 name=taken
      conv 4 1x1 name=a
      conv 4 1x1 from=taken name=b
      conv 4 1x1 from=taken
      add a b
      add add2 add2
      dense 4 softmax
      loss cross-entropy
      """
    // The last line changes nothing but the shape.
    let reshaped = "input 1x4x4\nscale 1/255\ndense 4\nreshape 1x4\nloss squared\n"
    var augmentation = Augmentation()
    augmentation.shift = -1...1
    augmentation.noise = 0.1...0.2
    return [
      Training(testDescription: "plain", topology: plain),
      Training(testDescription: "plain in F64", topology: plain, dtype: .f64),
      Training(testDescription: "all at once", topology: plain, size: nil, isShuffled: false),
      Training(testDescription: "forked", topology: forked),
      Training(testDescription: "reshaped", topology: reshaped),
      Training(testDescription: "reshaped in F64", topology: reshaped, dtype: .f64),
      Training(testDescription: "shared", topology: shared),
      Training(testDescription: "shared in F64", topology: shared, dtype: .f64),
      Training(
        testDescription: "every", topology: every, rule: "adam", augmentation: augmentation
      ) {
        $0.schedule = Schedule(.cosine(epochs: 2, final: 0.1), warmUp: 0.5)
        $0.clipping.norm = 0.5
      },
      Training(testDescription: "frozen", topology: every, rule: "momentum") {
        $0.layers.frozen = ["conv1", "trunk"]
        $0.layers.rates = ["gru1": 0.01]
        $0.penalties.l1 = 0.01
        $0.penalties.decay = 0.1
      },
      Training(
        testDescription: "rectified", topology: rectified, rule: "momentum", size: 16,
        examples: 64),
      Training(testDescription: "pictures", topology: pictures, size: 16, examples: 64),
      Training(
        testDescription: "pictures of odd batches", topology: pictures, size: 16, examples: 53),
      Training(
        testDescription: "pictures in F64", topology: pictures, dtype: .f64, size: 16, examples: 64),
      Training(testDescription: "every, 16 at a time", topology: every, size: 16, examples: 64),
    ]
  }()

  private static func dataset(_ count: Int = 20) throws -> Dataset {
    var document = Document(kind: .dataset)
    document.tensors["input"] = Tensor(
      (0..<count * 16).map { UInt8($0 * 7919 % 251) }, shape: [count, 4, 4])
    document.tensors["target"] = Tensor((0..<count).map { UInt8($0 * 5 % 4) })
    document.metadata["author"] = "me"
    return try Dataset(document)
  }

  private static func documents(
    _ training: Training, _ model: Model, epochs: Int, on dataset: Dataset,
    _ signals: Forward.TraceKind = .outputs
  ) throws -> (models: [Document], losses: [Double]) {
    let (workers, settings) = (ThreadPool(count: 1), try training.settings)
    var model = model
    var forward = try Forward(model, workers)
    var backprop = Backprop(workers)
    var (models, losses) = ([Document](), [Double]())
    let batching = Batching(size: training.size, isShuffled: training.isShuffled, seed: 4)
    for number in 1...epochs {
      let epoch = Epoch(number, of: InMemoryDataset(dataset, digest: "abc"), batching)
      for step in 1...epoch.steps {
        var batch = try epoch.batch(step)
        if let augmentation = training.augmentation {
          batch = try augmentation.distorted(batch, workers)
        }
        let prepared = try forward.prepared(batch, .training, signals)
        try forward.follow(model.document())
        let gradient = try backprop.gradient(of: sent(forward.trace(of: prepared)))
        try model.learn(gradient, settings, workers)
        models.append(model.document())
        losses.append(try gradient.number(.loss) / Double(gradient.integer(.examples)))
      }
    }
    return (models, losses)
  }

  /// A document as who reads it has it.
  private static func sent(_ document: Document) throws -> Document {
    var rest = document.encoded()[...]
    let received = try Document.read { room in
      let part = rest.prefix(room.count)
      room.copyBytes(from: part)
      rest = rest.dropFirst(part.count)
      return part.count
    }
    return try #require(received)
  }

  private static func trainer(
    _ training: Training, _ model: Model, on dataset: Dataset, threads: Int = 2
  ) throws -> Trainer {
    var trainer = try Trainer(
      model, on: InMemoryDataset(dataset, digest: "abc"),
      Batching(size: training.size, isShuffled: training.isShuffled, seed: 4), training.settings,
      ThreadPool(count: threads), distorting: training.augmentation)
    // However few numbers a batch has.
    trainer.fewestNumbersAhead = 0
    return trainer
  }

  @Test(arguments: trainings) func everyStepIsThatOfTheDocuments(_ training: Training) throws {
    let model = try startedModel(training.topology, dtype: training.dtype)
    let dataset = try Self.dataset(training.examples)
    let expected = try Self.documents(training, model, epochs: 2, on: dataset)
    #expect(expected.models.count == (training.size == nil ? 2 : 8))

    var trainer = try Self.trainer(training, model, on: dataset)
    var losses = [Double]()
    for (step, document) in expected.models.enumerated() {
      try trainer.run(untilEpoch: 2, limit: 1) { losses.append($0.loss) }
      #expect(trainer.model.document() == document, "after step \(step + 1)")
    }
    #expect(losses == expected.losses)

    for threads in 1...3 {
      var straight = try Self.trainer(training, model, on: dataset, threads: threads)
      losses = []
      try straight.run(untilEpoch: 2) { losses.append($0.loss) }
      #expect(straight.model.document() == expected.models.last, "\(threads) threads")
      #expect(losses == expected.losses, "\(threads) threads")
    }
  }

  @Test(arguments: trainings) func briefTracesTrainTheSame(_ training: Training) throws {
    let model = try startedModel(training.topology, dtype: training.dtype)
    let dataset = try Self.dataset(training.examples)
    let expected = try Self.documents(training, model, epochs: 2, on: dataset)
    let found = try Self.documents(training, model, epochs: 2, on: dataset, .brief)
    #expect(found.models == expected.models && found.losses == expected.losses)
  }

  /// What a batch brings along under the names of signals does not take their place.
  @Test func aBriefTraceHasItsOwnSignals() throws {
    let model = try startedModel("input 4\ndense 3 relu\ndense 2 softmax\nloss cross-entropy\n")
    var forward = try Forward(model, makeWorkers())
    var backprop = Backprop(try makeWorkers())
    var gradients = [Document]()
    for isStrange in [false, true] {
      var batch = makeBatch(5)
      if isStrange {
        batch.tensors["dense1.output"] = Tensor(zeros: [5, 3], .f32)
        batch.tensors["dense2.weight"] = Tensor(zeros: [2, 3], .f32)
      }
      let trace = try forward.trace(of: forward.prepared(batch, .training, .brief))
      gradients.append(try backprop.gradient(of: trace))
    }
    #expect(gradients[0] == gradients[1])
  }

  @Test(arguments: trainings) func savedAfterAnyStepItGoesOnTheSame(_ training: Training) throws {
    let model = try startedModel(training.topology, dtype: training.dtype)
    let dataset = try Self.dataset(training.examples)
    var straight = try Self.trainer(training, model, on: dataset)
    try straight.run(untilEpoch: 2) { _ in }
    for limit in 0...7 {
      var first = try Self.trainer(training, model, on: dataset)
      try first.run(untilEpoch: 2, limit: limit) { _ in }
      var second = try Self.trainer(training, Model(first.model.document()), on: dataset)
      try second.run(untilEpoch: 2) { _ in }
      #expect(second.model.document() == straight.model.document(), "stopped after \(limit)")
    }
  }

  /// Whoever stops a training, a signal or a limit of time, is asked before every step, and the model is where a limit of as
  /// many steps leaves it.
  @Test(arguments: [1, 2]) func isStoppedBeforeWhicheverStepIsNotWanted(_ threads: Int) throws {
    let topology = "input 1x4x4\ndense 4 softmax\nloss cross-entropy\n"
    let dataset = try Self.dataset()
    let training = Training(testDescription: "", topology: topology, rule: "sgd", size: 7)
    let start = try startedModel(topology)
    func run(_ stop: Int?, limit: Int?) throws -> (Trainer.Ending, made: Int, Document) {
      var trainer = try Self.trainer(training, start, on: dataset, threads: threads)
      var made = 0
      let ending = try trainer.run(
        untilEpoch: 2, limit: limit, isStopped: { made == stop }
      ) { _ in made += 1 }
      return (ending, made, trainer.model.document())
    }
    let (ending, steps, _) = try run(nil, limit: nil)
    #expect(ending == .finished && steps > 4)
    for stop in 0..<steps {
      let (ending, made, model) = try run(stop, limit: nil)
      #expect(ending == .stopped && made == stop)
      #expect(try model == run(nil, limit: stop).2)
    }
  }

  /// Every rule with every schedule, on the documents that a file would hold.
  @Test(arguments: optimizerWords)
  func interruptedAtEveryStepEveryScheduleGoesOnTheSame(_ rule: String) throws {
    let topology =
      "input 1x4x4\nscale 1/8\ndense 3 tanh\nbatchnorm\ndense 4 softmax\nloss cross-entropy\n"
    let schedules: [Schedule] = [
      Schedule(), Schedule(.step(every: 1, factor: 0.5)), Schedule(.exponential(factor: 0.9)),
      Schedule(.cosine(epochs: 2, final: 0.1)), Schedule(.oneCycle(epochs: 2)),
      Schedule(.plateau(factor: 0.5, patience: 0)), Schedule(.constant, warmUp: 1.5),
    ]
    let dataset = try Self.dataset()
    for schedule in schedules {
      let training = Training(testDescription: "", topology: topology, rule: rule, size: 7) {
        $0.schedule = schedule
      }
      /// From wherever the model is to the end of the second epoch, with pieces of so many steps.
      func trained(_ model: Model, pieces: [Int]) throws -> Document {
        var model = model
        for piece in pieces + [.max] {
          for last in model.epoch + 1...max(model.epoch + 1, 2) where last <= 2 {
            if schedule.needsValidation, model.epoch > 0, model.position == nil {
              try model.note(validationLoss: 1)
            }
            var trainer = try Self.trainer(training, model, on: dataset, threads: 1)
            let ending = try trainer.run(
              untilEpoch: schedule.needsValidation ? last : 2, limit: piece
            ) { _ in }
            model = try Model(trainer.model.document())
            if ending == .limit { break }
          }
        }
        return model.document()
      }
      let start = try startedModel(topology)
      let whole = try trained(start, pieces: [])
      #expect(whole[.epoch] == "2" && whole[.step] == "6")
      for step in 1...5 {
        #expect(try trained(start, pieces: [step]) == whole, "\(schedule.words) after \(step)")
      }
      #expect(
        try trained(start, pieces: [1, 1, 1, 1, 1]) == whole, "\(schedule.words) step by step")
    }
  }

  @Test func noStepChangesNothing() throws {
    let model = try startedModel(Self.trainings[0].topology)
    var trainer = try Self.trainer(Self.trainings[0], model, on: Self.dataset())
    try trainer.run(untilEpoch: 2, limit: 0) { _ in }
    #expect(trainer.model.document() == model.document())
  }

  /// A way to leave the finite numbers, at which step, and the tensor where that is first seen.
  struct Failure: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var step = 1
    var weights: [Float] = [1, 1, 1, 1]
    var rate = 0.5
    var input: [Float] = [1, 1, 1, 1]
    var target: [Float] = [0, 0]
    /// Whether it is arithmetic, and not the data.
    var isNumerical = true
    var rule = "sgd"
    var schedule = Schedule()
  }

  static let failures = [
    Failure(
      testDescription: "tensor 'input'", step: 2, input: [1, 1, 1, .nan], isNumerical: false),
    Failure(
      testDescription: "tensor 'target'", step: 2, target: [0, .infinity], isNumerical: false),
    Failure(testDescription: "tensor 'output'", weights: [3e38, 3e38, 1, 1]),
    // Steps are made again, and a batch behind it was made ready.
    Failure(
      testDescription: "tensor 'output'", step: 3, rate: 1e-6,
      input: [1, 1, 2, 1, 3e38, 3e38, 1, 1], target: [0, 0, 0, 0]),
    Failure(testDescription: "tensor 'loss'", weights: [1e30, 1, 1, 1]),
    Failure(
      testDescription: "tensor 'dense1.weight'", weights: [1e19, 0, 0, 0],
      input: [1, 1e20, 1, 1]),
    // The gradient was there before the schedule was asked.
    Failure(
      testDescription: "tensor 'dense1.weight'", weights: [1e19, 0, 0, 0],
      input: [1, 1e20, 1, 1], schedule: Schedule(.cosine(epochs: 0, final: 0))),
    Failure(
      testDescription: "after the correction: tensor 'dense1.bias'", weights: [1e15, 0, 0, 0],
      rate: 1e30),
    Failure(
      testDescription: "after the correction: tensor 'optimizer.dense1.weight.second_moment'",
      weights: [1e10, 0, 0, 0], input: [1, 1e12, 1, 1], rule: "adam"),
  ]

  /// What stops the trainer is what stops the stages, with the step before it and, of arithmetic, layer and row behind it.
  @Test(arguments: failures) func stopsWithTheSameWords(_ failure: Failure) throws {
    let topology = "input 2\ndense 2 identity\ndense 1 identity bias=no\nloss squared\n"
    var document = Document(kind: .dataset)
    let rows = failure.target.count
    document.tensors["input"] = Tensor(failure.input, shape: [rows, 2])
    document.tensors["target"] = Tensor(failure.target, shape: [rows, 1])
    let dataset = try Dataset(document)
    var model = try startedModel(topology)
    model.parameters["dense1.weight"] = Tensor(failure.weights, shape: [2, 2])
    model.parameters["dense2.weight"] = Tensor([1, 1] as [Float], shape: [1, 2])
    var update = UpdateSettings(try optimizer(failure.rule, rate: failure.rate), .sum)
    update.schedule = failure.schedule
    let settings = update
    let training = Training(
      testDescription: "", topology: topology, size: 1, isShuffled: false
    ) { $0 = settings }

    var trainer = try Self.trainer(training, model, on: dataset)
    let found = #expect(throws: (any Error).self) { try trainer.run(untilEpoch: 1) { _ in } }
    let expected = #expect(throws: (any Error).self) {
      _ = try Self.documents(training, model, epochs: 1, on: dataset)
    }
    let words = expected.map { "\($0)" } ?? ""
    #expect(words.hasPrefix(failure.testDescription))
    let layer = failure.testDescription == "tensor 'loss'" ? "dense2" : "dense1"
    let isNumerical = (expected as? any Fault)?.isNumerical == true
    #expect(isNumerical == failure.isNumerical)
    #expect(
      found.map { "\($0)" } == "epoch 1: step \(failure.step): \(words)"
        + (isNumerical ? ": layer '\(layer)', row \(failure.step - 1)" : ""))
    #expect((trainer.failedBatch != nil) == isNumerical)
  }
}
