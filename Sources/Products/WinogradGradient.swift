import Kernels
import Tensors

/// The weight's gradient: what the 36 elements of the deltas' tiles have to do with those of the pictures', of which the gradient
/// of a kernel is made.
extension WinogradConvolution {
  func weightGradient(
    _ delta: Tensor, _ input: Tensor, _ order: BatchOrder, _ workers: Workers,
    pooled: PooledDeltas? = nil
  ) -> Tensor {
    let plan = gradientPlan.value
    let taps = kernels.padded(plan.taps)
    let tall = kernels.paddedOutputs(outputsPerGroup)
    let lanes = kernels.lanes
    // The sums of a group, as `correlate` gives them: whole registers.
    let size = tall * taps.count
    let pieces = ConvolutionPieces(examples: input.examples(order), atOnce: lanes)
    let sums = withPointers(delta, input, of: Float.self) { d, x in
      let deltas = LaneBatch(
        start: d, exampleSize: output.count, order: order, kernels: kernels, pooled: pooled)
      let inputs = LaneBatch(
        start: x, exampleSize: self.input.count, order: order, kernels: kernels)
      return pieces.summed(groups * 9 * size, of: Float.self, workers) { blocks, partial in
        Scratch.with(WinogradExtent.elements * (size + lanes), of: Float.self) { products in
          for group in 0..<groups {
            correlate(deltas, inputs, blocks, group, plan, taps, size, into: products)
            kernels.compiled.narrowKernels(
              products, count: size, into: partial + group * 9 * size,
              room: products + WinogradExtent.elements * size)
          }
        }
      }
    }
    var result = Tensor(uninitialized: weight, .f32)
    result.withMutableValues(of: Float.self) { result in
      guard let result = result.baseAddress else { return }
      workers.run(pieces: output[0], alone: weight.count < 8192) { output in
        let (group, row) = output.quotientAndRemainder(dividingBy: outputsPerGroup)
        for channel in 0..<weight[1] {
          let sum = group * 9 * size + kernels.indexOfSum(row, channel, of: taps.count)
          let kernel = result + (output * weight[1] + channel) * 9
          for element in 0..<9 { kernel[element] = Float(sums[sum + element * size]) }
        }
      }
    }
    return result
  }

  /// products[matrix] = Σ expanded[matrix] · filtered[matrix]ᵀ over the tiles of all blocks, of a group.
  private func correlate(
    _ deltas: LaneBatch, _ inputs: LaneBatch, _ blocks: [Range<Int>], _ group: Int,
    _ plan: WinogradPlan, _ taps: [Int], _ size: Int, into products: UnsafeMutablePointer<Float>
  ) {
    let lanes = kernels.lanes
    let outputs = outputsPerGroup
    let deltaPictures = deltaPictures.value
    let matrix = outputs * plan.extent.tiles | 1
    withScratch(
      plan.extent.frame, plan.pictures.registers, WinogradExtent.elements * plan.extent.matrix,
      deltaPictures.registers, WinogradExtent.elements * matrix
    ) { room, registers, filtered, deltaRegisters, expanded in
      var adding = false
      for block in blocks {
        let registers = inputs.registers(
          of: block, group: group, as: plan.pictures, in: registers)
        let deltas = deltas.registers(
          of: block, group: group, as: deltaPictures, in: deltaRegisters)
        for strip in plan.strips {
          filter(registers, plan, strip, into: filtered, room)
          let frame = room + WinogradExtent.elements * lanes
          for output in 0..<outputs {
            strip.deltaFrame.fill(
              frame, from: deltas + output * deltaPictures.plane * lanes, lanes)
            kernels.compiled.expandTiles(
              frame, width: plan.extent.columns, bases: strip.bases, tiles: strip.tiles,
              into: expanded + output * strip.tiles * lanes, columns: plan.tileNumbers,
              matrix: matrix, room: room)
          }
          strip.columns.withUnsafeBufferPointer { columns in
            guard let columns = columns.baseAddress else { return }
            for element in 0..<WinogradExtent.elements {
              for row in stride(from: 0, to: outputs, by: kernels.deltasTogether) {
                kernels.compiled.correlate(
                  delta: expanded + (element * matrix + row * strip.tiles) * lanes,
                  stride: strip.tiles, x: filtered + element * plan.extent.matrix * lanes,
                  bases: columns, positions: strip.tiles, taps: taps, count: taps.count,
                  into: products + element * size + row * taps.count, adding: adding,
                  rows: min(kernels.deltasTogether, outputs - row))
              }
            }
          }
          adding = true
        }
      }
    }
  }
}
