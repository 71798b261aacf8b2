import Optimizers
import Tensors

/// What decides a correction besides the gradient.
public struct UpdateSettings: Sendable, CustomStringConvertible {
  /// The rule, with its learning rate.
  public let optimizer: any Optimizer
  /// Whether the gradient is the mean over the examples or their sum.
  public let reduction: Reduction
  /// How the learning rate changes; constant unless set.
  public var schedule = Schedule()
  /// Bounds on the gradient; none unless set.
  public var clipping = Clipping()
  /// What pulls parameters towards 0; the rule's own decay unless set.
  public var penalties: Penalties
  /// Layers that learn otherwise; none unless set.
  public var layers = LayerSettings()

  /// Settings of which all but the rule and the reduction are as if they were not there.
  public init(_ optimizer: any Optimizer, _ reduction: Reduction) {
    self.optimizer = optimizer
    self.reduction = reduction
    penalties = Penalties(decay: type(of: optimizer).defaultDecay)
  }

  /// The settings as options of `nn-update`: all that its defaults would not make the same.
  public var options: [String] {
    let words = description.split(separator: " ")
    let hasDecay = type(of: optimizer).defaultDecay > 0
    return ["--optimizer=\(words[0])"] + words.dropFirst().map { "--\($0)" }
      + (hasDecay && penalties.decay == 0 ? ["--weight-decay=0"] : [])
  }

  /// As `nn.optimizer` states it: the rule, and whatever is not as if it were not there.
  public var description: String {
    let words =
      ["\(optimizer.description) reduce=\(reduction.rawValue)"] + schedule.words + clipping.words
      + penalties.words + layers.words
    return words.joined(separator: " ")
  }
}

/// Bounds on the gradient, after it was reduced over the examples: first on every element, then on the whole.
public struct Clipping: Sendable {
  /// The largest amount of an element; infinite for none.
  public var value = Double.infinity
  /// The largest norm of the gradient of all learned parameters together; infinite for none.
  public var norm = Double.infinity

  public init() {}

  fileprivate var words: [String] {
    (value.isFinite ? ["clip-value=\(decimal(value))"] : [])
      + (norm.isFinite ? ["clip-norm=\(decimal(norm))"] : [])
  }
}

/// What pulls all learned parameters towards 0, whatever the gradient says.
public struct Penalties: Sendable {
  /// Times the parameter's sign, added to the gradient after clipping.
  public var l1 = 0.0
  /// Times the parameter, added to the gradient after clipping.
  public var l2 = 0.0
  /// Decoupled weight decay: rate · decay of the parameter is taken off, past the rule.
  public var decay: Double

  public init(decay: Double = 0) { self.decay = decay }

  fileprivate var words: [String] {
    [("l1", l1), ("l2", l2), ("weight-decay", decay)].filter { $0.1 != 0 }
      .map { "\($0.0)=\(decimal($0.1))" }
  }
}

/// Layers that learn otherwise than the rest.
public struct LayerSettings: Sendable {
  /// Layers of which nothing changes: neither parameters nor what the rule keeps nor running statistics.
  public var frozen = Set<String>()
  /// The learning rates of some layers, instead of the rule's; the schedule applies to them too.
  public var rates = [String: Double]()

  public init() {}

  fileprivate var words: [String] {
    let rates = rates.sorted { $0.key < $1.key }.map { "\($0.key)=\(decimal($0.value))" }
    return (frozen.isEmpty ? [] : ["freeze=\(frozen.sorted().joined(separator: ","))"])
      + (rates.isEmpty ? [] : ["layer-rate=\(rates.joined(separator: ","))"])
  }

  /// - Throws: `TrainingError.unknownLayer` for the first that is not among `known`.
  func require(_ known: Set<String>) throws {
    for (option, names) in [("--freeze", frozen), ("--layer-rate", Set(rates.keys))] {
      for name in names.sorted() where !known.contains(name) {
        throw TrainingError.unknownLayer(name, option: option, known: known.sorted())
      }
    }
  }
}
