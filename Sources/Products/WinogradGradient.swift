import Kernels
import Tensors

/// The weight's gradient: what the 36 elements of the deltas' tiles have to do with those of the pictures', of which the gradient
/// of a kernel is made.
extension WinogradConvolution {
  func weightGradient(_ delta: Tensor, _ input: Tensor, _ workers: Workers) -> Tensor {
    let plan = gradientPlan.value
    let taps = kernels.padded(plan.taps)
    let tall = kernels.paddedOutputs(outputsPerGroup)
    let lanes = kernels.lanes
    // The sums of a group, as `correlate` gives them: whole registers.
    let size = tall * taps.count
    let deltas = deltaPictures.value
    let pieces = ConvolutionPieces(examples: input.shape[0], atOnce: lanes)
    let sums = withPointers(delta, input, of: Float.self) { d, x in
      pieces.summed(groups * 9 * size, of: Float.self, workers) { blocks, partial in
        Scratch.with(WinogradExtent.elements * (size + lanes), of: Float.self) { products in
          for group in 0..<groups {
            correlate(
              d + group * deltas.count, deltas, x + group * plan.pictures.count, blocks, plan,
              taps, tall, size, into: products)
            kernels.narrowKernels(
              products, size, partial + group * 9 * size, products + WinogradExtent.elements * size)
          }
        }
      }
    }
    var result = Tensor(uninitialized: weight, .f32)
    result.withMutableValues(of: Float.self) { result in
      guard let result = result.baseAddress else { return }
      workers.run(pieces: output[0]) { output in
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
    _ d: UnsafePointer<Float>, _ deltas: LanePictures, _ x: UnsafePointer<Float>,
    _ blocks: [Range<Int>], _ plan: WinogradPlan, _ taps: [Int], _ tall: Int, _ size: Int,
    into products: UnsafeMutablePointer<Float>
  ) {
    let lanes = kernels.lanes
    let matrix = tall * plan.extent.tiles | 1
    withScratch(
      plan.pictures.registers, WinogradExtent.elements * plan.extent.matrix, tall * deltas.plane,
      WinogradExtent.elements * matrix
    ) { room, registers, filtered, deltaRegisters, expanded in
      (deltaRegisters + deltas.registers * lanes).update(
        repeating: 0, count: (tall - outputsPerGroup) * deltas.plane * lanes)
      var adding = false
      for block in blocks {
        plan.pictures.spread(
          x + block.lowerBound * input.count, block.count, input.count, by: kernels,
          into: registers)
        deltas.spread(
          d + block.lowerBound * output.count, block.count, output.count, by: kernels,
          into: deltaRegisters)
        for strip in plan.strips {
          filter(registers, plan, strip, into: filtered, room)
          kernels.expandTiles(
            deltaRegisters, tall, deltas.plane, deltas.width, strip.bases, strip.tiles, expanded,
            plan.tileNumbers, strip.tiles, matrix, room)
          strip.columns.withUnsafeBufferPointer { columns in
            guard let columns = columns.baseAddress else { return }
            for element in 0..<WinogradExtent.elements {
              for row in stride(from: 0, to: tall, by: kernels.deltasTogether) {
                kernels.correlate(
                  expanded + (element * matrix + row * strip.tiles) * lanes, strip.tiles,
                  filtered + element * plan.extent.matrix * lanes, columns, strip.tiles, taps,
                  taps.count, products + element * size + row * taps.count, adding)
              }
            }
          }
          adding = true
        }
      }
    }
  }
}
