import Compute
import Optimizers
import Safetensors
import Tensors

extension Model {
  /// One step of learning: every parameter corrected by its gradient, and running statistics moved by theirs.
  ///
  /// - Parameter gradient: a gradient document; sums over `nn.examples` examples.
  /// - Throws: `DocumentError` when it is none, belongs to another network, lacks a parameter, has one of another shape or
  ///   type, sums over no examples, or holds NaN or infinity; also when a corrected weight is no longer finite.
  ///   `ScheduleError` and `TrainingError` when settings, gradient and model do not go together.
  public mutating func learn(
    _ gradient: Document, _ settings: UpdateSettings, _ workers: ThreadPool
  ) throws {
    try gradient.require(.gradient)
    guard try gradient.text(.topology) == topology else {
      throw TrainingError.otherTopology
    }
    let examples = try gradient.integer(.examples)
    guard examples > 0 else { throw TrainingError.noExamples }
    try refuseUnknownTensors(in: gradient)
    let names = parameters.keys.sorted()
    var updater = try Updater(of: self, named: names, settings)
    let sums = try checkedSums(of: gradient, names)
    var changed = names.compactMap { parameters[$0] }
    // A step that fails leaves the model as it was.
    var learned = self
    try updater.learn(
      &changed, by: sums,
      from: {
        LearnedBatch(
          position: try gradient.position(isChecked: settings.schedule.needsPlace),
          loss: gradient[.loss] == nil ? nil : try gradient.number(.loss), examples: examples)
      }, into: &learned,
      settings: TrainingSettings.text(batch: gradient, settings.description), workers)
    for (name, tensor) in zip(names, changed) { learned.parameters[name] = tensor }
    updater.keep(in: &learned)
    self = learned
  }

  /// Records a step: its number, position and loss.
  ///
  /// A batch that belongs to no epoch leaves the position where it was.
  ///
  /// - Throws: `TrainingError.lossOverflow`.
  mutating func record(_ batch: LearnedBatch) throws {
    if let position = batch.position {
      try advance(
        to: position.epoch, behind: position.step, of: position.steps, loss: batch.loss,
        examples: batch.examples)
    }
    step += 1
  }

  /// Notes in the lineage what decides the step that comes now.
  ///
  /// - Parameters:
  ///   - text: `TrainingSettings.text` of its batch and the settings.
  ///   - optimizer: `UpdateSettings.description`.
  public mutating func note(_ text: String, optimizer settings: String) {
    lineage.note(text, at: step)
    note(optimizer: settings)
  }

  /// The gradient's tensors of these names, in the shape and dtype of the model's. Whether they are finite the correction finds.
  private func checkedSums(of gradient: Document, _ names: [String]) throws -> [Tensor] {
    var sums = [Tensor]()
    for name in names {
      let sum = try gradient.tensor(name)
      if let parameter = parameters[name] {
        try sum.requireMatch(with: parameter, in: "the model", name)
      }
      sums.append(sum)
    }
    return sums
  }

  /// - Throws: `TrainingError.unknownLayer` when the settings name a layer that the model has not.
  public func requireLayers(of settings: UpdateSettings) throws {
    if settings.layers.frozen.isEmpty && settings.layers.rates.isEmpty { return }
    try settings.layers.require(Set(parameters.keys.map(layer)))
  }

  /// - Throws: as `learn`, when the model holds what another rule has kept.
  public func requireState(of settings: UpdateSettings) throws {
    _ = try StateTensors(of: self, rule: type(of: settings.optimizer))
  }

  private func refuseUnknownTensors(in gradient: Document) throws {
    for name in gradient.tensors.keys.sorted() where parameters[name] == nil {
      let isDelta = Role.ofDeltas.contains { name.hasSuffix($0) }
      if !isDelta {
        throw DocumentError.unexpectedTensor(name, reason: "the model has no such parameter")
      }
    }
  }
}

extension Document {
  /// The position in training of a gradient's batch; nil for one that belongs to no epoch.
  ///
  /// - Parameter isChecked: whether a schedule goes by it, so that it must be there and within its range.
  /// - Throws: `TrainingError.noPlace`; `DocumentError.missingKey` when it is there only in part, `.malformed`.
  fileprivate func position(isChecked: Bool) throws -> TrainingPosition? {
    let isThere = [Key.epoch, .step, .steps].map { self[$0] != nil }
    if isChecked && isThere.contains(false) { throw TrainingError.noPlace }
    if !isThere.contains(true) { return nil }
    let position = TrainingPosition(
      epoch: try integer(.epoch), step: try integer(.step), steps: try integer(.steps))
    if !isChecked { return position }
    for (key, value, range) in [
      (Key.epoch, position.epoch, 1...), (.step, position.step, 1...),
      (.steps, position.steps, position.step...),
    ] as [(Key, Int, PartialRangeFrom<Int>)] where !range.contains(value) {
      throw DocumentError.malformed(
        key, found: String(value), expected: "a whole number from \(range.lowerBound)")
    }
    return position
  }
}

extension Tensor {
  /// - Throws: `TrainingError.overflow` when a result of finite numbers is none itself.
  func requireFinite(_ name: String, after work: String) throws {
    do {
      try requireFinite(name)
    } catch let fault as DocumentError {
      throw TrainingError.overflow(fault, doing: work)
    }
  }
}

extension Role {
  /// What `nn-backprop --deltas` adds for each layer, for people to look at.
  static let ofDeltas = [".error", ".derivative", ".delta"]
}

/// The line that a lineage holds for the settings of a correction.
public enum TrainingSettings {
  /// What decides the step: the batch's data, batching, distortion and seed as far as it states them, then the settings.
  ///
  /// - Parameter settings: `UpdateSettings.description`.
  public static func text(batch: Document, _ settings: String) -> String {
    var words = [String]()
    if let data = batch[.data] { words.append("data=\(data)") }
    if let batching = batch[.batching] { words.append(batching) }
    if let augmentation = batch[.augmentation] { words.append(augmentation) }
    if let seed = batch[.seed] { words.append("seed=\(seed)") }
    words.append(settings)
    return words.joined(separator: " ")
  }
}
