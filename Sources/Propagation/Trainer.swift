import Augmentation
import Documents
import Kernels
import Networks
import Safetensors
import Tensors
import Training

/// The ring in one process: the same stage functions, handed their documents without a pipe between them.
public struct Trainer {
  /// What a step was, for progress.
  public struct Step {
    /// From 1.
    public let epoch: Int
    /// Within the epoch, from 1.
    public let step: Int
    /// The batches of the epoch.
    public let steps: Int
    /// The mean loss over the batch, before the correction.
    public let loss: Double
  }

  /// The model as the last step left it.
  public private(set) var model: Model
  private let dataset: Dataset
  private let digest: String
  private let batching: Batching
  private let augmentation: Augmentation?
  private let settings: UpdateSettings
  private let workers: Workers
  private var forward: Forward
  private var backprop: Backprop

  /// - Parameter augmentation: how every batch is distorted; nil for not at all.
  /// - Throws: as `Forward.init`.
  public init(
    _ model: Model, on dataset: Dataset, digest: String, _ batching: Batching,
    _ settings: UpdateSettings, _ workers: Workers, distorting augmentation: Augmentation? = nil
  ) throws {
    self.model = model
    self.dataset = dataset
    self.digest = digest
    self.batching = batching
    self.augmentation = augmentation
    self.settings = settings
    self.workers = workers
    forward = try Forward(model, workers)
    backprop = Backprop(workers)
  }

  /// Trains until the model has finished epoch `last`, or for `limit` steps.
  ///
  /// A model that stopped inside an epoch goes on at its next batch.
  /// - Parameter report: called after every step.
  /// - Throws: `TrainingError` when the model is beyond `last` or stopped inside an epoch of other settings;
  ///   `DocumentError.missingTensor` for a dataset without targets; whatever the stages throw.
  public mutating func run(
    untilEpoch last: Int, limit: Int? = nil, report: (Step) -> Void
  ) throws {
    guard model.epoch <= last else {
      throw TrainingError.alreadyTrained(epoch: model.epoch, asked: last)
    }
    guard dataset.target != nil else {
      throw DocumentError.missingTensor(Role.target, kind: .dataset)
    }
    var remaining = limit ?? .max
    while model.epoch < last && remaining > 0 {
      let epoch = Epoch(model.epoch + 1, of: dataset, digest: digest, batching)
      var position = model.position ?? 0
      if position > 0 { try requireSameSettings(epoch, position) }
      if epoch.steps - position <= remaining {
        try forward.checkTraining(onLast: epoch.examples(in: epoch.steps))
      }
      while position < epoch.steps && remaining > 0 {
        position += 1
        remaining -= 1
        report(try learn(epoch, position))
      }
    }
  }

  private mutating func learn(_ epoch: Epoch, _ step: Int) throws -> Step {
    do {
      try forward.follow(model)
      var batch = epoch.batch(step)
      if let augmentation { batch = try augmentation.distorted(batch, workers) }
      let gradient = try backprop.gradient(of: forward.trace(of: batch))
      try model.learn(gradient, settings, workers)
      return try Step(
        epoch: epoch.number, step: step, steps: epoch.steps,
        loss: gradient.number(.loss) / Double(gradient.integer(.examples)))
    } catch let fault as any Fault {
      throw StepFault(epoch: epoch.number, step: step, cause: fault)
    }
  }

  private func requireSameSettings(_ epoch: Epoch, _ position: Int) throws {
    guard position < epoch.steps else {
      throw TrainingError.positionOutside(position, steps: epoch.steps)
    }
    var batch = epoch.emptyBatch(position)
    augmentation?.mark(&batch)
    let now = TrainingSettings.text(batch: batch, settings)
    if let before = model.lineage.lastSettings, before != now {
      throw TrainingError.insideEpoch(found: before, expected: now)
    }
  }
}

/// A fault with the step it stopped.
struct StepFault: Fault {
  let epoch: Int
  let step: Int
  let cause: any Fault

  var isNumerical: Bool { cause.isNumerical }
  var description: String { "epoch \(epoch): step \(step): \(cause)" }
}
