import Products

/// A layer that can also compute on signals in registers, the examples of a batch side by side: [N / lanes, …, lanes] in place of
/// [N, …]. Every number is the same.
public protocol LaneLayer: Layer {
  /// Whether it can.
  func isAble(_ kernels: LaneKernels) -> Bool

  /// Whether it is faster so even if what it takes and gives must be put into registers for it, and out again.
  var prefersLanes: Bool { get }

  /// Whether its form can do the work of this activation of the layer that it takes from.
  func canInclude(_ activation: any Activation) -> Bool

  /// - Parameters:
  ///   - included: what the layer that it takes from leaves to it; nil for nothing.
  ///   - activation: what follows it.
  func inLanes(
    _ kernels: LaneKernels, behind included: (any Activation)?, before activation: any Activation
  ) -> LaneForm

  /// The form that also does the work of the only layer that takes from it; nil where there is none.
  ///
  /// - Parameter activation: what stands between the two.
  func inLanes(
    _ kernels: LaneKernels, with taker: any LaneLayer, behind activation: any Activation
  ) -> (any Layer)?
}

extension LaneLayer {
  public func isAble(_ kernels: LaneKernels) -> Bool { true }
  public var prefersLanes: Bool { false }
  public func canInclude(_ activation: any Activation) -> Bool { false }

  public func inLanes(
    _ kernels: LaneKernels, with taker: any LaneLayer, behind activation: any Activation
  ) -> (any Layer)? { nil }
}

/// A layer as it computes on signals in registers.
public struct LaneForm: Sendable {
  public let layer: any Layer
  /// Whether it does the work of the activation that follows, too.
  public let includesActivation: Bool

  public init(_ layer: any Layer, includesActivation: Bool = false) {
    (self.layer, self.includesActivation) = (layer, includesActivation)
  }
}
