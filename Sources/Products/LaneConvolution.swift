import Kernels
import Tensors

/// A convolution in F32 with examples side by side in registers, for processors that have wide ones.
///
/// The piece's examples are spread over registers, one element of all of them in each, so every product is a
/// whole register's, however small or odd the pictures, and none is copied per tap (no im2col). Examples do not meet but in the
/// weight's gradient.
struct LaneConvolution: Sendable {
  private let kernels: LaneKernels
  private let groups: Int
  /// [C, H, W], [O, H', W'] and [O, C/G, KH, KW].
  private let input, output, weight: Shape
  /// Long lists for large pictures, which a program that only asks a network for its shapes does without.
  private let forwardPlan, backwardPlan: Once<LanePlan>
  /// A group's deltas, which lie without a margin.
  private let deltaPictures: Once<LanePictures>

  /// Places of the window that are correlated at once, at most: the deltas of a few channels stay in the fastest cache.
  private static let placesAtOnce = 112

  init(_ kernels: LaneKernels, _ window: Window, input: Shape, output: Shape, weight: Shape) {
    self.kernels = kernels
    (self.input, self.output, self.weight) = (input, output, weight)
    let groups = input[0] / weight[1]
    self.groups = groups
    forwardPlan = Once {
      .forward(window, channels: weight[1], height: input[1], width: input[2])
    }
    backwardPlan = Once {
      .backward(window, channels: output[0] / groups, height: input[1], width: input[2])
    }
    deltaPictures = Once {
      LanePictures(channels: output[0] / groups, height: output[1], width: output[2])
    }
  }

  private var outputsPerGroup: Int { output[0] / groups }
  private var places: Int { output[1] * output[2] }
  /// Elements of a kernel.
  private var area: Int { weight[2] * weight[3] }

  // MARK: Products

  func forward(
    _ input: Tensor, _ weight: Tensor, _ bias: Tensor?, into result: inout Tensor,
    _ order: BatchOrder, _ workers: Workers, pooled: PooledResult? = nil
  ) {
    let plan = forwardPlan.value
    let packed = PackedWeight(
      weight, bias, groups: groups, rows: outputsPerGroup,
      rowStride: self.weight[1] * area, channelStride: area, plan,
      height: kernels.tileHeight, workers)
    multiply(input, plan, packed, into: &result, output, order, workers, resultIs: pooled)
  }

  func inputGradient(
    _ delta: Tensor, _ weight: Tensor, into result: inout Tensor, _ order: BatchOrder,
    _ workers: Workers, pooled: PooledDeltas? = nil
  ) {
    let plan = backwardPlan.value
    let packed = PackedWeight(
      weight, nil, groups: groups, rows: self.weight[1], rowStride: area,
      channelStride: self.weight[1] * area, plan, height: kernels.tileHeight, workers)
    multiply(delta, plan, packed, into: &result, input, order, workers, picturesAre: pooled)
  }

