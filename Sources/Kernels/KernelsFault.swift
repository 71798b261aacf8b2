import Tensors

/// What can go wrong with the means of computing.
public enum KernelsFault: Fault, Equatable {
  case threadRefused(number: Int, count: Int, reason: String)

  public var description: String {
    switch self {
    case .threadRefused(let number, let count, let reason):
      "thread \(number) of \(count) could not be started: \(reason)"
    }
  }
}
