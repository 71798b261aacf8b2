import ArgumentParser
import Optimizers
import Tensors
import Training

/// How weights are corrected, for the tools that correct them.
public struct UpdateOptions: ParsableArguments {
  @OptionGroup(title: "Optimizer") var optimizer: OptimizerOptions
  @OptionGroup(title: "Schedule of the rate") public var schedule: ScheduleOptions
  @OptionGroup(title: "Bounds and penalties") var limits: LimitOptions
  @OptionGroup(title: "Layers") var layers: LayerOptions

  public init() {}

  public func validate() throws {
    let decay = limits.penalties(decay: type(of: try optimizer.made()).defaultDecay).decay
    let rates = layers.settings.rates.sorted { $0.key < $1.key }
    for (option, rate) in [("--rate \(decimal(optimizer.rate.value))", optimizer.rate.value)]
      + rates.map({ ("--layer-rate \($0.key)=\(decimal($0.value))", $0.value) })
    where rate * decay >= 1 {
      throw ValidationError(
        "\(option) times --weight-decay \(decimal(decay)) is \(decimal(rate * decay)), expected less "
          + "than 1, or no weight keeps its sign")
    }
  }

  /// - Parameter epochs: the length of a schedule that is given none; nil where there is no such default.
  /// - Throws: `StageError.usage` for a schedule without its length.
  public func settings(epochs: Int? = nil) throws -> UpdateSettings {
    var settings = UpdateSettings(try optimizer.made(), optimizer.reduce)
    settings.schedule = try schedule.schedule(epochs: epochs)
    settings.clipping = limits.clipping
    settings.penalties = limits.penalties(decay: settings.penalties.decay)
    settings.layers = layers.settings
    return settings
  }

  /// The model as it is before its first correction: with its loss on validation data and, where so asked, without
  /// what another rule kept.
  ///
  /// - Throws: `TrainingError` when loss, rule, layers and model do not go together; `DocumentError.wrongShape` for
  ///   state in another shape than its parameter's.
  public func prepared(_ model: Model, for settings: UpdateSettings) throws -> Model {
    var model = model
    if let loss = schedule.validationLoss?.value { try model.note(validationLoss: loss) }
    if optimizer.resetOptimizer { model.resetOptimizer() }
    try model.requireLayers(of: settings)
    try model.requireState(of: settings)
    return model
  }
}

/// The optimizer and its settings.
struct OptimizerOptions: ParsableArguments {
  @Option(help: "The optimizer.")
  var optimizer = OptimizerWord(SGD.word)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The learning rate, above 0.", valueName: "number"))
  var rate: PositiveNumber

  @Option(help: "The gradient as the mean over the examples or as their sum.")
  var reduce = Reduction.mean

  @Option(parsing: .unconditional, help: help("The part of the last step to go on with", .momentum))
  var momentum: PartOfOne?

  @Option(parsing: .unconditional, help: help("What the mean of gradients keeps", .beta1))
  var beta1: PartOfOne?

  @Option(parsing: .unconditional, help: help("What the mean of squares keeps", .beta2))
  var beta2: PartOfOne?

  @Option(parsing: .unconditional, help: help("What the mean of squares keeps", .alpha))
  var alpha: PartOfOne?

  @Option(parsing: .unconditional, help: help("Added to the root of the squares", .epsilon))
  var epsilon: PositiveNumber?

  @Flag(help: "Drop what another optimizer has kept in the model.")
  var resetOptimizer = false

  private var given: [RuleSetting: Double] {
    let values = [
      (RuleSetting.momentum, momentum?.value), (.beta1, beta1?.value), (.beta2, beta2?.value),
      (.alpha, alpha?.value), (.epsilon, epsilon?.value),
    ]
    return values.reduce(into: [:]) { $0[$1.0] = $1.1 }
  }

  func validate() throws {
    for setting in RuleSetting.allCases
    where given[setting] != nil && !setting.rules.contains(optimizer.word) {
      throw ValidationError(
        "--\(setting.rawValue) goes with --optimizer \(setting.rules.joined(separator: " or "))")
    }
  }

  func made() throws -> any Optimizer {
    try Optimizers.optimizer(optimizer.word, rate: rate.value, given)
  }
}

/// An option's help: what it says, then the rules that take the setting and their defaults.
private func help(_ text: String, _ setting: RuleSetting) -> ArgumentHelp {
  let rules = optimizers.compactMap { rule in
    rule.defaults[setting].map { "\(rule.word): \(decimal($0))" }
  }
  return ArgumentHelp("\(text) (\(rules.joined(separator: ", "))).", valueName: "number")
}

/// Bounds on the gradient, and what pulls weights towards 0.
struct LimitOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Bound every element of the gradient by this, before its norm.", valueName: "number"))
  var clipValue: PositiveNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Shrink the gradient of all layers together to this norm at most.", valueName: "number"))
  var clipNorm: PositiveNumber?

  @Option(
    name: .customLong("l1"), parsing: .unconditional,
    help: ArgumentHelp("Times the weight's sign, added to the gradient.", valueName: "number"))
  var l1: NonnegativeNumber?

  @Option(
    name: .customLong("l2"), parsing: .unconditional,
    help: ArgumentHelp("Times the weight, added to the gradient.", valueName: "number"))
  var l2: NonnegativeNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Take rate times this off the weight itself, past the optimizer \
      (default: \(decimal(AdamW.defaultDecay)) for \(AdamW.word), else 0).
      """,
      valueName: "number"))
  var weightDecay: NonnegativeNumber?

  var clipping: Clipping {
    var clipping = Clipping()
    if let clipValue { clipping.value = clipValue.value }
    if let clipNorm { clipping.norm = clipNorm.value }
    return clipping
  }

  func penalties(decay: Double) -> Penalties {
    var penalties = Penalties(decay: weightDecay?.value ?? decay)
    (penalties.l1, penalties.l2) = (l1?.value ?? 0, l2?.value ?? 0)
    return penalties
  }
}

/// Layers that learn otherwise. What repeated options name counts together.
struct LayerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Leave these layers as they are. A frozen batchnorm still normalizes by the batch, while its running \
      statistics stay.
      """,
      valueName: "layer,…"))
  var freeze: [LayerNames] = []

  @Option(
    help: ArgumentHelp(
      "Learning rates of some layers; the schedule goes for them too.", valueName: "layer=rate,…"))
  var layerRate: [LayerRates] = []

  func validate() throws {
    for rates in layerRate {
      for (name, rate) in rates.rates.sorted(by: { $0.key < $1.key }) {
        guard let kept = settings.rates[name], kept != rate else { continue }
        throw ValidationError(
          "--layer-rate: found rates \(decimal(kept)) and \(decimal(rate)) for the layer '\(name)'")
      }
    }
    for name in settings.frozen.sorted() where settings.rates[name] != nil {
      throw ValidationError("--freeze and --layer-rate both name the layer '\(name)'")
    }
  }

  var settings: LayerSettings {
    var settings = LayerSettings()
    for names in freeze { settings.frozen.formUnion(names.names) }
    for rates in layerRate { settings.rates.merge(rates.rates) { first, _ in first } }
    return settings
  }
}
