/// An error whose cause lies outside the program: in the data, the model or the arithmetic.
///
/// Every module's error enum conforms, one case per rule. The description is one line, lower case,
/// without a full stop, and names the tensor or field, what was found and what was expected; the stage
/// puts the tool, the file and the frame before it.
public protocol Fault: Error, CustomStringConvertible {
  /// Whether the arithmetic left the finite numbers: NaN or infinity in a loss, gradient or weight.
  var isNumerical: Bool { get }
}

extension Fault {
  public var isNumerical: Bool { false }
}
