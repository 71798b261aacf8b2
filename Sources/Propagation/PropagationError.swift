import Tensors

/// What can be wrong between a network and the documents that pass through it.
public enum PropagationError: Fault, Equatable {
  case otherModel

  public var description: String {
    switch self {
    case .otherModel: "a model of another topology or type than the one before it"
    }
  }
}
