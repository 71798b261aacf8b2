import Compute
import Optimizers
import Safetensors
import Tensors

/// What an update is to know of the batch that its gradients come from.
public struct LearnedBatch {
  /// nil for a batch that belongs to no epoch.
  public let position: TrainingPosition?
  /// The sum of the losses over the examples, before the update; nil where it is not known.
  public let loss: Double?
  public let examples: Int

  public init(position: TrainingPosition?, loss: Double?, examples: Int) {
    (self.position, self.loss, self.examples) = (position, loss, examples)
  }
}

/// Updates the parameters of one model step after step, by one optimizer, and records each step in the model.
///
/// `nn-update` and `nn-train` both learn through `learn`. Parameters and gradients are known by their positions.
public struct Updater: Sendable {
  private let settings: UpdateSettings
  /// In the order of the names.
  private var entries: [Entry]
  private let dtype: DType
  private let nothing: Tensor
  /// Whether the model states the settings of the last step.
  public private(set) var isNoted = false

  private struct Entry {
    let name: String
    let position: Int
    let isStatistic: Bool
    let isFrozen: Bool
    /// Before the schedule.
    let rate: Double
    var state: [Tensor]
    /// The updates by this optimizer so far, where it counts them.
    var count: Int
  }

  /// - Parameter names: the full names of the parameters, in the order of their positions.
  /// - Throws: `TrainingError`, `DocumentError` when the model holds what another optimizer has kept, or the settings name a
  ///   layer that it has not.
  public init(of model: Model, named names: [String], _ settings: UpdateSettings) throws {
    try model.requireLayers(of: settings)
    let kept = try StateTensors(of: model, rule: type(of: settings.optimizer))
    self.settings = settings
    dtype = model.dtype
    nothing = Tensor(uninitialized: [0], dtype)
    entries = names.enumerated().map { position, name in
      guard let parameter = model.parameters[name] else {
        preconditionFailure("the model has no parameter '\(name)'")
      }
      let layer = layer(of: name)
      return Entry(
        name: name, position: position, isStatistic: isStatistic(name),
        isFrozen: settings.layers.frozen.contains(layer),
        rate: settings.layers.rates[layer] ?? settings.optimizer.rate,
        state: isStatistic(name) ? [] : kept.tensors(of: parameter, name),
        count: kept.count(of: name))
    }
    entries.sort { $0.name < $1.name }
  }

  /// One step of learning: updates every parameter in its place by its gradient, moves running statistics by theirs, and
  /// records the step in the model: its number, position and loss, the settings in the lineage.
  ///
  /// - Parameters:
  ///   - parameters: those of the model, by position; the model itself need not hold them.
  ///   - gradients: in the parameters' shapes, summed over the examples.
  ///   - batch: where the gradients come from. What it throws is thrown unless a gradient is not finite.
  ///   - text: `TrainingSettings.text` of the batch and the settings; nil once `isNoted`.
  /// - Throws: as `requireFinite`; `ScheduleError`; `TrainingError.normOverflow`, `.overflow`, `.negativeVariance` or
  ///   `.lossOverflow`. Some of the parameters and of the optimizer's state may be updated then.
  public mutating func learn(
    _ parameters: inout [Tensor], by gradients: [Tensor], from batch: () throws -> LearnedBatch,
    into model: inout Model, settings text: String?, _ workers: ThreadPool
  ) throws {
    let learned: LearnedBatch
    var factor = 1.0
    do {
      learned = try batch()
      if settings.schedule.needsPlace {
        guard let position = learned.position else { throw TrainingError.noPlace }
        factor = try settings.schedule.factor(at: position, losses: model.validation)
      }
    } catch {
      // What is wrong with the gradients was wrong before.
      try requireFinite(gradients)
      throw error
    }
    try update(
      &parameters, by: gradients, examples: learned.examples, factor: factor, workers)
    if let text {
      model.note(text, optimizer: settings.description)
      isNoted = true
    }
    try model.record(learned)
  }

  /// The gradient's first tensor, in the order of the names, that holds a number that is not finite.
  ///
  /// - Throws: `DocumentError.notFinite`.
  public func requireFinite(_ gradients: [Tensor]) throws {
    for entry in entries { try gradients[entry.position].requireFinite(entry.name) }
  }

  private mutating func update(
    _ parameters: inout [Tensor], by gradients: [Tensor], examples: Int, factor: Double,
    _ workers: ThreadPool
  ) throws {
    if mayHideGradients { try requireFinite(gradients) }
    do {
      try apply(to: &parameters, gradients, examples: examples, factor: factor, workers)
    } catch {
      try requireFinite(gradients)
      throw error
    }
  }

