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
  private let forwardPlan, backwardPlan: LanePlan
  /// By element of a group's deltas, its register: they lie without a margin.
  private let deltaElements: [Int32]

  /// Places of the window that are correlated at once, at most: the deltas of a few channels stay in the fastest cache.
  private static let placesAtOnce = 112

  init(_ kernels: LaneKernels, _ window: Window, input: Shape, output: Shape, weight: Shape) {
    self.kernels = kernels
    (self.input, self.output, self.weight) = (input, output, weight)
    groups = input[0] / weight[1]
    forwardPlan = .forward(window, channels: weight[1], height: input[1], width: input[2])
    backwardPlan = .backward(
      window, channels: output[0] / groups, height: input[1], width: input[2])
    deltaElements = (0..<Int32(output.count / groups)).map { $0 }
  }

  private var outputsPerGroup: Int { output[0] / groups }
  private var places: Int { output[1] * output[2] }
  /// Elements of a kernel.
  private var area: Int { weight[2] * weight[3] }

  // MARK: Products

  func forward(
    _ input: Tensor, _ weight: Tensor, _ bias: Tensor?, into result: inout Tensor,
    _ workers: Workers
  ) {
    let bias = bias?.values(of: Float.self)
    let packed = PackedWeight(
      groups: groups, rows: outputsPerGroup, plan: forwardPlan, height: kernels.tileHeight,
      workers
    ) { group, row, channel, tap in
      ((group * outputsPerGroup + row) * self.weight[1] + channel) * area + tap
    } of: {
      weight
    } bias: { group, row in
      bias?[group * outputsPerGroup + row] ?? 0
    }
    multiply(
      input, exampleStride: self.input.count, forwardPlan, packed, into: &result,
      plane: places, workers)
  }

  func inputGradient(
    _ delta: Tensor, _ weight: Tensor, into result: inout Tensor, _ workers: Workers
  ) {
    let packed = PackedWeight(
      groups: groups, rows: self.weight[1], plan: backwardPlan, height: kernels.tileHeight,
      workers
    ) { group, row, channel, tap in
      ((group * outputsPerGroup + channel) * self.weight[1] + row) * area + tap
    } of: {
      weight
    } bias: { _, _ in
      0
    }
    multiply(
      delta, exampleStride: output.count, backwardPlan, packed, into: &result,
      plane: input[1] * input[2], workers)
  }

  /// - Parameter plane: elements of one channel of the result.
  private func multiply(
    _ pictures: Tensor, exampleStride: Int, _ plan: LanePlan, _ weight: PackedWeight,
    into result: inout Tensor, plane: Int, _ workers: Workers
  ) {
    let (lanes, height) = (kernels.lanes, kernels.tileHeight)
    let examples = pictures.shape[0]
    let resultStride = result.shape.perExample.count
    withPointers(pictures, into: &result) { x, result in
      workers.run(pieces: pieces(examples)) { piece in
        Scratch.with(plan.channels * plan.plane * lanes, of: Float.self) { registers in
          Scratch.with(height * plane * lanes, of: Float.self) { tile in
            for block in blocks(piece, examples) {
              for group in 0..<groups {
                spread(
                  x + block.lowerBound * exampleStride, block.count, exampleStride, plan, group,
                  registers)
                for number in 0..<weight.tiles {
                  let rows = number * height..<min(weight.rows, (number + 1) * height)
                  weight.forEachPhase(group, number) { phase, weight, bias in
                    let phase = plan.phases[phase]
                    kernels.convolve(
                      registers, phase.bases, phase.targets, phase.bases.count, phase.taps,
                      phase.taps.count, weight, bias, tile, plane)
                  }
                  kernels.collect(
                    tile, rows.count * plane,
                    result + block.lowerBound * resultStride
                      + (group * weight.rows + rows.lowerBound) * plane,
                    block.count, resultStride)
                }
              }
            }
          }
        }
      }
    }
  }

  func weightGradient(_ delta: Tensor, _ input: Tensor, _ workers: Workers) -> Tensor {
    let examples = input.shape[0]
    let taps = paddedTaps
    let tall =
      (outputsPerGroup + kernels.deltasTogether - 1) / kernels.deltasTogether
      * kernels.deltasTogether
    let size = groups * tall * taps.count
    var sums = [Double](repeating: 0, count: size)
    withPointers(delta, input) { d, x in
      let pieces = pieces(examples)
      let atOnce = min(pieces, ConvolutionProducts.piecesAtOnce)
      Scratch.with(atOnce * size, of: Float.self) { partials in
        for first in stride(from: 0, to: pieces, by: atOnce) {
          let count = min(atOnce, pieces - first)
          workers.run(pieces: count) { index in
            let partial = partials + index * size
            partial.update(repeating: 0, count: size)
            for block in blocks(first + index, examples) {
              addProducts(d, x, block, taps, tall: tall, into: partial)
            }
          }
          addPartials(partials, count, to: &sums, workers)
        }
      }
    }
    var result = Tensor(uninitialized: weight, .f32)
    let used = forwardPlan.phases[0].taps.count
    result.withMutableValues(of: Float.self) { result in
      for output in 0..<output[0] {
        let row = (output / outputsPerGroup * tall + output % outputsPerGroup) * taps.count
        for tap in 0..<used { result[output * used + tap] = Float(sums[row + tap]) }
      }
    }
    return result
  }

  private func addProducts(
    _ d: UnsafePointer<Float>, _ x: UnsafePointer<Float>, _ block: Range<Int>, _ taps: [Int],
    tall: Int, into partial: UnsafeMutablePointer<Float>
  ) {
    let lanes = kernels.lanes
    let phase = forwardPlan.phases[0]
    let parts = (places + Self.placesAtOnce - 1) / Self.placesAtOnce
    Scratch.with(forwardPlan.channels * forwardPlan.plane * lanes, of: Float.self) { registers in
      Scratch.with(tall * places * lanes, of: Float.self) { deltas in
        (deltas + outputsPerGroup * places * lanes).update(
          repeating: 0, count: (tall - outputsPerGroup) * places * lanes)
        for group in 0..<groups {
          spread(
            x + block.lowerBound * input.count, block.count, input.count, forwardPlan, group,
            registers)
          kernels.spread(
            d + block.lowerBound * output.count + group * deltaElements.count, block.count,
            output.count, deltaElements, deltaElements.count, deltas)
          for part in 0..<parts {
            let some = places * part / parts..<places * (part + 1) / parts
            phase.bases.withUnsafeBufferPointer { bases in
              guard let bases = bases.baseAddress else { return }
              for row in stride(from: 0, to: tall, by: kernels.deltasTogether) {
                kernels.correlate(
                  deltas + (row * places + some.lowerBound) * lanes, places, registers,
                  bases + some.lowerBound, some.count, taps, taps.count,
                  partial + (group * tall + row) * taps.count, taps.count)
              }
            }
          }
        }
      }
    }
  }

  /// The taps, the last one repeated until they are a multiple of what is correlated together.
  private var paddedTaps: [Int] {
    let taps = forwardPlan.phases[0].taps
    let rest = taps.count % kernels.tapsTogether
    guard rest > 0, let last = taps.last else { return taps }
    return taps + [Int](repeating: last, count: kernels.tapsTogether - rest)
  }

  // MARK: Memory

  private func pieces(_ examples: Int) -> Int {
    (examples + convolutionExamplesPerPiece - 1) / convolutionExamplesPerPiece
  }

  /// The examples of a piece, as many at once as there are lanes.
  private func blocks(_ piece: Int, _ examples: Int) -> [Range<Int>] {
    let start = piece * convolutionExamplesPerPiece
    let end = min(examples, start + convolutionExamplesPerPiece)
    return stride(from: start, to: end, by: kernels.lanes).map {
      $0..<min(end, $0 + kernels.lanes)
    }
  }

  private func spread(
    _ pictures: UnsafePointer<Float>, _ examples: Int, _ exampleStride: Int, _ plan: LanePlan,
    _ group: Int, _ registers: UnsafeMutablePointer<Float>
  ) {
    kernels.clear(registers, plan.channels, plan.plane, plan.margin, plan.margin.count)
    kernels.spread(
      pictures + group * plan.elements.count, examples, exampleStride, plan.elements,
      plan.elements.count, registers)
  }
}

