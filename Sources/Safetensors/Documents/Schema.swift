/// What a document is; `nn.kind` in its metadata. docs/FORMAT.md lists the tensors of each kind.
public enum Kind: String, CaseIterable, Sendable {
  case dataset, batch, prediction, trace, gradient, model

  /// The stage that writes documents of this kind, as messages name it.
  var writer: String {
    switch self {
    case .dataset: "nn-import"
    case .batch: "nn-batch"
    case .prediction: "nn-forward"
    case .trace: "nn-forward --trace"
    case .gradient: "nn-backprop"
    case .model: "nn-init"
    }
  }
}

/// The metadata keys of this project; `nn.` before each name keeps them apart from everyone else's.
public enum Key: String, CaseIterable, Sendable {
  /// The version of this format, 1.
  case format = "nn.format"
  case kind = "nn.kind"
  /// The number of a document within its stream, from 0.
  case frame = "nn.frame"
  /// In the document that ends a stream: the number of frames before it.
  case end = "nn.end"
  /// The names of the classes, separated by line feeds, in the order of their ids.
  case classes = "nn.classes"
  /// In a batch: the epoch it belongs to, from 1. In a model: the epochs finished.
  case epoch = "nn.epoch"
  /// In a batch: its number within the epoch, from 1. In a model: the corrections made in all.
  case step = "nn.step"
  /// In a batch: the number of batches of its epoch.
  case steps = "nn.steps"
  /// In a batch: the examples of its epoch, all batches together.
  case rows = "nn.rows"
  /// In a model that stopped inside an epoch: the batches of that epoch it has learned.
  case position = "nn.position"
  case seed = "nn.seed"
  /// The XXH3-128 hash of the decompressed dataset.
  case data = "nn.data"
  /// How the dataset was cut into batches, for example `size=64 shuffle=yes`.
  case batching = "nn.batching"
  /// How the batch's pictures were distorted, for example `shift=-2..2 flip=0.5`.
  case augmentation = "nn.augmentation"
  /// In a trace: `training` or `inference`.
  case mode = "nn.mode"
  /// In a trace that carries only what the next program on the same machine needs: `brief`.
  case signals = "nn.signals"
  /// The network, as its topology file states it.
  case topology = "nn.topology"
  /// The examples that a gradient sums over.
  case examples = "nn.examples"
  /// The sum of the examples' losses.
  case loss = "nn.loss"
  /// The rule of the last correction with its settings, for example `sgd rate=0.1 reduce=mean`.
  case optimizer = "nn.optimizer"
  /// In a model: the losses on validation data by epoch, for example `1=0.52 2=0.48`.
  case validation = "nn.validation"
  /// Where a model comes from: a line for its start and one for every change of settings.
  case lineage = "nn.lineage"

  /// All keys as documents have them; to look a name up here is quicker than to make a key of it.
  static let names = Set(allCases.map(\.rawValue))

  /// The keys that say which batch a document descends from; every stage hands them on.
  public static let ofBatch: [Key] = [
    .epoch, .step, .steps, .seed, .data, .batching, .augmentation, .classes,
  ]
}

/// The version of the format that this program reads and writes.
public let formatVersion = "1"

/// The tensors with a fixed role, which no layer may be named after.
public enum Role {
  public static let input = "input"
  public static let target = "target"
  public static let index = "index"
  public static let output = "output"
  public static let loss = "loss"
}

extension Document {
  /// A document of a kind, with the metadata that every one of ours carries.
  public init(kind: Kind) {
    self.init()
    self[.format] = formatVersion
    self[.kind] = kind.rawValue
  }

  public subscript(key: Key) -> String? {
    get { metadata[key.rawValue] }
    set { metadata[key.rawValue] = newValue }
  }

  /// What the document says it is; nil for one without `nn.kind`, such as other programs write.
  public var kind: Kind? { self[.kind].flatMap(Kind.init) }

  /// Refuses what this version of the format does not define.
  ///
  /// - Throws: `DocumentError.newerFormat`, `.missingKey` or `.unknownKey`. A document without any `nn.` key is
  ///   somebody else's and passes.
  public func checkFormat() throws {
    var isOurs = false
    var unknown: [String] = []
    for key in metadata.keys {
      if Key.names.contains(key) {
        isOurs = true
      } else if key.hasPrefix("nn.") {
        unknown.append(key)
      }
    }
    if !isOurs && unknown.isEmpty { return }
    guard let version = self[.format] else { throw DocumentError.missingKey(.format) }
    guard version == formatVersion else { throw DocumentError.newerFormat(version) }
    if let first = unknown.min() { throw DocumentError.unknownKey(first) }
    if let kind = self[.kind], Kind(rawValue: kind) == nil { throw DocumentError.unknownKind(kind) }
  }

  /// Refuses a document of another kind. One without any `nn.` key, as other programs write them, may be a dataset.
  ///
  /// - Throws: `DocumentError.wrongKind` when the document is none of `expected`.
  public func require(_ expected: Kind...) throws {
    if expected.contains(.dataset) && !metadata.keys.contains(where: { $0.hasPrefix("nn.") }) {
      return
    }
    guard let kind, expected.contains(kind) else {
      throw DocumentError.wrongKind(found: self[.kind], expected: expected)
    }
  }
}
