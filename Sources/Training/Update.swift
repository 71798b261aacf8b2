import Documents
import Kernels
import Optimizers
import Safetensors
import Tensors

/// What decides a correction besides the gradient.
public struct UpdateSettings: Sendable, CustomStringConvertible {
  public let optimizer: any Optimizer
  public let reduction: Reduction

  public init(_ optimizer: any Optimizer, _ reduction: Reduction) {
    self.optimizer = optimizer
    self.reduction = reduction
  }

  /// As `nn.optimizer` states it.
  public var description: String { "\(optimizer.settings) reduce=\(reduction.rawValue)" }
}

extension Model {
  /// One step of learning: every parameter corrected by its gradient.
  ///
  /// - Parameter gradient: a gradient document; sums over `nn.examples` examples.
  /// - Throws: `DocumentError` when it is none, belongs to another network, lacks a parameter, has one of another shape or
  ///   type, sums over no examples, or holds NaN or infinity; also when a corrected weight is no longer finite.
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
    var changed = [String: Tensor]()
    var changedState = [String: Tensor]()
    for name in parameters.keys.sorted() {
      guard let parameter = parameters[name] else { continue }
      let sum = try gradient.finiteTensor(name)
      try sum.requireMatch(with: parameter, in: "the model", name)
      var state = try stateTensors(of: name, like: parameter, settings.optimizer)
      let corrected = settings.optimizer.updated(
        parameter,
        gradient: settings.reduction.reduced(sum, examples: examples, workers),
        state: &state, step: step + 1, workers)
      try corrected.requireFinite(name, after: "the correction")
      changed[name] = corrected
      for (kept, tensor) in state { changedState[Self.stateName(of: name, kept)] = tensor }
    }
    try advance(with: gradient)
    (parameters, state) = (changed, changedState)
    lineage.note(TrainingSettings.text(batch: gradient, settings), at: step)
    note(optimizer: settings.description)
    step += 1
  }

  /// What the rule remembers of a parameter: zeros before its first step.
  private func stateTensors(
    of name: String, like parameter: Tensor, _ optimizer: any Optimizer
  ) throws -> [String: Tensor] {
    var tensors = [String: Tensor]()
    for kept in optimizer.stateNames {
      let full = Self.stateName(of: name, kept)
      let tensor = state[full] ?? Tensor(zeros: parameter.shape, parameter.dtype)
      guard tensor.shape == parameter.shape else {
        throw DocumentError.wrongShape(
          full, found: tensor.shape, expected: "\(parameter.shape) as '\(name)' has it")
      }
      tensors[kept] = tensor
    }
    return tensors
  }

  private static func stateName(of parameter: String, _ kept: String) -> String {
    "\(statePrefix)\(parameter).\(kept)"
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