/// A weight in the order in which `LaneKernels.convolve` reads it: for each group, tile of output channels and phase
/// [taps, height]; rows that are not there are 0.
private struct PackedWeight: Sendable {
  let rows, tiles: Int
  private let height: Int
  private let values, biases: [Float]
  /// Of each phase, where it begins in a tile's values; and the tile's size.
  private let starts: [Int]
  private let size: Int

  init(
    groups: Int, rows: Int, plan: LanePlan, height: Int, _ workers: Workers,
    index: (_ group: Int, _ row: Int, _ channel: Int, _ tap: Int) -> Int, of weight: () -> Tensor,
    bias: (_ group: Int, _ row: Int) -> Float
  ) {
    (self.rows, self.height) = (rows, height)
    tiles = (rows + height - 1) / height
    var starts = [Int]()
    var size = 0
    for phase in plan.phases {
      starts.append(size)
      size += phase.taps.count * height
    }
    var values = [Float](repeating: 0, count: groups * tiles * size)
    var biases = [Float](repeating: 0, count: groups * tiles * height)
    let tiles = tiles
    weight().withValues(of: Float.self) { weight in
      values.withUnsafeMutableBufferPointer { values in
        workers.run(pieces: groups * tiles) { tile in
          var target = tile * size
          for phase in plan.phases {
            for channel in 0..<plan.channels {
              for tap in phase.kernel {
                for row in 0..<min(height, rows - tile % tiles * height) {
                  values[target + row] =
                    weight[index(tile / tiles, tile % tiles * height + row, channel, tap)]
                }
                target += height
              }
            }
          }
        }
      }
    }
    for group in 0..<groups {
      for row in 0..<rows { biases[group * tiles * height + row] = bias(group, row) }
    }
    (self.values, self.biases, self.starts, self.size) = (values, biases, starts, size)
  }

