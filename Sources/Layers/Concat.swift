import Kernels
import Tensors

/// Several layers' outputs one after the other along the first axis of an example: `concat NAME…` puts those of
/// the named layers behind what reaches the line. For pictures these are the channels; the other axes must agree.
///
/// Source: Huang, Liu, van der Maaten, Weinberger 2017, Densely connected convolutional networks, equation 2.
public struct Concat: Layer {
  public static let word = "concat"
  public static let joinsOthers = true

  public let output: Shape
  /// The elements per example of every input.
  private let widths: [Int]

  public init(_ words: inout LayerWords, inputs: [LayerInput]) throws {
    let first = inputs[0].shape
    for input in inputs.dropFirst()
    where input.shape.rank != first.rank || input.shape.perExample != first.perExample {
      throw words.conflict(inputs[0], input, expected: "agreement in all axes but the first")
    }
    // The parser refuses an output that is too large, but not before its extents are added up.
    let lengths = inputs.map { $0.shape[0] }.reduce(0, +)
    try words.check(elements: [lengths] + first.perExample.dimensions, of: "output")
    output = first.perExample.batched(lengths)
    widths = inputs.map(\.shape.count)
  }

  public var backwardReadsInputs: Bool { false }

  public func forward(
    _ inputs: [Tensor], _ parameters: [String: Tensor], _ pass: Pass
  ) -> LayerOutput {
    LayerOutput(
      .joinedRows(inputs).reshaped(output.batched(inputs[0].shape[0])))
  }

  /// The gradient of every input is its part of delta.
  public func backward(
    delta: Tensor, inputs: [Tensor], kept: [String: Tensor], _ parameters: [String: Tensor],
    wanted: [Bool], _ pass: Pass
  ) -> LayerGradient {
    var start = 0
    var gradients: [Tensor?] = []
    for (index, width) in widths.enumerated() {
      let part = start..<start + width
      gradients.append(
        wanted[index] ? delta.partOfRows(part).reshaped(inputs[index].shape) : nil)
      start += width
    }
    return LayerGradient(inputs: gradients)
  }
}
