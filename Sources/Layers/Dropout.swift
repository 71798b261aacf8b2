import Compute
import Tensors

/// In training every number is set to 0 with probability P and else divided by 1 − P; in use nothing happens:
/// `dropout P`.
///
/// Which numbers are dropped is a function of the seed, the epoch, the step, the example's row in the dataset, the layer's
/// name and the element: 32 random bits each, compared with P · 2³². Backward draws them again.
/// Source: Srivastava et al. 2014, Dropout, section 10 (scaling in training).
public struct Dropout: Layer {
  public let output: Shape
  private let probability: Double

  public init(_ words: inout LayerWords, input: Shape) throws {
    output = input
    probability = try words.number("the probability", "from 0 to below 1") { $0 >= 0 && $0 < 1 }
  }

  public var isRandom: Bool { true }

  public func sharesInput(_ mode: Mode) -> Bool { mode == .inference }

  public func forward(_ call: ForwardCall) {
    mask(call.input, into: &call.output, call.context)
  }

  /// ∂input = delta where the input passed, divided by 1 − P
  public func backward(_ call: BackwardCall) {
    guard call.wantsInputGradient else { return }
    mask(call.outputGradient, into: &call.inputGradient, call.context)
    call.inputGradient = call.inputGradient.reshaped(call.input.shape)
  }

  private func mask(_ tensor: Tensor, into result: inout Tensor, _ context: Context) {
    guard context.mode == .training else {
      result = tensor
      return
    }
    guard let draws = context.draws else { preconditionFailure("dropout without draws") }
    result.become(uninitialized: tensor.shape, tensor.dtype)
    switch tensor.dtype {
    case .f64: mask(tensor, draws, into: &result, of: Double.self, context.workers)
    default: mask(tensor, draws, into: &result, of: Float.self, context.workers)
    }
  }

  private func mask<R: Real>(
    _ tensor: Tensor, _ draws: Draws, into result: inout Tensor, of type: R.Type,
    _ workers: ThreadPool
  ) {
    let numbers = RandomNumbers(seed: draws.seed, purpose: draws.layer, stream: draws.stream)
    let threshold = UInt32(probability * 0x1p32)
    let scale = R(1 / (1 - probability))
    let width = output.count
    let blocks = (width + 7) / 8
    tensor.withValues(of: type) { x in
      result.withMutableValues(of: type) { y in
        workers.run(cutting: draws.rows.count, into: max(1, 4096 / width)) { examples in
          for example in examples {
            let first = draws.rows[example] &* UInt64(blocks)
            for block in 0..<blocks {
              let bits = numbers.block(first &+ UInt64(block))
              let lanes = SIMD8<UInt32>(bits)
              let start = example * width + block * 8
              for lane in 0..<min(8, width - block * 8) {
                y[start + lane] = lanes[lane] < threshold ? 0 : x[start + lane] * scale
              }
            }
          }
        }
      }
    }
  }
}

extension SIMD8<UInt32> {
  /// The 32-bit halves of four numbers, the lower one first.
  fileprivate init(_ bits: (UInt64, UInt64, UInt64, UInt64)) {
    self.init(
      UInt32(truncatingIfNeeded: bits.0), UInt32(truncatingIfNeeded: bits.0 >> 32),
      UInt32(truncatingIfNeeded: bits.1), UInt32(truncatingIfNeeded: bits.1 >> 32),
      UInt32(truncatingIfNeeded: bits.2), UInt32(truncatingIfNeeded: bits.2 >> 32),
      UInt32(truncatingIfNeeded: bits.3), UInt32(truncatingIfNeeded: bits.3 >> 32))
  }
}
