/// What a step makes of the gradients that were summed over its examples.
public enum Reduction: String, CaseIterable, Sendable {
  /// Divided by the number of examples.
  case mean

  /// As it is.
  case sum

  /// What a gradient over `examples`, at least 1, is divided by.
  public func divisor(examples: Int) -> Int {
    precondition(examples >= 1, "a gradient over \(examples) examples")
    return self == .mean ? examples : 1
  }
}
