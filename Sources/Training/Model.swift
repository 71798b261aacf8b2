import Safetensors
import Tensors

/// A network's parameters and how far they have been trained: a model document, checked and taken apart.
public struct Model: Sendable {
  /// The tensors that training corrects, under their full names (`dense1.weight`).
  public var parameters: [String: Tensor]
  /// What the rule of correction remembers from step to step, under names that begin with `optimizer.`.
  public var state: [String: Tensor]
  /// The epochs finished.
  public var epoch: Int
  /// The corrections made in all.
  public var step: Int
  /// Inside an epoch: the batches of it that have been learned; nil between epochs.
  public var position: Int?
  /// Of the epoch that it is in or has just finished; nil before the first, and where a gradient did not say its own.
  public internal(set) var epochLoss: EpochLoss?
  public var lineage: Lineage
  /// The losses on validation data by the epoch after which they were measured, as far as a schedule needs them.
  public private(set) var validation: [Int: Double]
  /// The network as its topology file states it.
  public let topology: String
  public let dtype: DType
  /// The rest of the document's metadata.
  private var source: Document

  static let statePrefix = "optimizer."

  /// A model that has learned nothing yet.
  public init(
    topology: String, parameters: [String: Tensor], dtype: DType, seed: UInt64, lineage: Lineage
  ) {
    source = Document(kind: .model)
    source[.topology] = topology
    source[.seed] = String(seed)
    self.topology = topology
    self.parameters = parameters
    self.dtype = dtype
    self.lineage = lineage
    state = [:]
    validation = [:]
    epoch = 0
    step = 0
  }

  /// - Throws: `DocumentError`: not a model, a missing or malformed key, tensors of other types than F32 or F64 or of
  ///   several types, NaN or infinity in one.
  public init(_ document: Document) throws {
    try document.require(.model)
    topology = try document.text(.topology)
    epoch = try document.integer(.epoch)
    step = try document.integer(.step)
    position = document[.position] == nil ? nil : try document.integer(.position)
    epochLoss = try EpochLoss(document)
    lineage = Lineage(document[.lineage] ?? "")
    validation = try document.validationLosses()
    parameters = document.tensors.filter { !$0.key.hasPrefix(Self.statePrefix) }
    state = document.tensors.filter { $0.key.hasPrefix(Self.statePrefix) }
    let names = document.tensors.keys.sorted()
    guard let first = parameters.keys.min(), let dtype = document.tensors[first]?.dtype else {
      throw DocumentError.missingTensor("LAYER.weight", kind: .model)
    }
    for name in names {
      let tensor = try document.tensor(name)
      guard tensor.dtype.isComputable else {
        throw DocumentError.wrongDType(name, found: tensor.dtype, expected: "F32 or F64")
      }
      guard tensor.dtype == dtype else {
        throw DocumentError.wrongDType(
          name, found: tensor.dtype, expected: "\(dtype.rawValue) as in '\(first)'")
      }
      try tensor.requireFinite(name)
    }
    self.dtype = dtype
    source = document
    source.tensors = [:]
    (source[.loss], source[.examples]) = (nil, nil)
  }

  /// The model's document.
  public func document() -> Document {
    var document = source
    document.tensors = parameters.merging(state) { parameter, _ in parameter }
    document[.epoch] = String(epoch)
    document[.step] = String(step)
    document[.position] = position.map(String.init)
    document[.lineage] = lineage.text
    document[.validation] = validation.text
    epochLoss?.write(to: &document)
    return document
  }

  /// The document without what only later corrections need: what flows back to `nn-forward`.
  public func documentForForward() -> Document {
    var model = self
    model.state = [:]
    return model.document()
  }

  mutating func note(optimizer: String) { source[.optimizer] = optimizer }

  /// Notes what the model, after the epochs that it has finished, lost on validation data.
  ///
  /// - Throws: `TrainingError` when it has finished none, or another loss is known.
  public mutating func note(validationLoss loss: Double) throws {
    guard epoch > 0 else { throw TrainingError.nothingToValidate }
    if let known = validation[epoch], known != loss {
      throw TrainingError.otherValidationLoss(epoch: epoch, found: loss, known: known)
    }
    validation[epoch] = loss
  }

  /// Drops what a rule of correction has kept, for another to begin anew; the lineage says so.
  public mutating func resetOptimizer() {
    if state.isEmpty { return }
    state = [:]
    lineage.note("reset-optimizer", at: step)
  }
}

extension Document {
  fileprivate func validationLosses() throws -> [Int: Double] {
    guard let text = self[.validation] else { return [:] }
    var losses = [Int: Double]()
    for word in text.split(separator: " ") {
      let parts = word.split(separator: "=")
      guard parts.count == 2, let epoch = Int(parts[0]), epoch > 0, let loss = Double(parts[1]),
        loss.isFinite
      else {
        throw DocumentError.malformed(
          .validation, found: text, expected: "losses by epoch as in 1=0.5 2=0.4")
      }
      losses[epoch] = loss
    }
    guard losses.text == text else {
      throw DocumentError.malformed(
        .validation, found: text, expected: "every epoch once, in order")
    }
    return losses
  }
}

extension [Int: Double] {
  /// As `nn.validation` states losses by epoch; nil for none.
  fileprivate var text: String? {
    isEmpty
      ? nil
      : sorted { $0.key < $1.key }.map { "\($0.key)=\(decimal($0.value))" }
        .joined(separator: " ")
  }
}

/// Where a model comes from: how it was started, then one line for every change of the settings it was trained with.
///
/// A function of data, start and settings alone: no tool, thread count or route leaves a trace in it.
public struct Lineage: Sendable, Equatable {
  public private(set) var text: String

  public init(_ text: String) { self.text = text }

  /// Notes the settings of the correction made at `step`, unless they are those of the one before.
  public mutating func note(_ settings: String, at step: Int) {
    if settings == lastSettings { return }
    text += (text.isEmpty ? "" : "\n") + "step=\(step) \(settings)"
  }

  /// The settings of the last correction; nil before the first.
  public var lastSettings: String? {
    let bytes = text.utf8
    let start = bytes.lastIndex(of: UInt8(ascii: "\n")).map(bytes.index(after:))
    let line = text[(start ?? text.startIndex)...]
    guard line.hasPrefix("step="), let space = line.utf8.firstIndex(of: UInt8(ascii: " "))
    else { return nil }
    let settings = line[line.utf8.index(after: space)...]
    // Models written before rmsprop's setting had PyTorch's name.
    return settings.split(separator: " ", omittingEmptySubsequences: false)
      .map { $0.hasPrefix("smoothing=") ? "alpha=" + $0.dropFirst(10) : String($0) }
      .joined(separator: " ")
  }
}
