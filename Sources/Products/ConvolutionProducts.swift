import Kernels
import Tensors

/// How a convolution is computed: piece by piece of the batch, in each a few examples at once, group by group.
struct ConvolutionProducts: Sendable {
  private let groups: Int
  /// [C, H, W], [O, H', W'] and [O, C/G, KH, KW].
  private let input, output, weight: Shape
  private let lowering: Lowering
  /// Examples that are multiplied at once.
  private let joined: Int

  /// Enough columns for a product to run at speed: below it more examples are joined.
  private static let fewestColumns = 392

  init(_ convolution: Convolution) {
    groups = convolution.groups
    (input, output, weight) = (convolution.input, convolution.output, convolution.weight)
    let window = convolution.window
    // Under a point every element stands for itself, so the picture may be one row.
    let isPoint = window.height.isPoint && window.width.isPoint
    lowering = Lowering(
      channels: weight[1], height: isPoint ? 1 : input[1],
      width: isPoint ? input[1] * input[2] : input[2], window: window)
    var joined = 1
    while joined < convolutionExamplesPerPiece
      && joined * lowering.productColumns(1) < Self.fewestColumns
    { joined *= 2 }
    self.joined = joined
  }

  // MARK: Products

  func forward<R: ProductReal>(
    _ input: Tensor, _ weight: Tensor, _ bias: Tensor?, into result: inout Tensor,
    of type: R.Type, _ workers: Workers
  ) {
    let bias = bias?.values(of: type)
    let pieces = pieces(input.shape[0])
    let weight = lowering.byProduct(weight.values(of: type))
    withPointers(input, weight, into: &result, of: type) { x, w, result in
      workers.run(pieces: pieces.count) { piece in
        withScratch(of: type) { matrix, sums in
          for block in pieces[piece] {
            for group in 0..<groups {
              let lowered = lower(x, block, group, into: matrix)
              let isDirect = block.count == 1
              let target = isDirect ? result + outputStart(block, group) : sums
              if let bias {
                let columns = lowering.productColumns(block.count)
                for row in 0..<outputsPerGroup {
                  (target + row * columns).update(
                    repeating: bias[group * outputsPerGroup + row], count: columns)
                }
              }
              for (index, product) in lowering.products.enumerated() {
                R.multiply(
                  .plain(kernel(w, index, group)),
                  .plain(columns(of: lowered, product, block.count)), into: target,
                  adding: index > 0 || bias != nil)
              }
              if !isDirect { separate(sums, block.count, into: result + outputStart(block, group)) }
            }
          }
        }
      }
    }
  }

  func inputGradient<R: ProductReal>(
    _ delta: Tensor, _ weight: Tensor, into result: inout Tensor, of type: R.Type,
    _ workers: Workers
  ) {
    let pieces = pieces(delta.shape[0])
    let weight = lowering.byProduct(weight.values(of: type))
    withPointers(delta, weight, into: &result, of: type) { d, w, result in
      workers.run(pieces: pieces.count) { piece in
        withScratch(of: type) { matrix, joinedDeltas in
          for block in pieces[piece] {
            for group in 0..<groups {
              let deltas = join(d, block, group, into: joinedDeltas)
              let isDirect = block.count == 1 && lowering.isIdentity
              let target = isDirect ? result + inputStart(block, group) : matrix
              let stride = lowering.matrixColumns(block.count)
              if stride > lowering.productColumns(block.count) {
                target.update(repeating: 0, count: lowering.matrixRows * stride)
              }
              for (index, product) in lowering.products.enumerated() {
                R.multiply(
                  .transposed(kernel(w, index, group)), .plain(deltas),
                  into: target + lowering.start(product, block.count), stride: stride,
                  adding: stride > deltas.columns)
              }
              if !isDirect {
                lowering.raise(
                  matrix, block.count, exampleStride: input.count,
                  into: result + inputStart(block, group))
              }
            }
          }
        }
      }
    }
  }

  func weightGradient<R: ProductReal>(
    _ delta: Tensor, _ input: Tensor, of type: R.Type, _ workers: Workers
  ) -> Tensor {
    let sums = withPointers(delta, input, of: type) { d, x in
      pieces(input.shape[0]).summed(weight.count, of: type, workers) { blocks, partial in
        addProducts(d, x, blocks, into: partial)
      }
    }
    return Tensor(lowering.inOrderOfWeight(sums.map { R($0) }), shape: weight)
  }

