import Optimizers
import Safetensors
import Tensors

/// What a rule keeps for the parameters of a model between two steps: `optimizer.PARAMETER.NAME`, and for a rule that
/// counts the scalar `optimizer.PARAMETER.steps`, how often it has corrected the parameter.
///
/// A count for each parameter, not one for the model: a layer that was frozen has had fewer corrections, and a model
/// that another rule has trained before none at all.
struct StateTensors {
  private let state: [String: Tensor]
  private let rule: any Optimizer.Type
  private let dtype: DType
  private var counts: [String: Int] = [:]

  static let count = "steps"

  /// - Throws: `TrainingError` when the model holds a tensor that the rule does not keep, or lacks one of several;
  ///   `DocumentError.wrongShape` for one of another shape.
  init(of model: Model, rule: any Optimizer.Type) throws {
    state = model.state
    dtype = model.dtype
    self.rule = rule
    if state.isEmpty { return }
    let kept = rule.stateNames + (rule.countsSteps ? [Self.count] : [])
    var known = Set<String>()
    for (name, parameter) in model.parameters {
      let names = kept.map { Self.name(of: name, $0) }
      known.formUnion(names)
      if names.allSatisfy({ state[$0] == nil }) { continue }
      for (full, kept) in zip(names, kept) {
        guard let tensor = state[full] else {
          throw TrainingError.incompleteState(full, rule: rule.word)
        }
        let shape = kept == Self.count ? Shape([]) : parameter.shape
        guard tensor.shape == shape else {
          throw DocumentError.wrongShape(
            full, found: tensor.shape,
            expected: kept == Self.count ? "\(shape), a count" : "\(shape) as '\(name)' has it")
        }
        if kept == Self.count { counts[name] = try Self.count(full, tensor) }
      }
    }
    if let foreign = state.keys.filter({ !known.contains($0) }).min() {
      throw TrainingError.foreignState(foreign, rule: rule.word)
    }
  }

  /// How often the rule has corrected the parameter, as far as it counts.
  func count(of parameter: String) -> Int { counts[parameter] ?? 0 }

  /// The rule's tensors for a parameter: zeros before its first step.
  func tensors(of parameter: Tensor, _ name: String) -> [Tensor] {
    rule.stateNames.map {
      state[Self.name(of: name, $0)] ?? Tensor(zeros: parameter.shape, parameter.dtype)
    }
  }

  static func name(of parameter: String, _ kept: String) -> String {
    "\(Model.statePrefix)\(parameter).\(kept)"
  }

  /// F32 counts to 2²⁴ and then stands still, when powers of any beta have long become 0.
  private static func count(_ name: String, _ tensor: Tensor) throws -> Int {
    let value = tensor.doubles()[0]
    guard let count = Int(exactly: value), count > 0 else {
      throw TrainingError.badStepCount(name, found: value)
    }
    return count
  }
}