  /// Whether all that is left by a correction may be finite where the gradient is not. Else none of them needs to be searched
  /// before: NaN and infinity stay what they are through every rule, at any rate.
  private var mayHideGradients: Bool {
    settings.clipping.value.isFinite || !settings.layers.frozen.isEmpty
  }

  private mutating func apply(
    to parameters: inout [Tensor], _ gradients: [Tensor], examples: Int, factor: Double,
    _ workers: ThreadPool
  ) throws {
    var preparation = try preparation(gradients, examples, workers)
    let countsSteps = type(of: settings.optimizer).countsSteps
    for index in entries.indices where !entries[index].isFrozen {
      let position = entries[index].position
      let gradient = gradients[position]
      if entries[index].isStatistic {
        try move(
          &parameters[position], entries[index].name, by: gradient, examples: examples, workers)
        continue
      }
      let rate = factor * entries[index].rate
      preparation.kept = 1 - rate * settings.penalties.decay
      if countsSteps { entries[index].count += 1 }
      var correction = Correction(
        of: parameters[position], by: gradient, state: entries[index].state, preparation)
      // Now only the correction has them, and need not copy what it changes.
      parameters[position] = nothing
      entries[index].state.removeAll(keepingCapacity: true)
      settings.optimizer.correct(
        &correction, rate: rate, step: max(1, entries[index].count), workers)
      parameters[position] = correction.parameter
      entries[index].state = correction.state
      if !correction.isFinite { try refuse(correction, entries[index].name) }
    }
  }

  /// Writes what the optimizer has kept into a model whose parameters the steps have updated.
  public func keep(in model: inout Model) {
    if !isNoted { return }
    let rule = type(of: settings.optimizer)
    for entry in entries where !entry.isFrozen && !entry.isStatistic {
      for (kept, tensor) in zip(rule.stateNames, entry.state) {
        model.state[StateTensors.name(of: entry.name, kept)] = tensor
      }
      if rule.countsSteps {
        model.state[StateTensors.name(of: entry.name, StateTensors.count)] =
          Tensor([Double(entry.count)], shape: []).converted(to: dtype)
      }
    }
  }

  /// What becomes of all gradients before the rule sees them.
  private func preparation(
    _ gradients: [Tensor], _ examples: Int, _ workers: ThreadPool
  ) throws -> Preparation {
    var preparation = Preparation(divisor: settings.reduction.divisor(examples: examples))
    preparation.bound = settings.clipping.value
    (preparation.l1, preparation.l2) = (settings.penalties.l1, settings.penalties.l2)
    guard settings.clipping.norm.isFinite else { return preparation }
    let learned = entries.filter { !$0.isFrozen && !$0.isStatistic }
    let norm = gradientNorm(
      of: learned.map { gradients[$0.position] }, divisor: preparation.divisor,
      bound: preparation.bound, workers)
    guard norm.isFinite else { throw TrainingError.normOverflow }
    preparation.factor = clippingFactor(norm: norm, largest: settings.clipping.norm)
    return preparation
  }

  /// - Throws: `TrainingError.overflow` about the first tensor that is not finite.
  private func refuse(_ correction: Correction, _ name: String) throws {
    for (kept, tensor) in zip(type(of: settings.optimizer).stateNames, correction.state) {
      try tensor.requireFinite(StateTensors.name(of: name, kept), after: "the correction")
    }
    try correction.parameter.requireFinite(name, after: "the correction")
  }

  /// A running statistic after a batch: statistic − sum / examples, the sum being that of momentum · (statistic −
  /// observed) over the examples. No setting of the correction applies to it.
  private func move(
    _ statistic: inout Tensor, _ name: String, by sum: Tensor, examples: Int, _ workers: ThreadPool
  ) throws {
    statistic.combine(with: sum, by: Move(examples: examples), workers)
    if name.hasSuffix("running_var"), let (value, position) = statistic.firstNegative() {
      throw TrainingError.negativeVariance(name, found: value, position: position)
    }
    try statistic.requireFinite(name, after: "the correction")
  }
}

private struct Move: PairFunction {
  let examples: Int

  func callAsFunction<R: Real>(_ statistic: R, _ sum: R) -> R { statistic - sum / R(examples) }
}

/// The layer that a parameter belongs to: `conv1` of `conv1.weight`.
func layer(of parameter: String) -> String {
  parameter.lastIndex(of: ".").map { String(parameter[..<$0]) } ?? parameter
}

/// Whether a tensor of a model is a running statistic: kept by a layer from batch to batch, not learned by gradient.
func isStatistic(_ name: String) -> Bool {
  name[(name.lastIndex(of: ".").map(name.index(after:)) ?? name.startIndex)...]
    .hasPrefix("running_")
}
