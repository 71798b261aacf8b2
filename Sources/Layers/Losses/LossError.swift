import Tensors

/// What is wrong with a target; rows count from 0 within the tensor.
public enum LossError: Fault, Equatable {
  case classOutOfRange(id: String, row: Int, classes: Int)
  case targetOutOfRange(found: Double, row: Int, position: [Int], expected: String, loss: String)
  case probabilitiesDoNotAddUp(row: Int, sum: Double)
  case noSingleClass(row: Int, found: Int, loss: String)

  public var description: String {
    switch self {
    case .classOutOfRange(let id, let row, let classes):
      "tensor 'target': class id \(id) in row \(row), expected 0 to \(classes - 1)"
    case .targetOutOfRange(let found, let row, let position, let expected, let loss):
      "tensor 'target': found \(found) in row \(row) at \(position), expected numbers \(expected) "
        + "for loss '\(loss)'"
    case .probabilitiesDoNotAddUp(let row, let sum):
      "tensor 'target': row \(row) adds up to \(sum), expected 1 for loss 'cross-entropy'"
    case .noSingleClass(let row, let found, let loss):
      "tensor 'target': found \(found) ones in row \(row), expected a single one among zeros for loss '\(loss)'"
    }
  }
}

extension Loss {
  /// Refuses targets for which `expected` says what they should have been.
  func check(target: Tensor, _ expected: (Double) -> String?) throws {
    for (element, value) in target.doubles().enumerated() {
      guard let expected = expected(value) else { continue }
      let position = target.position(of: element)
      throw LossError.targetOutOfRange(
        found: value, row: position[0], position: Array(position.dropFirst()), expected: expected,
        loss: word)
    }
  }
}
