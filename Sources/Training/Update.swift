import Documents
import Kernels
import Optimizers
import Safetensors
import Tensors

extension Model {
  /// One step of learning: every parameter corrected by its gradient, and running statistics moved by theirs.
  ///
  /// - Parameter gradient: a gradient document; sums over `nn.examples` examples.
  /// - Throws: `DocumentError` when it is none, belongs to another network, lacks a parameter, has one of another shape or
  ///   type, sums over no examples, or holds NaN or infinity; also when a corrected weight is no longer finite.
  ///   `ScheduleFault` and `TrainingError` when settings, gradient and model do not go together.
  public mutating func learn(
    _ gradient: Document, _ settings: UpdateSettings, _ workers: Workers
  ) throws {
    try gradient.require(.gradient)
    guard try gradient.text(.topology) == topology else {
      throw TrainingError.otherTopology
    }
    let examples = try gradient.integer(.examples)
    guard examples > 0 else { throw TrainingError.noExamples }
    try refuseUnknownTensors(in: gradient)
    let names = parameters.keys.sorted()
    var corrector = try Corrector(of: self, named: [names], settings)
    let sums = try checkedSums(of: gradient, names)
    let factor: Double
    do {
      factor = try settings.schedule.factor(for: gradient, losses: validation)
    } catch {
      // What is wrong with the gradients was wrong before.
      try corrector.requireFinite([sums])
      throw error
    }
    var changed = [names.compactMap { parameters[$0] }]
    try corrector.correct(&changed, by: [sums], examples: examples, factor: factor, workers)
    try advance(with: gradient, examples: examples)
    for (name, tensor) in zip(names, changed[0]) { parameters[name] = tensor }
    corrector.keep(in: &self)
    let description = settings.description
    note(TrainingSettings.text(batch: gradient, description), optimizer: description)
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

  /// Moves the model's place in the epoch to behind the gradient's batch; a gradient of a batch that belongs to no epoch
  /// leaves it where it was.
  ///
  /// - Throws: `DocumentError.missingKey` when it says only in part where it belongs.
  private mutating func advance(with gradient: Document, examples: Int) throws {
    if [Key.epoch, .step, .steps].allSatisfy({ gradient[$0] == nil }) { return }
    try advance(
      to: gradient.integer(.epoch), behind: gradient.integer(.step), of: gradient.integer(.steps),
      loss: gradient[.loss] == nil ? nil : gradient.number(.loss), examples: examples)
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

extension Schedule {
  /// The factor for the rate of the step that learns from `gradient`.
  ///
  /// - Throws: `TrainingError.noPlace`, `DocumentError` when its place is malformed, `ScheduleFault`.
  fileprivate func factor(for gradient: Document, losses: [Int: Double]) throws -> Double {
    guard needsPlace else { return 1 }
    guard gradient[.epoch] != nil, gradient[.step] != nil, gradient[.steps] != nil else {
      throw TrainingError.noPlace
    }
    let place = Place(
      epoch: try gradient.integer(.epoch), step: try gradient.integer(.step),
      steps: try gradient.integer(.steps))
    for (key, value, range) in [
      (Key.epoch, place.epoch, 1...), (.step, place.step, 1...),
      (.steps, place.steps, place.step...),
    ] as [(Key, Int, PartialRangeFrom<Int>)] where !range.contains(value) {
      throw DocumentError.malformed(
        key, found: String(value), expected: "a whole number from \(range.lowerBound)")
    }
    return try factor(at: place, losses: losses)
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
