import Compute
import Layers
import Networks
import Optimizers
import Safetensors
import Tensors

/// The ring in one process: the same layers, losses and updates in the same steps, without documents between them.
///
/// `step` is one step of training from top to bottom. Tensors are in memory that every step uses again; the model is put
/// together after the last one.
public struct Trainer {
  /// The model as the last `run` left it; after one that threw a numerical fault, as it was before that step, and after one
  /// that threw another it is of no use.
  public private(set) var model: Model
  /// The batch of the step that left the finite numbers, as the network was given it; nil when none did.
  public private(set) var failedBatch: Document?
  private let network: Network
  private let data: any TrainingData
  private let batching: Batching
  private let augmentation: Augmentation?
  private let settings: UpdateSettings
  private let workers: ThreadPool
  private let memoryLimit: Int
  /// Whether the targets are class ids, looked up once as every epoch asks for it.
  private let hasClassIDs: Bool
  private var executor: Executor
  private var updater: Updater
  private var examples: TrainingExamples
  /// nil where no batch is made ready in advance.
  private var prefetch: Prefetch?
  /// How many numbers the input of a batch must have to be prefetched.
  var fewestNumbersAhead = Prefetch.fewestNumbers
  /// The context of a network that draws nothing.
  private let context: Context
  private var isKnownToLearn = false
  /// The sizes of batches that all layers can be trained on.
  private var knownToFit: [Int] = []
  /// A model of one of the last steps. Updates change weights where they lie; what one that leaves the finite numbers made of
  /// them cannot be undone, but the steps from here on can be repeated.
  private var checkpoint: Model?
  /// The steps between two checkpoints: the weights are copied once in so many.
  static let checkpointInterval = 1024

  /// - Parameters:
  ///   - augmentation: how every batch is distorted; nil for not at all.
  ///   - memoryLimit: the most bytes that a batch's tensors may take; see `Executor.admit`.
  /// - Throws: as `Forward.init`.
  public init(
    _ model: Model, on data: any TrainingData, _ batching: Batching,
    _ settings: UpdateSettings, _ workers: ThreadPool, distorting augmentation: Augmentation? = nil,
    memoryLimit: Int = .max
  ) throws {
    network = try Network(topology: model.topology)
    try network.checkParameters(model.parameters)
    self.model = model
    self.data = data
    self.batching = batching
    self.augmentation = augmentation
    self.settings = settings
    self.workers = workers
    self.memoryLimit = memoryLimit
    hasClassIDs = data.outline.target?.dtype.isInteger == true
    context = Context(.training, workers)
    executor = Executor(network, .training, model.dtype, keeping: .training)
    executor.use(model.parameters)
    updater = try Updater(of: model, named: executor.parameterNames, settings)
    examples = TrainingExamples(for: network, dtype: model.dtype)
  }

