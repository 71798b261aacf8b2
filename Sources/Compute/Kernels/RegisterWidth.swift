import CLibrary
import CProcessor

/// How many numbers the registers of the kernels in `KernelsAVX2` and `KernelsAVX512` hold.
public enum RegisterWidth: Int, Sendable {
  case eight = 8
  case sixteen = 16

  /// Those that this processor can run kernels of, the widest last.
  public static let supported: [RegisterWidth] = {
    #if arch(arm64)
      return [.eight]
    #else
      return (nn_processor_has_avx2() ? [.eight] : [])
        + (nn_processor_has_avx512() ? [.sixteen] : [])
    #endif
  }()

  /// The widest that this processor can run; nil where it has neither, or where `NN_LANES` in the environment says 0.
  /// `NN_LANES=8` asks for no more than those.
  public static let best: RegisterWidth? = {
    guard let asked = getenv("NN_LANES").flatMap({ Int(String(cString: $0)) }) else {
      return supported.last
    }
    return supported.last { $0.rawValue <= asked }
  }()
}
