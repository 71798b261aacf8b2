import Layers
import Tensors

/// What does not fit between a network and the tensors brought to it.
public enum NetworkError: Fault, Equatable {
  case missing(tensor: String, expected: Shape)
  case unexpected(tensor: String)
  case wrongShape(tensor: String, found: Shape, expected: Shape, layer: String?)
  case wrongDType(tensor: String, found: DType, expected: String)
  case noExamples(tensor: String)
  case nonFinite(tensor: String, value: Double, example: Int, position: [Int], dtype: DType)
  case negativeVariance(tensor: String, value: Double, position: [Int])
  case noDerivative(layer: String, reason: String)
  case tooFewExamples(layer: String, batch: String, reason: String)
  /// What a batch takes, and what of that the layer that takes the most; nil beyond what Int can count.
  case tooMuchMemory(layer: String, ofLayer: Int?, found: Int?, examples: Int, limit: Int)

  public var description: String {
    switch self {
    case .missing(let tensor, let expected):
      "tensor '\(tensor)': missing, expected shape \(expected)"
    case .unexpected(let tensor):
      "tensor '\(tensor)': not in the topology"
    case .wrongShape(let tensor, let found, let expected, let layer):
      "tensor '\(tensor)': found shape \(found), expected \(expected)"
        + (layer.map { " for layer '\($0)'" } ?? "")
    case .wrongDType(let tensor, let found, let expected):
      "tensor '\(tensor)': found dtype \(found.rawValue), expected \(expected)"
    case .noExamples(let tensor):
      "tensor '\(tensor)': found 0 examples, expected at least 1"
    case .nonFinite(let tensor, let value, let example, let position, let dtype):
      "tensor '\(tensor)': found \(value) in example \(example) at \(position), expected numbers "
        + "that are finite in \(dtype.rawValue)"
    case .negativeVariance(let tensor, let value, let position):
      "tensor '\(tensor)': found \(decimal(value)) at \(position), expected variances of at least 0"
    case .noDerivative(let layer, let reason):
      "layer '\(layer)': \(reason)"
    case .tooFewExamples(let layer, let batch, let reason):
      "layer '\(layer)': \(batch) has \(reason)"
    case .tooMuchMemory(let layer, let ofLayer, let found, let examples, let limit):
      "layer '\(layer)': found signals of \(count(ofLayer)) bytes, \(count(found)) in all layers, for "
        + "a batch of \(examples), expected at most \(limit) in all "
        + "(NN_MAX_DOCUMENT_BYTES sets the limit)"
    }
  }
}

private func count(_ bytes: Int?) -> String { bytes.map(String.init) ?? "more than \(Int.max)" }
