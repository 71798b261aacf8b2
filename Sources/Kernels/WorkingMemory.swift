/// What an operation takes in memory besides its operands and its results, in bytes. Sums and products in Double do not
/// overflow, and are exact below 2⁵³.
public struct WorkingMemory: Sendable, Equatable {
  /// What is kept from one batch to the next.
  public let lasting: Double
  /// What is given back when the operation is done.
  public let passing: Double

  public static let none = WorkingMemory(lasting: 0, passing: 0)

  public init(lasting: Double, passing: Double) {
    (self.lasting, self.passing) = (lasting, passing)
  }
}

/// How far a batch goes through an operation.
public enum Passage: Sendable {
  case forward
  /// Back as well, as far as the gradients of parameters.
  case backToParameters
  /// And to the operation's input.
  case backToInput
}
