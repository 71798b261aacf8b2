import Kernels
import Tensors

/// A rule by which gradients correct parameters. It is a value with its settings; it keeps nothing between
/// steps but the state tensors that it is handed.
public protocol Optimizer: Sendable {
  /// The word for `--rule` and in a model's `nn.optimizer`.
  static var word: String { get }

  /// The word and the settings that decide its result, as `nn.optimizer` states them: `sgd rate=0.1`.
  var settings: String { get }

  /// The names of the tensors that the rule keeps for every parameter, all zero before the first step; a
  /// model carries them as `optimizer.PARAMETER.NAME`.
  var stateNames: [String] { get }

  /// The parameter after one step.
  ///
  /// - Parameters:
  ///   - parameter: before the step.
  ///   - gradient: reduced over the examples, in the parameter's shape and dtype.
  ///   - state: a tensor of the parameter's shape for each of `stateNames`; changed in place.
  ///   - step: from 1.
  func updated(
    _ parameter: Tensor, gradient: Tensor, state: inout [String: Tensor], step: Int,
    _ workers: Workers
  ) -> Tensor
}

/// What can be wrong with the settings of a step.
public enum OptimizerFault: Fault, Equatable {
  case unknownRule(found: String)
  case badRate(found: Double)

  public var description: String {
    switch self {
    case .unknownRule(let found):
      "found rule '\(found)', expected one of: " + optimizerWords.joined(separator: " ")
    case .badRate(let found): "found learning rate \(found), expected a finite number above 0"
    }
  }
}

/// The words of every rule.
public let optimizerWords: [String] = [SGD.word]

/// The rule that `word` names.
///
/// - Throws: `OptimizerFault`.
public func optimizer(_ word: String, rate: Double) throws -> any Optimizer {
  switch word {
  case SGD.word: return try SGD(rate: rate)
  default: throw OptimizerFault.unknownRule(found: word)
  }
}
