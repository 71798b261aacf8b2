import Documents
import Tensors

/// What can be wrong between documents that are right in themselves.
public enum TrainingError: Fault, Equatable {
  case emptyPart(fraction: Double, of: Int)
  case otherTopology
  case otherTensors(found: [String], expected: [String])
  case noExamples
  case noGradients
  case noPredictions
  case secondGradient
  /// A result of finite numbers that is none; the fault says where.
  case overflow(DocumentError, doing: String)
  /// The losses of finite gradients, added up.
  case lossOverflow
  /// A target that names no class of the output.
  case classOutside(id: String, row: Int, classes: Int)
  case alreadyTrained(epoch: Int, asked: Int)
  case insideEpoch(found: String, expected: String)
  case positionOutside(Int, steps: Int)

  public var isNumerical: Bool {
    switch self {
    case .overflow, .lossOverflow: true
    default: false
    }
  }

  public var description: String {
    switch self {
    case .emptyPart(let fraction, let count):
      "a fraction of \(decimal(fraction)) of \(count) examples leaves a part without any"
    case .otherTopology:
      "nn.topology: the gradient is of another network than the model"
    case .otherTensors(let found, let expected):
      "found tensors \(found.joined(separator: ", ")), expected "
        + "\(expected.joined(separator: ", ")) as in the first gradient"
    case .noExamples: "nn.examples: found 0, expected at least one example"
    case .noGradients: "no gradients: the stream has 0 frames"
    case .noPredictions: "no predictions: the stream has 0 frames"
    case .secondGradient:
      "a second gradient, expected one (with --feedback a stream of them, or nn-sum to add them up)"
    case .overflow(let fault, let work): "after \(work): \(fault)"
    case .lossOverflow: "nn.loss: found infinity after adding it, expected a finite number"
    case .classOutside(let id, let row, let classes):
      "tensor 'target': class id \(id) in row \(row), expected 0 to \(classes - 1)"
    case .alreadyTrained(let epoch, let asked):
      "nn.epoch: the model has finished epoch \(epoch), --epochs asks for \(asked)"
    case .insideEpoch(let found, let expected):
      "the model stopped inside an epoch trained with '\(found)', found '\(expected)'"
    case .positionOutside(let position, let steps):
      "nn.position: found \(position), expected less than the epoch's \(steps) steps"
    }
  }
}
