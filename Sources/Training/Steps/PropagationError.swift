import Safetensors
import Tensors

/// What can be wrong between a network and the documents that pass through it.
public enum PropagationError: Fault, Equatable {
  case otherModel
  case tooBrief
  case cannotDraw(layer: String, reason: DocumentError)

  public var description: String {
    switch self {
    case .otherModel: "a model of another topology or type than the one before it"
    case .tooBrief:
      "a brief trace has gradients in training and nothing else; nn-forward without --ring keeps more"
    case .cannotDraw(let layer, let reason):
      "\(reason): by seed, epoch, step and row layer '\(layer)' draws in training, and batches of nn-batch carry them"
    }
  }
}
