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
    try requireLayers(of: settings)
    let sums = try checkedSums(of: gradient)
    var kept = try StateTensors(of: self, rule: type(of: settings.optimizer))
    let awake = sums.keys.sorted().filter { !settings.layers.frozen.contains(layer(of: $0)) }
    let factor = try settings.schedule.factor(for: gradient, losses: validation)
    var preparation = try preparation(
      for: awake.filter { !isStatistic($0) }.compactMap { sums[$0] }, examples, settings, workers)
    var changed = parameters
    for name in awake {
      guard let parameter = parameters[name], let sum = sums[name] else { continue }
      let result: Tensor
      if isStatistic(name) {
        result = try moved(parameter, name, by: sum, examples: examples, workers)
      } else {
        let rate = factor * (settings.layers.rates[layer(of: name)] ?? settings.optimizer.rate)
        preparation.kept = 1 - rate * settings.penalties.decay
        let step = kept.countStep(of: name)
        let corrected = settings.optimizer.corrected(
          Correction(of: parameter, by: sum, state: kept.tensors(of: parameter, name), preparation),
          rate: rate, step: step, workers)
        try kept.keep(corrected.state, of: name)
        result = corrected.parameter
      }
      try result.requireFinite(name, after: "the correction")
      changed[name] = result
    }
    try advance(with: gradient)
    (parameters, state) = (changed, kept.state)
    lineage.note(TrainingSettings.text(batch: gradient, settings), at: step)
    note(optimizer: settings.description)
    step += 1
  }

  /// The gradient's tensor for every one of the model's, finite and in its shape and dtype.
  private func checkedSums(of gradient: Document) throws -> [String: Tensor] {
    var sums = [String: Tensor]()
    for (name, parameter) in parameters.sorted(by: { $0.key < $1.key }) {
      let sum = try gradient.finiteTensor(name)
      try sum.requireMatch(with: parameter, in: "the model", name)
      sums[name] = sum
    }
    return sums
  }

  /// What becomes of all gradients, `learned`, before the rule sees them.
  ///
  /// - Throws: `TrainingError.normOverflow`.
  private func preparation(
    for learned: [Tensor], _ examples: Int, _ settings: UpdateSettings, _ workers: Workers
  ) throws -> Preparation {
    var preparation = Preparation(divisor: settings.reduction.divisor(examples: examples))
    preparation.bound = settings.clipping.value
    (preparation.l1, preparation.l2) = (settings.penalties.l1, settings.penalties.l2)
    guard settings.clipping.norm.isFinite else { return preparation }
    let norm = gradientNorm(
      of: learned, divisor: preparation.divisor, bound: preparation.bound, workers)
    guard norm.isFinite else { throw TrainingError.normOverflow }
    preparation.factor = clippingFactor(norm: norm, largest: settings.clipping.norm)
    return preparation
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
  private mutating func advance(with gradient: Document) throws {
    if [Key.epoch, .step, .steps].allSatisfy({ gradient[$0] == nil }) { return }
    let (number, step) = (try gradient.integer(.epoch), try gradient.integer(.step))
    let isFinished = step >= (try gradient.integer(.steps))
    epoch = isFinished ? number : max(number - 1, 0)
    position = isFinished ? nil : step
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

/// The layer that a parameter belongs to: `conv1` of `conv1.weight`.
private func layer(of parameter: String) -> String {
  parameter.lastIndex(of: ".").map { String(parameter[..<$0]) } ?? parameter
}

/// Whether a tensor of a model is a running statistic: kept by a layer from batch to batch, not learned by gradient.
private func isStatistic(_ name: String) -> Bool {
  name[(name.lastIndex(of: ".").map(name.index(after:)) ?? name.startIndex)...]
    .hasPrefix("running_")
}

/// A running statistic after a batch: statistic − sum / examples, the sum being that of momentum · (statistic −
/// observed) over the examples. No setting of the correction applies to it.
private func moved(
  _ statistic: Tensor, _ name: String, by sum: Tensor, examples: Int, _ workers: Workers
) throws -> Tensor {
  let result = statistic.combined(with: sum, by: Move(examples: examples), workers)
  if name.hasSuffix("running_var"), let (value, position) = result.firstNegative() {
    throw TrainingError.negativeVariance(name, found: value, position: position)
  }
  return result
}

private struct Move: PairFunction {
  let examples: Int

  func callAsFunction<R: Real>(_ statistic: R, _ sum: R) -> R { statistic - sum / R(examples) }
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
  public static func text(batch: Document, _ update: UpdateSettings) -> String {
    var words = [String]()
    if let data = batch[.data] { words.append("data=\(data)") }
    if let batching = batch[.batching] { words.append(batching) }
    if let augmentation = batch[.augmentation] { words.append(augmentation) }
    if let seed = batch[.seed] { words.append("seed=\(seed)") }
    words.append(update.description)
    return words.joined(separator: " ")
  }
}
