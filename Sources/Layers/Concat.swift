import Compute
import Tensors

/// Several layers' outputs one after the other along the first axis of an example: `concat NAME…` puts those of
/// the named layers behind what reaches the line. For images these are the channels; the other axes must agree.
///
/// Source: Huang, Liu, van der Maaten, Weinberger 2017, Densely connected convolutional networks, equation 2.
public struct Concat: Layer {
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

  public func forward(_ call: ForwardCall) {
    let inputs = widths.indices.map { call.inputs[$0] }
    call.output = .joinedRows(inputs).reshaped(output.batched(inputs[0].shape[0]))
  }

  /// The gradient of every input is its part of delta.
  public func backward(_ call: BackwardCall) {
    var start = 0
    for (index, width) in widths.enumerated() {
      if call.wanted[index] {
        call.inputGradients[index] = call.outputGradient.partOfRows(start..<start + width)
          .reshaped(call.inputs[index].shape)
      }
      start += width
    }
  }
}
