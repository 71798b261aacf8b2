import Kernels
import Tensors

/// Examples in one piece of a convolution.
///
/// Weight gradients depend on it, as the sums of the pieces are added up.
public let convolutionExamplesPerPiece = 16

/// The three products of a convolutional layer, in F32 or F64.
///
/// N examples, C channels in and O out, in G groups that do not see each other; H × W the picture, KH × KW the
/// kernel, H' × W' the places of the window. input [N, C, H, W], weight [O, C/G, KH, KW], bias [O], delta [N, O, H',
/// W']. The kernel is not mirrored (a cross-correlation, as in all frameworks); padding is 0. No dimension may
/// be 0.
public struct Convolution: Sendable {
  public let window: Window
  public let groups: Int
  /// [C, H, W]
  public let input: Shape
  /// [O, H', W']
  public let output: Shape
  /// [O, C/G, KH, KW]
  public let weight: Shape
  /// For F32, where the processor has the registers; all else is im2col.
  let inLanes: LaneConvolution?
  /// For F32 too, where the window allows it.
  let inTiles: WinogradConvolution?
  /// Those of `inLanes`.
  let lanes: LaneKernels?
  /// Registers of one channel's picture with its margin, on the way there and on the way back.
  let registersForward, registersBackward: Double

  /// - Parameters:
  ///   - input: [C, H, W]; the groups divide C, and the window fits into the padded picture.
  ///   - outputs: O, which the groups divide too.
  ///   - kernels: nil for im2col.
  ///   - minimal: whether windows of 3 × 3 that move by one are computed with fewer products; nil for where that pays.
  public init(
    _ window: Window, input: Shape, outputs: Int, groups: Int = 1,
    _ kernels: LaneKernels? = .best, minimal: Bool? = nil
  ) {
    precondition(input.rank == 3, "convolution of \(input)")
    precondition(
      groups >= 1 && outputs >= 1 && input[0] % groups == 0 && outputs % groups == 0,
      "\(groups) groups of \(input[0]) and \(outputs) channels")
    (self.window, self.groups, self.input) = (window, groups, input)
    output = [outputs, window.height.places(over: input[1]), window.width.places(over: input[2])]
    precondition(output.count > 0, "a window larger than the picture")
    weight = [outputs, input[0] / groups, window.height.length, window.width.length]
    registersForward = window.registersForward(over: input)
    registersBackward = window.registersBackward(over: input)
    // Pictures that claim more padding than registers can be counted are left to im2col, which needs no margin.
    let most = max(
      registersForward * Double(weight[1]), registersBackward * Double(outputs / groups))
    let kernels = 2 * most < Double(Int32.max) ? kernels : nil
    lanes = kernels
    inLanes = kernels.map { [output, weight] in
      LaneConvolution($0, window, input: input, output: output, weight: weight)
    }
    inTiles = kernels.flatMap { [output, weight] in
      WinogradConvolution($0, window, input: input, output: output, weight: weight)
    }.flatMap { minimal ?? $0.pays ? $0 : nil }
  }

  /// sum[o, y, x] = bias[o] + Σ weight[o, c, i, j] · input[c, row, column] over the channels c of o's group and the
  /// kernel's rows i and columns j, where row = y · stride + i · dilation − padding, and column alike: [N, O, H', W'].
  public func forward(
    _ input: Tensor, _ weight: Tensor, plus bias: Tensor?, _ workers: Workers
  ) -> Tensor {
    var result = Tensor(uninitialized: [0], input.dtype)
    forward(input, weight, plus: bias, into: &result, workers)
    return result
  }

  /// As `forward`, into memory that is used again.
  ///
  /// - Parameter order: of input and result; in lanes only in F32, and where there are kernels. Every number is the same.
  public func forward(
    _ input: Tensor, _ weight: Tensor, plus bias: Tensor?, into result: inout Tensor,
    _ workers: Workers, in order: BatchOrder = .byExample
  ) {
    let examples = check(input, self.input, weight, order)
    precondition(bias.map { $0.shape == [output[0]] } ?? true, "bias of another length")
    result.become(uninitialized: batch(of: output, examples, order), input.dtype)
    if input.dtype == .f32, let inTiles {
      return inTiles.forward(input, weight, bias, into: &result, order, workers)
    }
    if input.dtype == .f32, let inLanes {
      return inLanes.forward(input, weight, bias, into: &result, order, workers)
    }
    let products = ConvolutionProducts(self)
    dispatch(
      input.dtype,
      f32: { products.forward(input, weight, bias, into: &result, of: Float.self, workers) },
      f64: { products.forward(input, weight, bias, into: &result, of: Double.self, workers) })
  }

