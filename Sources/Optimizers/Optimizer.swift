import Compute
import Tensors

/// A rule by which gradients correct parameters. It is a value with its settings; it keeps nothing between
/// steps but the state tensors that it is handed.
public protocol Optimizer: Sendable {
  /// The word for `--optimizer` and in a model's `nn.optimizer`.
  static var word: String { get }

  /// The settings it takes besides the learning rate, and their values unless others are given.
  static var defaults: [RuleSetting: Double] { get }

  /// The decoupled weight decay unless another is given.
  static var defaultDecay: Double { get }

  /// The names of the tensors, two at most, that the rule keeps for every parameter, in its shape and all
  /// zero before the first step; a model carries them as `optimizer.PARAMETER.NAME`. Rules share a name only
  /// where one can go on from what the other left.
  static var stateNames: [String] { get }

  /// Whether the rule must know how often it has corrected the parameter.
  static var countsSteps: Bool { get }

  var settings: RuleSettings { get }

  init(_ settings: RuleSettings)

  /// Corrects the parameter and moves the rule's state by one step, in place.
  ///
  /// - Parameters:
  ///   - rate: of this step.
  ///   - step: how often this rule has corrected this parameter, this step included; 1 for a rule that does
  ///     not count.
  func correct(_ correction: inout Correction, rate: Double, step: Int, _ workers: ThreadPool)
}

extension Optimizer {
  public static var defaults: [RuleSetting: Double] { [:] }
  public static var defaultDecay: Double { 0 }
  public static var stateNames: [String] { [] }
  public static var countsSteps: Bool { false }

  /// - Throws: `OptimizerError` for a rate or setting out of its range, or one that the rule does not take.
  public init(rate: Double, _ given: [RuleSetting: Double] = [:]) throws {
    try self.init(RuleSettings(rate: rate, given, for: Self.self))
  }

  /// The learning rate, which a schedule may change from step to step.
  public var rate: Double { settings.rate }

  /// The word and the settings that decide its result, as `nn.optimizer` states them: `sgd rate=0.1`.
  public var description: String {
    let words = RuleSetting.allCases.compactMap { setting in
      settings.values[setting].map { "\(setting.rawValue)=\(decimal($0))" }
    }
    return (["\(Self.word) rate=\(decimal(rate))"] + words).joined(separator: " ")
  }
}

/// What some of the rules can be told besides the learning rate.
public enum RuleSetting: String, CaseIterable, Sendable {
  /// The part of the last step that the next one begins with.
  case momentum
  /// What remains of Adam's mean of gradients in a step.
  case beta1
  /// What remains of Adam's mean of squared gradients in a step.
  case beta2
  /// What remains of RMSprop's mean of squared gradients in a step.
  case alpha
  /// Added to the root of the squares, so that a step is never divided by 0.
  case epsilon

  /// Whether the value may be used.
  func allows(_ value: Double) -> Bool {
    self == .epsilon ? value > 0 && value.isFinite : 0..<1 ~= value
  }

  /// The rules that take it.
  public var rules: [String] {
    optimizers.filter { $0.defaults[self] != nil }.map { $0.word }
  }
}

/// A rule's learning rate and other settings, each in its range.
public struct RuleSettings: Sendable {
  public let rate: Double
  let values: [RuleSetting: Double]

  init(rate: Double, _ given: [RuleSetting: Double], for rule: any Optimizer.Type) throws {
    guard rate.isFinite && rate > 0 else { throw OptimizerError.badRate(found: rate) }
    for (setting, value) in given {
      guard rule.defaults[setting] != nil else {
        throw OptimizerError.foreignSetting(setting, rule: rule.word)
      }
      guard setting.allows(value) else {
        throw OptimizerError.badSetting(setting, found: value)
      }
    }
    self.rate = rate
    values = rule.defaults.merging(given) { _, given in given }
  }

  subscript(setting: RuleSetting) -> Double {
    guard let value = values[setting] else {
      preconditionFailure("\(setting) asked by a rule that has no default for it")
    }
    return value
  }
}

/// What can be wrong with the settings of a step.
public enum OptimizerError: Fault, Equatable {
  case unknownRule(found: String)
  case badRate(found: Double)
  case badSetting(RuleSetting, found: Double)
  case foreignSetting(RuleSetting, rule: String)

  public var description: String {
    switch self {
    case .unknownRule(let found):
      "found rule '\(found)', expected one of: " + optimizerWords.joined(separator: " ")
    case .badRate(let found): "found learning rate \(found), expected a finite number above 0"
    case .badSetting(let setting, let found):
      "found \(setting.rawValue) \(found), expected "
        + (setting == .epsilon ? "a finite number above 0" : "a number from 0 to below 1")
    case .foreignSetting(let setting, let rule):
      "found \(setting.rawValue) for the rule \(rule), which \(setting.rules.joined(separator: " or ")) take"
    }
  }
}

/// Every rule.
public let optimizers: [any Optimizer.Type] = [
  SGD.self, Momentum.self, Nesterov.self, Adagrad.self, RMSprop.self, Adam.self, AdamW.self,
  Lion.self,
]

/// The words of every rule.
public var optimizerWords: [String] { optimizers.map { $0.word } }

/// The rule that `word` names.
///
/// - Throws: `OptimizerError`.
public func optimizer(
  _ word: String, rate: Double, _ given: [RuleSetting: Double] = [:]
) throws -> any Optimizer {
  guard let rule = optimizers.first(where: { $0.word == word }) else {
    throw OptimizerError.unknownRule(found: word)
  }
  return try rule.init(rate: rate, given)
}
