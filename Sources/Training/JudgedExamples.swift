import Safetensors
import Tensors

/// One document of predictions, checked and taken apart: what every example lost, and which class was wanted of it and
/// answered to it.
struct JudgedExamples {
  let losses: [Double]
  let target: Tensor
  /// The class that each target names; nil where one names none.
  let wanted: [Int]?
  /// The class with the largest output, or for a single output class 1 above 0.5; above 0 where the network's loss is
  /// `hinge`, which pushes the two classes to either side of 0. Nil where targets name no class.
  let answers: [Int]?

  var count: Int { losses.count }

  /// - Throws: `DocumentError` when it is no prediction, has no target, or holds an output or loss that is not finite;
  ///   `TrainingError.classOutside`.
  init(_ prediction: Document) throws {
    try prediction.require(.prediction)
    let output = try prediction.finiteTensor(Role.output)
    let target = try prediction.tensor(Role.target)
    let loss = try prediction.finiteTensor(Role.loss)
    let count = output.shape.rank > 0 ? output.shape[0] : 0
    guard count > 0 else { throw DocumentError.noExamples(Role.output) }
    try output.requireNumbers(Role.output)
    try target.requireExamples(count, as: Role.target)
    guard loss.shape == [count] else {
      throw DocumentError.wrongShape(Role.loss, found: loss.shape, expected: "[\(count)]")
    }
    for (name, tensor) in [(Role.output, output), (Role.loss, loss), (Role.target, target)]
    where tensor.dtype == .c64 {
      throw DocumentError.wrongDType(name, found: .c64, expected: "real numbers")
    }
    let width = output.shape.perExample.count
    let isHinge = prediction.lossWords.first == "hinge"
    losses = loss.doubles()
    self.target = target
    wanted = try target.classes(outputs: width)
    answers =
      wanted == nil
      ? nil : output.doubles().answers(outputs: width, threshold: isHinge ? 0 : 0.5)
  }
}

extension Tensor {
  /// The class that each row names: an id, a 1 among zeros, or for a single output 0 or 1; nil when a row does not.
  ///
  /// - Throws: `TrainingError.classOutside` for an id that is none of the output's classes.
  fileprivate func classes(outputs: Int) throws -> [Int]? {
    let values = doubles()
    if dtype.isInteger && shape.count == shape[0] {
      let classes = max(outputs, 2)
      for (row, id) in values.enumerated() where id < 0 || id >= Double(classes) {
        throw TrainingError.classOutside(id: decimal(id), row: row, classes: classes)
      }
      return values.map { Int($0) }
    }
    if outputs == 1 && shape.count == shape[0] {
      return values.allSatisfy { $0 == 0 || $0 == 1 } ? values.map { Int($0) } : nil
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
  fileprivate func answers(outputs: Int, threshold: Double) -> [Int] {
    if outputs == 1 { return map { $0 > threshold ? 1 : 0 } }
    return stride(from: 0, to: count, by: outputs).map { start in
      // The first of equal outputs, so that the answer does not depend on how the maximum is searched.
      (0..<outputs).reduce(0) { self[start + $1] > self[start + $0] ? $1 : $0 }
    }
  }
}

extension Document {
  /// The words behind `loss` in the topology, where that line stands last; empty without a topology.
  var lossWords: [Substring] {
    let lines = (self[.topology] ?? "").split { $0.isNewline }.map { line in
      line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }
    }
    guard let last = lines.last(where: { !$0.isEmpty }), last[0] == "loss" else { return [] }
    return Array(last.dropFirst())
  }
}
