import Tensors

/// What one check found in a dataset.
public struct Finding: Equatable, Sendable {
  /// The check, in a word.
  public let check: String
  public let isRefused: Bool
  public let found: String
  /// What was expected; nil where any would do.
  public let expected: String?

  init(_ check: String, found: String, expected: String? = nil, isRefused: Bool = false) {
    (self.check, self.found, self.expected) = (check, found, expected)
    self.isRefused = isRefused
  }

  /// What the fault says, refused.
  init(_ check: String, _ fault: any Fault) {
    self.init(check, found: fault.description, isRefused: true)
  }
}
