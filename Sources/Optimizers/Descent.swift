import Kernels
import Lanes16
import Lanes8
import Tensors

/// The step of plain gradient descent over a mean, in registers: the same numbers as the loop of any rule, and in the same pass whether
/// they are finite.
struct DescentKernel: Sendable {
  let descend:
    @Sendable (
      _ old: UnsafePointer<Float>, _ gradient: UnsafePointer<Float>, _ count: Int, _ share: Float,
      _ rate: Float, _ new: UnsafeMutablePointer<Float>
    ) -> Bool

  /// Those that this processor can run, the widest last. All give the same.
  static let supported = RegisterWidth.supported.map(of)

  static let best = RegisterWidth.best.map(of)

  private static func of(_ width: RegisterWidth) -> DescentKernel {
    switch width {
    case .eight:
      DescentKernel { Lanes8.descend($0, by: $1, count: $2, share: $3, rate: $4, into: $5) }
    case .sixteen:
      DescentKernel { Lanes16.descend($0, by: $1, count: $2, share: $3, rate: $4, into: $5) }
    }
  }
}

extension Correction {
  /// parameter − rate · gradient.
  ///
  /// - Parameter kernel: for F32 and a preparation that does nothing but take the mean; nil for the loop.
  mutating func descend(
    rate: Double, _ workers: Workers, with kernel: DescentKernel? = .best
  ) {
    if let kernel, parameter.dtype == .f32, let mean = Mean<Float>(preparation) {
      descend(rate: Float(rate), share: mean.share, workers, kernel)
    } else {
      apply(Descent(rate: rate), workers)
    }
  }
}

private struct Descent: StepFunction {
  let rate: Double

  func callAsFunction<R: Real>(_ gradient: R, _ first: inout R, _ second: inout R) -> R {
    R(rate) * gradient
  }
}