  /// Trains until the model has finished epoch `last`, or ends earlier, always between two steps.
  ///
  /// A model that stopped inside an epoch goes on at its next batch, wherever that was.
  /// - Parameters:
  ///   - limit: the number of steps; nil for as many as there are.
  ///   - goal: the loss that the mean over an epoch's examples is to fall below, judged at the end of each; nil for none.
  ///   - isStopped: asked before every step whether it shall not be made.
  ///   - report: called after every step.
  /// - Throws: `TrainingError` when the model is beyond `last`, stopped inside an epoch of other settings, or cannot tell
  ///   whether it reaches the goal; `DocumentError.missingTensor` for a dataset without targets; whatever the stages throw.
  @discardableResult
  public mutating func run(
    untilEpoch last: Int, limit: Int? = nil, belowLoss goal: Double? = nil,
    isStopped: () -> Bool = { false }, report: (Step) -> Void
  ) throws -> Ending {
    guard model.epoch <= last else {
      throw TrainingError.alreadyTrained(epoch: model.epoch, asked: last)
    }
    guard data.outline.target != nil else {
      throw DocumentError.missingTensor(Role.target, kind: .dataset)
    }
    if goal != nil && model.position != nil && model.epochLoss == nil {
      throw TrainingError.noEpochLoss
    }
    var remaining = limit ?? .max
    (checkpoint, failedBatch) = (nil, nil)
    // Until the end only the executor has the parameters, and need not copy what it changes.
    model.parameters = [:]
    defer {
      prefetch = nil
      model = wholeModel()
    }
    if model.epoch == last { return .finished }
    var epoch = Epoch(model.epoch + 1, of: data, batching)
    if workers.count > 1 && epoch.steps > 1 && remaining > 1 {
      prefetch = Prefetch(
        for: network, dtype: model.dtype, examples: epoch.examples(in: 1),
        numbers: fewestNumbersAhead, memoryLimit: memoryLimit)
    }
    while model.epoch < last {
      if remaining == 0 { return .limit }
      if isStopped() { return .stopped }
      epoch.become(model.epoch + 1)
      var position = model.position ?? 0
      if position > 0 { try requireSameSettings(epoch, position) }
      if let goal, position == 0, hasReached(goal, before: epoch) { return .goal }
      if position < epoch.steps { try checkMemory(of: epoch.examples(in: position + 1)) }
      if epoch.steps - position <= remaining {
        try checkTraining(on: epoch.examples(in: epoch.steps), of: "the epoch's last batch")
      }
      while position < epoch.steps {
        if remaining == 0 { return .limit }
        if isStopped() { return .stopped }
        position += 1
        remaining -= 1
        let isLast = remaining == 0 || position == epoch.steps
        report(try reportedStep(epoch, position, following: isLast ? nil : position + 1))
      }
    }
    return .finished
  }

  /// A step, with a checkpoint before it where one is due; a fault of it says which step it was.
  private mutating func reportedStep(
    _ epoch: Epoch, _ step: Int, following: Int?
  ) throws -> Step {
    do {
      if checkpoint.map({ model.step >= $0.step + Self.checkpointInterval }) ?? true {
        checkpoint = wholeModel()
      }
      let loss = try self.step(epoch, step, following: following)
      return Step(
        epoch: epoch.number, step: step, steps: epoch.steps, loss: loss / Double(examples.count))
    } catch let fault as any Fault {
      throw StepError(
        epoch: epoch.number, step: step,
        cause: fault.isNumerical ? diagnosed(fault, epoch, step) : fault)
    }
  }

  // MARK: One step

  /// One step of training: load, forward, backward, update, record.
  ///
  /// - Parameter following: the step of the epoch whose batch is prefetched meanwhile; nil for none.
  /// - Returns: the sum of the losses before the update.
  private mutating func step(_ epoch: Epoch, _ step: Int, following: Int?) throws -> Double {
    let context = try load(epoch, step)
    guard let following, var prefetch, epoch.areExamplesAtHand(of: following) else {
      return try learn(epoch, step, context)
    }
    // Out of the trainer, which the step changes meanwhile.
    self.prefetch = nil
    defer { self.prefetch = prefetch }
    let augmentation = augmentation
    return try workers.run(beside: {
      prefetch.makeReady(following, of: epoch, distorting: augmentation, $0)
    }) {
      try learn(epoch, step, context)
    }
  }

  /// Loads the step's examples and computes what they alone decide, unless that was prefetched.
  ///
  /// - Returns: what their computation depends on.
  private mutating func load(_ epoch: Epoch, _ step: Int) throws -> Context {
    let isThere =
      try examples.staysTheSame
      || prefetch?.handOver(step, of: epoch, to: &examples, &executor) == true
    if !isThere {
      executor.releaseInput()
      try examples.take(
        step, of: epoch, distorting: augmentation,
        stays: epoch.isAlwaysTheSame && !network.isRandom, workers)
    }
    try checkTraining(on: examples.count)
    if !isThere { executor.begin(examples.input, context) }
    guard network.isRandom else { return context }
    let draws = Draws(
      seed: batching.seed, epoch: epoch.number, step: step, rows: examples.rows.map(UInt64.init))
    return Context(.training, draws: draws, workers)
  }