  private func addProducts<R: ProductReal>(
    _ d: UnsafePointer<R>, _ x: UnsafePointer<R>, _ blocks: [Range<Int>],
    into partial: UnsafeMutablePointer<R>
  ) {
    withScratch(of: R.self) { matrix, joinedDeltas in
      for (number, block) in blocks.enumerated() {
        for group in 0..<groups {
          let deltas = join(d, block, group, into: joinedDeltas)
          let lowered = lower(x, block, group, into: matrix)
          for (index, product) in lowering.products.enumerated() {
            R.multiply(
              .plain(deltas), .transposed(columns(of: lowered, product, block.count)),
              into: partial + kernelStart(index, group), adding: number > 0)
          }
        }
      }
    }
  }

  // MARK: Memory

  private func pieces(_ examples: Int) -> ConvolutionPieces {
    ConvolutionPieces(examples: examples, atOnce: joined)
  }

  private var outputsPerGroup: Int { output[0] / groups }

  private func inputStart(_ block: Range<Int>, _ group: Int) -> Int {
    block.lowerBound * input.count + group * (input.count / groups)
  }

  private func outputStart(_ block: Range<Int>, _ group: Int) -> Int {
    block.lowerBound * output.count + group * (output.count / groups)
  }

  /// The kernel's rows that one product multiplies with: [O/G, C/G · taps · KW].
  private func kernel<R>(_ w: UnsafePointer<R>, _ product: Int, _ group: Int) -> Matrix<R> {
    Matrix(
      w + kernelStart(product, group), rows: outputsPerGroup, columns: lowering.matrixRows,
      stride: lowering.matrixRows)
  }

  private func kernelStart(_ product: Int, _ group: Int) -> Int {
    (product * output[0] + group * outputsPerGroup) * lowering.matrixRows
  }

  /// What one product reads of the lowered matrix.
  private func columns<R>(
    of lowered: UnsafePointer<R>, _ product: Lowering.Product, _ examples: Int
  ) -> Matrix<R> {
    Matrix(
      lowered + lowering.start(product, examples), rows: lowering.matrixRows,
      columns: lowering.productColumns(examples), stride: lowering.matrixColumns(examples))
  }

  private func lower<R: Real>(
    _ x: UnsafePointer<R>, _ block: Range<Int>, _ group: Int, into matrix: UnsafeMutablePointer<R>
  ) -> UnsafePointer<R> {
    let start = x + inputStart(block, group)
    if block.count == 1 && lowering.isIdentity { return start }
    lowering.lower(start, block.count, exampleStride: input.count, into: matrix)
    return UnsafePointer(matrix)
  }

  /// The deltas of a block's examples side by side as the lowered columns are: [O/G, H' · examples · W'].
  private func join<R: Real>(
    _ d: UnsafePointer<R>, _ block: Range<Int>, _ group: Int,
    into joined: UnsafeMutablePointer<R>
  ) -> Matrix<R> {
    let start = d + outputStart(block, group)
    let columns = lowering.productColumns(block.count)
    if block.count > 1 {
      var target = joined
      for row in 0..<outputsPerGroup * lowering.rows {
        for example in 0..<block.count {
          target.update(
            from: start + example * output.count + row * lowering.columns, count: lowering.columns)
          target += lowering.columns
        }
      }
    }
    return Matrix(
      block.count > 1 ? UnsafePointer(joined) : start, rows: outputsPerGroup, columns: columns,
      stride: columns)
  }

  /// Undoes `join`.
  private func separate<R: Real>(
    _ joined: UnsafePointer<R>, _ examples: Int, into result: UnsafeMutablePointer<R>
  ) {
    var source = joined
    for row in 0..<outputsPerGroup * lowering.rows {
      for example in 0..<examples {
        (result + example * output.count + row * lowering.columns).update(
          from: source, count: lowering.columns)
        source += lowering.columns
      }
    }
  }

  /// Memory for one group's lowered matrix and outputs, of as many examples as are joined.
  private func withScratch<R: Real>(
    of type: R.Type, _ body: (UnsafeMutablePointer<R>, UnsafeMutablePointer<R>) -> Void
  ) {
    let matrix = lowering.matrixRows * lowering.matrixColumns(joined)
    let outputs = outputsPerGroup * lowering.productColumns(joined)
    withUnsafeTemporaryAllocation(of: type, capacity: matrix + outputs) { scratch in
      guard let start = scratch.baseAddress else { return }
      body(start, start + matrix)
    }
  }
}
