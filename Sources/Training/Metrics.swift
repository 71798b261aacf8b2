import Documents
import Safetensors
import Tensors

/// Loss and accuracy over predictions, however they are cut into documents.
public struct Metrics: Sendable {
  public private(set) var examples = 0
  private var lossSum = 0.0
  /// Right answers; nil once a target was seen that names no class.
  private var correct: Int? = 0

  public init() {}

  /// The mean over the examples.
  public var loss: Double { lossSum / Double(examples) }

  /// The share of right answers; nil where the targets are numbers that name no class.
  public var accuracy: Double? { correct.map { Double($0) / Double(examples) } }

  /// Counts in the predictions of one document.
  ///
  /// The answer is the class with the largest output, or for a single output class 1 above 0.5.
  /// - Throws: `DocumentError` when it is no prediction, has no target, or holds a loss that is not finite.
  public mutating func add(_ prediction: Document) throws {
    try prediction.require(.prediction)
    let output = try prediction.tensor(Role.output)
    let target = try prediction.tensor(Role.target)
    let loss = try prediction.finiteTensor(Role.loss)
    let count = output.shape.rank > 0 ? output.shape[0] : 0
    guard count > 0 else { throw DocumentError.noExamples(Role.output) }
    try target.requireExamples(count, as: Role.target)
    try loss.requireExamples(count, as: Role.loss)
    examples += count
    lossSum = loss.doubles().reduce(lossSum, +)
    let width = output.shape.perExample.count
    if let soFar = correct, let wanted = target.classes(outputs: width) {
      let answers = output.doubles().answers(outputs: width)
      correct = soFar + zip(answers, wanted).count { $0 == $1 }
    } else {
      correct = nil
    }
  }

  /// - Throws: `TrainingError.noPredictions` when nothing was counted.
  public func requireExamples() throws {
    if examples == 0 { throw TrainingError.noPredictions }
  }
}

extension Tensor {
  /// The class that each row names: an id, a 1 among zeros, or for a single output 0 or 1; nil when a row does not.
  fileprivate func classes(outputs: Int) -> [Int]? {
    let values = doubles()
    if shape.rank == 1 && (dtype.isInteger || outputs == 1) || shape.perExample.count == 1 {
      let isClass = { (value: Double) in outputs == 1 ? value == 0 || value == 1 : dtype.isInteger }
      return values.allSatisfy(isClass) ? values.map { Int($0) } : nil
    }
    guard shape.perExample.count == outputs else { return nil }
    var classes = [Int]()
    for start in stride(from: 0, to: values.count, by: outputs) {
      let row = values[start..<start + outputs]
      guard row.allSatisfy({ $0 == 0 || $0 == 1 }), row.reduce(0, +) == 1 else { return nil }
      classes.append((row.firstIndex(of: 1) ?? start) - start)
    }
    return classes
  }
}

extension [Double] {
  fileprivate func answers(outputs: Int) -> [Int] {
    if outputs == 1 { return map { $0 > 0.5 ? 1 : 0 } }
    return stride(from: 0, to: count, by: outputs).map { start in
      // The first of equal outputs, so that the answer does not depend on how the maximum is searched.
      (0..<outputs).reduce(0) { self[start + $1] > self[start + $0] ? $1 : $0 }
    }
  }
}