  /// ∂input[c, row, column] = Σ weight[o, c, i, j] · delta[o, y, x] over all places that saw the element: [N, C, H, W].
  public func inputGradient(
    delta: Tensor, _ weight: Tensor, _ workers: Workers
  ) -> Tensor {
    var result = Tensor(uninitialized: [0], delta.dtype)
    inputGradient(delta: delta, weight, into: &result, workers)
    return result
  }

  /// As `inputGradient`, into memory that is used again.
  ///
  /// - Parameter order: as for `forward`, of delta and result.
  public func inputGradient(
    delta: Tensor, _ weight: Tensor, into result: inout Tensor, _ workers: Workers,
    in order: BatchOrder = .byExample
  ) {
    let examples = check(delta, output, weight, order)
    result.become(uninitialized: batch(of: input, examples, order), delta.dtype)
    if delta.dtype == .f32, let inTiles {
      return inTiles.inputGradient(delta, weight, into: &result, order, workers)
    }
    if delta.dtype == .f32, let inLanes {
      return inLanes.inputGradient(delta, weight, into: &result, order, workers)
    }
    let products = ConvolutionProducts(self)
    dispatch(
      delta.dtype,
      f32: { products.inputGradient(delta, weight, into: &result, of: Float.self, workers) },
      f64: { products.inputGradient(delta, weight, into: &result, of: Double.self, workers) })
  }

  /// ∂weight[o, c, i, j] = Σ delta[o, y, x] · input[c, row, column] over examples and places: [O, C/G, KH, KW].
  ///
  /// A piece's examples are added in the dtype, the pieces in double precision. (∂bias is
  /// `delta.summedOverPictures`.)
  ///
  /// - Parameter order: as for `forward`, of delta and input; the result is packed.
  public func weightGradient(
    delta: Tensor, input: Tensor, _ workers: Workers, in order: BatchOrder = .byExample
  ) -> Tensor {
    let examples = check(input, self.input, nil, order)
    precondition(
      delta.shape == batch(of: output, examples, order) && delta.dtype == input.dtype,
      "delta \(delta.shape) for input \(input.shape)")
    if delta.dtype == .f32, let inTiles {
      return inTiles.weightGradient(delta, input, order, workers)
    }
    if delta.dtype == .f32, let inLanes {
      return inLanes.weightGradient(delta, input, order, workers)
    }
    let products = ConvolutionProducts(self)
    return dispatch(
      delta.dtype,
      f32: { products.weightGradient(delta, input, of: Float.self, workers) },
      f64: { products.weightGradient(delta, input, of: Double.self, workers) })
  }

  /// Whether it can be computed in lanes by these.
  public func hasKernels(_ kernels: LaneKernels) -> Bool { lanes?.lanes == kernels.lanes }

  /// - Returns: how many examples there are.
  func check(
    _ pictures: Tensor, _ shape: Shape, _ weight: Tensor?, _ order: BatchOrder
  ) -> Int {
    let examples = pictures.shape.rank == 0 ? 0 : pictures.examples(order)
    precondition(
      examples > 0 && pictures.shape == batch(of: shape, examples, order),
      "convolution of \(pictures.shape), not of [N] + \(shape)")
    precondition(
      weight.map { $0.shape == self.weight && $0.dtype == pictures.dtype } ?? true,
      "another weight than \(self.weight)")
    precondition(order == .byExample || pictures.dtype == .f32, "\(pictures.dtype) in lanes")
    return examples
  }

  func batch(of picture: Shape, _ examples: Int, _ order: BatchOrder) -> Shape {
    if order == .byExample { return picture.batched(examples) }
    guard let lanes else { preconditionFailure("a convolution without kernels") }
    return lanes.shape(of: picture, examples)
  }
}
