import Kernels
import Lanes16
import Lanes4
import Lanes8
import Microkernels

/// The microkernels in F32 of one kind of processor.
public struct LaneKernels: Sendable {
  /// The compilation that they are of.
  public let compiled: any LaneMicrokernels.Type
  /// Numbers in a register.
  public let lanes: Int
  let tileHeight, placesTogether, tapsTogether, deltasTogether: Int

  private init(_ compiled: any LaneMicrokernels.Type) {
    self.compiled = compiled
    lanes = compiled.lanes
    (tileHeight, placesTogether) = (compiled.tileHeight, compiled.placesTogether)
    (tapsTogether, deltasTogether) = (compiled.tapsTogether, compiled.deltasTogether)
  }

  /// Those that this processor can run, the widest last.
  public static let supported = RegisterWidth.supported.map(of)

  /// Those of the widest registers; nil where there are none: `RegisterWidth.best`.
  public static let best = RegisterWidth.best.map(of)

  /// The one place that chooses: `eight` for processors with AVX2 and on arm64, `sixteen` for those
  /// with AVX-512.
  private static func of(_ width: RegisterWidth) -> LaneKernels {
    switch width {
    case .eight: LaneKernels(Lanes8.CompiledKernels.self)
    case .sixteen: LaneKernels(Lanes16.CompiledKernels.self)
    }
  }
}

/// The products of matrices of one kind of processor.
public struct ProductKernels: Sendable {
  let compiled: any ProductMicrokernels.Type

  /// Those that this processor can run, the widest last. The first run anywhere.
  public static let supported =
    [ProductKernels(compiled: Lanes4.CompiledKernels.self)]
    + LaneKernels.supported.map { ProductKernels(compiled: $0.compiled) }

  /// Those of the widest registers that `LaneKernels` may use.
  public static let best =
    LaneKernels.best.map { ProductKernels(compiled: $0.compiled) } ?? supported[0]
}

// MARK: What `correlate` wants, and gives

extension LaneKernels {
  /// Taps, the last one repeated until they are a multiple of what is correlated together.
  func padded(_ taps: [Int]) -> [Int] {
    guard let last = taps.last else { return taps }
    return taps + [Int](repeating: last, count: paddedTaps(taps.count) - taps.count)
  }

  /// How many those are.
  func paddedTaps(_ count: Int) -> Int { (count + tapsTogether - 1) / tapsTogether * tapsTogether }

  /// Output channels, and those that are not there but have sums.
  func paddedOutputs(_ outputs: Int) -> Int {
    (outputs + deltasTogether - 1) / deltasTogether * deltasTogether
  }

  /// Where the sum of an output channel and a tap lies.
  func indexOfSum(_ output: Int, _ tap: Int, of taps: Int) -> Int {
    (output / deltasTogether * taps + tap) * deltasTogether + output % deltasTogether
  }
}
