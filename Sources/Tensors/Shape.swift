/// The extents of a tensor along its axes, outermost first; `[]` is a scalar.
public struct Shape: Hashable, Sendable {
  public let dimensions: [Int]

  /// The number of elements: the product of the dimensions, 1 for a scalar.
  public let count: Int

  /// A shape that the program made itself; negative dimensions and overflow are its own mistakes.
  public init(_ dimensions: [Int]) {
    guard let shape = Shape(checking: dimensions) else {
      preconditionFailure("impossible shape \(dimensions)")
    }
    self = shape
  }

  /// A shape that came from outside: nil when a dimension is negative or the product overflows.
  public init?(checking dimensions: [Int]) {
    var product = 1
    for dimension in dimensions {
      let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
      if dimension < 0 || overflow { return nil }
      product = next
    }
    self.dimensions = dimensions
    self.count = product
  }

  @inlinable public var rank: Int { dimensions.count }

  @inlinable public subscript(axis: Int) -> Int { dimensions[axis] }

  /// The shape of one example: without the first axis, along which the examples lie.
  public var perExample: Shape { Shape(Array(dimensions.dropFirst())) }

  /// The shape of `count` examples of this shape.
  public func batched(_ count: Int) -> Shape { Shape([count] + dimensions) }

  /// The shape without its axes of length 1.
  public var squeezed: Shape { Shape(dimensions.filter { $0 != 1 }) }

  /// As a topology file writes it: `1x28x28`.
  public var topologyText: String { dimensions.map(String.init).joined(separator: "x") }
}

extension Shape: ExpressibleByArrayLiteral {
  public init(arrayLiteral dimensions: Int...) { self.init(dimensions) }
}

extension Shape: CustomStringConvertible {
  /// As messages write it: `[64, 784]`.
  public var description: String {
    "[" + dimensions.map(String.init).joined(separator: ", ") + "]"
  }
}