  /// Learns from the examples that were loaded.
  private mutating func learn(_ epoch: Epoch, _ step: Int, _ context: Context) throws -> Double {
    // Forward
    executor.finish(target: examples.target, context)
    try executor.output.requireFinite(Role.output)
    try executor.losses.requireFinite(Role.loss)
    // Backward
    if !isKnownToLearn {
      try network.checkDerivatives()
      isKnownToLearn = true
    }
    executor.backward(target: examples.target, context)
    // Update and record
    let loss = executor.losses.sum()
    let count = examples.count
    let text = updater.isNoted ? nil : settingsText(epoch, step)
    try updater.learn(
      &executor.parameters, by: executor.parameterGradients,
      from: {
        guard loss.isFinite else { throw TrainingError.lossOverflow }
        return LearnedBatch(
          position: TrainingPosition(epoch: epoch.number, step: step, steps: epoch.steps),
          loss: loss, examples: count)
      }, into: &model, settings: text, workers)
    return loss
  }

  // MARK: What is checked before

  /// - Throws: `NetworkError.tooMuchMemory`.
  private mutating func checkMemory(of examples: Int) throws {
    try executor.admit(
      examples, hasClassIDs: hasClassIDs, goesBack: true, threads: workers.count,
      limit: memoryLimit)
  }

  /// - Throws: `NetworkError.tooFewExamples`.
  private mutating func checkTraining(on examples: Int, of batch: String = "the batch") throws {
    if knownToFit.contains(examples) { return }
    try network.checkTraining(on: examples, of: batch)
    knownToFit.append(examples)
  }

  /// Whether the epoch that the model has finished was one of this training, and its loss low enough.
  private func hasReached(_ goal: Double, before epoch: Epoch) -> Bool {
    guard let loss = model.epochLoss else { return false }
    return model.lineage.lastSettings == settingsText(epoch, 1) && loss.mean < goal
  }

  /// - Throws: `TrainingError` when the model stopped inside an epoch of other settings.
  private func requireSameSettings(_ epoch: Epoch, _ position: Int) throws {
    guard position < epoch.steps else {
      throw TrainingError.positionOutside(position, steps: epoch.steps)
    }
    let now = settingsText(epoch, position)
    if let before = model.lineage.lastSettings, before != now {
      throw TrainingError.insideEpoch(found: before, expected: now)
    }
  }

  /// The line that a lineage holds for a step.
  private func settingsText(_ epoch: Epoch, _ step: Int) -> String {
    var batch = epoch.emptyBatch(step)
    augmentation?.mark(&batch)
    return TrainingSettings.text(batch: batch, settings.description)
  }

  // MARK: The model

  /// The model with its tensors as the steps have left them.
  private func wholeModel() -> Model {
    var whole = model
    whole.parameters = executor.namedParameters
    updater.keep(in: &whole)
    return whole
  }

  /// Goes back to before the step that failed, by repeating those from the checkpoint on, and finds out what was wrong there.
  private mutating func diagnosed(_ fault: any Fault, _ epoch: Epoch, _ step: Int) -> any Fault {
    guard let checkpoint,
      var again = try? Trainer(
        checkpoint, on: data, batching, settings, workers, distorting: augmentation),
      (try? again.run(untilEpoch: epoch.number, limit: model.step - checkpoint.step) { _ in })
        != nil,
      let batch = try? Epoch(epoch.number, of: data, batching).batch(step, isWhole: true),
      let distorted = try? augmentation?.distorted(batch, workers) ?? batch
    else { return fault }
    failedBatch = distorted
    (model, executor, updater) = (again.model, again.executor, again.updater)
    guard let diagnosis = NonFiniteDiagnosis(fault, of: model, on: distorted, workers) else {
      return fault
    }
    return DiagnosedError(cause: fault, diagnosis: diagnosis)
  }
}

/// A fault with the step it stopped.
struct StepError: Fault {
  let epoch: Int
  let step: Int
  let cause: any Fault

  var isNumerical: Bool { cause.isNumerical }
  var description: String { "epoch \(epoch): step \(step): \(cause)" }
}
