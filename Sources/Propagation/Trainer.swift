import Augmentation
import Documents
import Kernels
import Layers
import Networks
import Optimizers
import Safetensors
import Tensors
import Training

/// The ring in one process: the same layers, losses and rules in the same steps, without documents between them.
///
/// Signals, gradients and parameters are in memory that every step uses again; the model is put together after the last
/// one.
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
  private let workers: Workers
  private let memoryLimit: Int
  /// Whether the targets are class ids, looked up once as every epoch asks for it.
  private let hasClassIDs: Bool
  private var workspace: Workspace
  private var corrector: Corrector
  private var examples: TrainingExamples
  /// nil where none is made ready.
  private var next: NextBatch?
  /// How many numbers the input of a batch must have to be made ready beside another.
  var fewestNumbersAhead = NextBatch.fewestNumbers
  /// The pass of a network that draws nothing.
  private let pass: Pass
  private var isKnownToLearn = false
  /// The sizes of batches that all layers can be trained on.
  private var knownToFit: [Int] = []
  /// Whether a step of these settings is done, so that model and lineage state them.
  private var isNoted = false
  private var snapshot: TrainerSnapshot?

  /// - Parameters:
  ///   - augmentation: how every batch is distorted; nil for not at all.
  ///   - memoryLimit: the most bytes that a batch's signals may take; see `SignalMemory`.
  /// - Throws: as `Forward.init`.
  public init(
    _ model: Model, on data: any TrainingData, _ batching: Batching,
    _ settings: UpdateSettings, _ workers: Workers, distorting augmentation: Augmentation? = nil,
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
    pass = Pass(.training, workers)
    workspace = Workspace(network, parameters: model.parameters, dtype: model.dtype)
    corrector = try Corrector(of: model, named: workspace.names, settings)
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
    (snapshot, failedBatch) = (nil, nil)
    // Until the end only the workspace has the parameters, and need not copy what it changes.
    model.parameters = [:]
    defer {
      next = nil
      putModelTogether()
    }
    if model.epoch == last { return .finished }
    var epoch = Epoch(model.epoch + 1, of: data, batching)
    if workers.count > 1 && epoch.steps > 1 && remaining > 1 {
      next = NextBatch(
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
        report(try learn(epoch, position, following: isLast ? nil : position + 1))
      }
    }
    return .finished
  }

  /// - Throws: `NetworkFault.tooMuchMemory`.
  private func checkMemory(of examples: Int) throws {
    try network.checkMemory(
      of: examples, for: .training, model.dtype, threads: workers.count, hasClassIDs: hasClassIDs,
      limit: memoryLimit)
  }

  /// - Throws: `NetworkFault.tooFewExamples`.
  private mutating func checkTraining(on examples: Int, of batch: String = "the batch") throws {
    if knownToFit.contains(examples) { return }
    try network.checkTraining(on: examples, of: batch)
    knownToFit.append(examples)
  }

  /// Whether the epoch that the model has finished was one of this training, and its loss low enough.
  private func hasReached(_ goal: Double, before epoch: Epoch) -> Bool {
    guard let loss = model.epochLoss else { return false }
    let settings = TrainingSettings.text(batch: place(epoch, 1), settings.description)
    return model.lineage.lastSettings == settings && loss.mean < goal
  }

  private mutating func learn(_ epoch: Epoch, _ step: Int, following: Int?) throws -> Step {
    do {
      if snapshot == nil || model.step % TrainerSnapshot.interval == 0 {
        snapshot = TrainerSnapshot(
          parameters: workspace.parameters, corrector: corrector, model: model, isNoted: isNoted)
      }
      let loss = try loss(epoch, step, following: following)
      return Step(
        epoch: epoch.number, step: step, steps: epoch.steps, loss: loss / Double(examples.count))
    } catch let fault as any Fault {
      throw StepFault(
        epoch: epoch.number, step: step,
        cause: fault.isNumerical ? explained(fault, epoch, step) : fault)
    }
  }

  /// Goes back to before the step that failed, and finds out what was wrong there.
  private mutating func explained(_ fault: any Fault, _ epoch: Epoch, _ step: Int) -> any Fault {
    guard let batch = try? returned(to: epoch, step) else { return fault }
    failedBatch = batch
    var before = model
    for (name, tensor) in namedParameters { before.parameters[name] = tensor }
    guard let suspects = Suspects(fault, of: before, on: batch, workers) else { return fault }
    return SuspectedFault(cause: fault, suspects: suspects)
  }

  /// Makes the steps from the snapshot to before this one again, which went well before.
  ///
  /// - Returns: the batch of this one.
  private mutating func returned(to epoch: Epoch, _ step: Int) throws -> Document? {
    guard let snapshot else { return nil }
    (workspace.parameters, corrector) = (snapshot.parameters, snapshot.corrector)
    (model, isNoted) = (snapshot.model, snapshot.isNoted)
    while (model.epoch + 1, (model.position ?? 0) + 1) < (epoch.number, step) {
      let number = model.epoch + 1
      let again =
        number == epoch.number ? epoch : Epoch(number, of: data, batching)
      for step in (model.position ?? 0) + 1...(number == epoch.number ? step - 1 : again.steps) {
        _ = try loss(again, step)
      }
    }
    let batch = try epoch.batch(step, isWhole: true)
    return try augmentation?.distorted(batch, workers) ?? batch
  }

  /// One step.
  ///
  /// - Parameter following: the step of the epoch that is made ready meanwhile; nil for none.
  /// - Returns: the sum of the losses before the correction.
  private mutating func loss(
    _ epoch: Epoch, _ step: Int, following: Int? = nil
  ) throws -> Double {
    let pass = try prepare(epoch, step)
    guard let following, var next, epoch.areExamplesAtHand(of: following) else {
      return try loss(epoch, step, pass)
    }
    // Out of the trainer, which the step changes meanwhile.
    self.next = nil
    defer { self.next = next }
    let augmentation = augmentation
    return try workers.run(beside: {
      next.makeReady(following, of: epoch, distorting: augmentation, $0)
    }) {
      try loss(epoch, step, pass)
    }
  }

  /// As above, of examples that are prepared.
  private mutating func loss(_ epoch: Epoch, _ step: Int, _ pass: Pass) throws -> Double {
    workspace.finish(examples.input, target: examples.target, pass)
    try workspace.output.requireFinite(Role.output)
    try workspace.losses.requireFinite(Role.loss)
    if !isKnownToLearn {
      try network.checkDerivatives()
      isKnownToLearn = true
    }
    workspace.backward(examples.input, target: examples.target, pass)
    let loss = workspace.losses.sum()
    var factor = 1.0
    do {
      guard loss.isFinite else { throw TrainingError.lossOverflow }
      if settings.schedule.needsPlace {
        let place = Place(epoch: epoch.number, step: step, steps: epoch.steps)
        factor = try settings.schedule.factor(at: place, losses: model.validation)
      }
    } catch {
      // What is wrong with the gradients was wrong before.
      try corrector.requireFinite(workspace.gradients)
      throw error
    }
    try corrector.correct(
      &workspace.parameters, by: workspace.gradients, examples: examples.count, factor: factor,
      workers)
    if !isNoted {
      let description = settings.description
      model.note(
        TrainingSettings.text(batch: place(epoch, step), description), optimizer: description)
      isNoted = true
    }
    model.step += 1
    try model.advance(
      to: epoch.number, behind: step, of: epoch.steps, loss: loss, examples: examples.count)
    return loss
  }

  /// Brings the step's examples into the workspace as far as no parameters are needed, unless they are there.
  ///
  /// - Returns: what their way through the network depends on.
  private mutating func prepare(_ epoch: Epoch, _ step: Int) throws -> Pass {
    let isThere =
      try examples.staysTheSame
      || next?.handOver(step, of: epoch, to: &examples, &workspace) == true
    if !isThere {
      try examples.take(
        step, of: epoch, distorting: augmentation,
        stays: epoch.isAlwaysTheSame && !network.isRandom, workers)
    }
    try checkTraining(on: examples.count)
    if !isThere { workspace.begin(examples.input, pass) }
    guard network.isRandom else { return pass }
    let draws = Draws(
      seed: batching.seed, epoch: epoch.number, step: step, rows: examples.rows.map(UInt64.init))
    return Pass(.training, draws: draws, workers)
  }

  /// The model's tensors as the steps have left them.
  private mutating func putModelTogether() {
    for (name, tensor) in namedParameters { model.parameters[name] = tensor }
    if isNoted { corrector.keep(in: &model) }
  }

  private var namedParameters: [(String, Tensor)] {
    zip(workspace.names, workspace.parameters).flatMap { Array(zip($0, $1)) }
  }

  /// A batch without its tensors.
  private func place(_ epoch: Epoch, _ step: Int) -> Document {
    var batch = epoch.emptyBatch(step)
    augmentation?.mark(&batch)
    return batch
  }

  private func requireSameSettings(_ epoch: Epoch, _ position: Int) throws {
    guard position < epoch.steps else {
      throw TrainingError.positionOutside(position, steps: epoch.steps)
    }
    let now = TrainingSettings.text(batch: place(epoch, position), settings.description)
    if let before = model.lineage.lastSettings, before != now {
      throw TrainingError.insideEpoch(found: before, expected: now)
    }
  }
}