  /// Calls `body` with each phase's weights and biases of one tile.
  func forEachPhase(
    _ group: Int, _ tile: Int,
    _ body: (_ phase: Int, UnsafePointer<Float>, UnsafePointer<Float>) -> Void
  ) {
    values.withUnsafeBufferPointer { values in
      biases.withUnsafeBufferPointer { biases in
        guard let biases = biases.baseAddress, let values = values.baseAddress else { return }
        for (phase, start) in starts.enumerated() {
          body(
            phase, values + (group * tiles + tile) * size + start,
            biases + (group * tiles + tile) * height)
        }
      }
    }
  }
}

private func withPointers(
  _ pictures: Tensor, into result: inout Tensor,
  _ body: (UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
) {
  pictures.withValues(of: Float.self) { pictures in
    result.withMutableValues(of: Float.self) { result in
      guard let pictures = pictures.baseAddress, let result = result.baseAddress else {
        preconditionFailure("an empty convolution")
      }
      body(pictures, result)
    }
  }
}

private func withPointers(
  _ a: Tensor, _ b: Tensor, _ body: (UnsafePointer<Float>, UnsafePointer<Float>) -> Void
) {
  a.withValues(of: Float.self) { a in
    b.withValues(of: Float.self) { b in
      guard let a = a.baseAddress, let b = b.baseAddress else {
        preconditionFailure("an empty convolution")
      }
      body(a, b)
    }
  }
}
