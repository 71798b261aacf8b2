import Safetensors
import Tensors

/// What can be wrong between documents that are right in themselves.
public enum TrainingError: Fault, Equatable {
  case emptyPart(fraction: Double, of: Int)
  case otherTopology
  case otherTensors(found: [String], expected: [String])
  case noExamples
  /// A model that stopped inside an epoch of which it does not say the loss so far.
  case noEpochLoss
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
  case unknownLayer(String, option: String, known: [String])
  /// A gradient of a batch that stands in no epoch, for a schedule that goes by places.
  case noPlace
  case nothingToValidate
  case otherValidationLoss(epoch: Int, found: Double, known: Double)
  /// A tensor that the rule does not keep, or for a parameter that the model has not.
  case foreignState(String, rule: String)
  case incompleteState(String, rule: String)
  case badStepCount(String, found: Double)
  /// The norm of a gradient of finite numbers.
  case normOverflow
  case negativeVariance(String, found: Double, position: [Int])
  /// The challenger's predictions are not of the examples that the champion's are.
  case otherPredictions(Int, champion: Int)
  case otherExample(String, row: Int)
  case otherLoss(found: String, expected: String)

  public var isNumerical: Bool {
    switch self {
    case .overflow, .lossOverflow, .normOverflow: true
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
    case .negativeVariance(let name, let found, let position):
      "tensor '\(name)': the correction makes it \(decimal(found)) at \(position), expected variances of at least 0: "
        + "the gradient is not of the model as it is now"
    case .noEpochLoss:
      "nn.loss: the model stopped inside an epoch and does not say the loss so far, by which --target-loss goes"
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
    case .unknownLayer(let name, let option, let known):
      "\(option): found layer '\(name)', expected one of: \(known.joined(separator: " "))"
    case .noPlace:
      "nn.epoch: the gradient belongs to no epoch, but --schedule and --warmup-epochs go by it"
    case .nothingToValidate:
      "--validation-loss: the model has finished no epoch, so none can have been measured"
    case .otherValidationLoss(let epoch, let found, let known):
      "nn.validation: found \(decimal(found)) for epoch \(epoch), expected \(decimal(known)) as before"
    case .foreignState(let name, let rule):
      "tensor '\(name)': not of the rule \(rule) for this model (--reset-optimizer drops it)"
    case .incompleteState(let name, let rule):
      "tensor '\(name)' is missing, but the model holds others of the rule \(rule) "
        + "(--reset-optimizer drops them)"
    case .badStepCount(let name, let found):
      "tensor '\(name)': found \(decimal(found)), expected a whole number above 0"
    case .otherPredictions(let found, let champion):
      "found \(found) predictions, expected \(champion) as the champion has"
    case .otherExample(let name, let row):
      "tensor '\(name)': prediction \(row) is of another example than the champion's"
    case .otherLoss(let found, let expected):
      "nn.topology: found loss '\(found)', expected '\(expected)' as the champion has: losses of two kinds do not compare"
    case .normOverflow: "--clip-norm: the gradient's norm is infinite, expected a finite number"
    }
  }
}