  /// - Parameter shape: of an example's result.
  private func multiply(
    _ pictures: Tensor, _ plan: LanePlan, _ weight: PackedWeight, into result: inout Tensor,
    _ shape: Shape, _ order: BatchOrder, _ workers: Workers,
    picturesAre pooledDeltas: PooledDeltas? = nil, resultIs pooledResult: PooledResult? = nil
  ) {
    let (lanes, height) = (kernels.lanes, kernels.tileHeight)
    let examples = pictures.examples(order)
    let pieces = pieces(examples)
    let plane = shape[1] * shape[2]
    withPointers(pictures, into: &result, of: Float.self) { x, result in
      let batch = LaneBatch(
        start: x, exampleSize: pictures.shape.count / examples, order: order, kernels: kernels,
        pooled: pooledDeltas)
      let result = LaneResult(
        start: result, exampleSize: shape.count, plane: plane, order: order, kernels: kernels,
        pooled: pooledResult)
      workers.run(pieces: pieces.count) { piece in
        Scratch.with(plan.pictures.registers * lanes, of: Float.self) { room in
          Scratch.with(height * plane * lanes, of: Float.self) { tile in
            for block in pieces[piece] {
              for group in 0..<groups {
                let registers = batch.registers(
                  of: block, group: group, as: plan.pictures, in: room)
                for number in 0..<weight.tiles {
                  let rows = number * height..<min(weight.rows, (number + 1) * height)
                  let channels =
                    group * weight.rows + rows.lowerBound..<group * weight.rows + rows.upperBound
                  result.write(block, channels: channels, elements: 0..<plane, in: tile) {
                    target, stride in
                    weight.forEachPhase(group, number) { phase, weight, bias in
                      convolve(
                        registers, plan.phases[phase], weight, bias, into: target, stride,
                        rows.count)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }

  private func convolve(
    _ registers: UnsafePointer<Float>, _ phase: LanePlan.Phase, _ weight: UnsafePointer<Float>,
    _ bias: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, _ stride: Int,
    _ rows: Int
  ) {
    phase.bases.withUnsafeBufferPointer { bases in
      phase.targets.withUnsafeBufferPointer { targets in
        phase.taps.withUnsafeBufferPointer { taps in
          guard let bases = bases.baseAddress, let targets = targets.baseAddress else { return }
          for run in phase.runs {
            // Where nothing is seen there may be no tap at all to point to.
            kernels.compiled.convolve(
              registers, bases: bases + run.places.lowerBound,
              targets: targets + run.places.lowerBound, positions: run.places.count,
              taps: taps.baseAddress.map { $0 + run.taps.lowerBound } ?? bases,
              count: run.taps.count, weight: weight + run.taps.lowerBound * kernels.tileHeight,
              bias: bias, into: target, stride: stride, rows: rows)
          }
        }
      }
    }
  }

  func weightGradient(
    _ delta: Tensor, _ input: Tensor, _ order: BatchOrder, _ workers: Workers,
    pooled: PooledDeltas? = nil
  ) -> Tensor {
    let plan = forwardPlan.value
    let taps = kernels.padded(plan.phases[0].taps)
    let tall = kernels.paddedOutputs(outputsPerGroup)
    let size = groups * tall * taps.count
    let sums = withPointers(delta, input, of: Float.self) { d, x in
      let deltas = LaneBatch(
        start: d, exampleSize: output.count, order: order, kernels: kernels, pooled: pooled)
      let inputs = LaneBatch(
        start: x, exampleSize: self.input.count, order: order, kernels: kernels)
      return pieces(input.examples(order)).summed(size, of: Float.self, workers) {
        blocks, partial in
        partial.update(repeating: 0, count: size)
        for block in blocks {
          addProducts(deltas, inputs, block, plan, taps, tall: tall, into: partial)
        }
      }
    }
    var result = Tensor(uninitialized: weight, .f32)
    let phase = plan.phases[0]
    result.withMutableValues(of: Float.self) { result in
      for output in 0..<output[0] {
        let row = output / outputsPerGroup * tall + output % outputsPerGroup
        for tap in phase.taps.indices {
          let element = phase.channels[tap] * area + phase.kernel[tap]
          result[output * phase.taps.count + element] = Float(
            sums[kernels.indexOfSum(row, tap, of: taps.count)])
        }
      }
    }
    return result
  }

  private func addProducts(
    _ deltas: LaneBatch, _ inputs: LaneBatch, _ block: Range<Int>, _ plan: LanePlan, _ taps: [Int],
    tall: Int, into partial: UnsafeMutablePointer<Float>
  ) {
    let lanes = kernels.lanes
    let phase = plan.phases[0]
    let deltaPictures = deltaPictures.value
    let parts = (places + Self.placesAtOnce - 1) / Self.placesAtOnce
    Scratch.with(plan.pictures.registers * lanes, of: Float.self) { room in
      Scratch.with(deltaPictures.registers * lanes, of: Float.self) { deltaRoom in
        for group in 0..<groups {
          let registers = inputs.registers(of: block, group: group, as: plan.pictures, in: room)
          let deltas = deltas.registers(of: block, group: group, as: deltaPictures, in: deltaRoom)
          for part in 0..<parts {
            let some = places * part / parts..<places * (part + 1) / parts
            phase.bases.withUnsafeBufferPointer { bases in
              guard let bases = bases.baseAddress else { return }
              for row in stride(from: 0, to: outputsPerGroup, by: kernels.deltasTogether) {
                kernels.compiled.correlate(
                  delta: deltas + (row * places + some.lowerBound) * lanes, stride: places,
                  x: registers, bases: bases + some.lowerBound, positions: some.count, taps: taps,
                  count: taps.count, into: partial + (group * tall + row) * taps.count,
                  adding: true, rows: min(kernels.deltasTogether, outputsPerGroup - row))
              }
            }
          }
        }
      }
    }
  }

  // MARK: Memory

  private func pieces(_ examples: Int) -> ConvolutionPieces {
    ConvolutionPieces(examples: examples, atOnce: kernels.lanes)
  }
}
