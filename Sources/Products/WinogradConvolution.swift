import Kernels
import Tensors

/// A convolution in F32 by kernels of 3 × 3 that move by one element, with examples side by side in registers and 16 products
/// where the window needs 36: Winograd's minimal filtering F(2 × 2, 3 × 3), see `Lanes16/Winograd.swift`.
///
/// A tile's 16 elements meet only those of the same place, so that the products are those of 16 convolutions of 1 × 1 over the
/// tiles, by the same kernels as the others'. Not the weight's gradient: of that the transformations of both factors and the
/// sums over the lanes, which are as many as the products' elements, take what fewer products save (measured).
struct WinogradConvolution: Sendable {
  private let kernels: LaneKernels
  private let groups: Int
  /// [C, H, W], [O, H', W'] and [O, C/G, 3, 3].
  private let input, output, weight: Shape
  private let forwardPlan, backwardPlan: Once<WinogradPlan>
  /// What a tile of rows begins with: the bias comes where the products are narrowed.
  private let noBias: [Float]

  /// Elements of a tile.
  private static let matrices = 16
  /// Registers that are multiplied with all rows before the next ones are: half of the nearest cache.
  private static let registersAtOnce = 512

  /// nil where the window is another one.
  init?(_ kernels: LaneKernels, _ window: Window, input: Shape, output: Shape, weight: Shape) {
    let suits = [window.height, window.width].allSatisfy {
      $0.length == 3 && $0.stride == 1 && $0.dilation == 1 && $0.padding <= 2
    }
    guard suits else { return nil }
    let groups = input[0] / weight[1]
    let (channels, outputs) = (weight[1], output[0] / groups)
    (self.kernels, self.groups) = (kernels, groups)
    noBias = [Float](repeating: 0, count: kernels.tileHeight)
    (self.input, self.output, self.weight) = (input, output, weight)
    let (down, across) = (window.height.padding, window.width.padding)
    let (places, together) = ((output[1], output[2]), kernels.placesTogether)
    forwardPlan = Once {
      WinogradPlan(
        channels: channels, height: input[1], width: input[2], padding: (down, across),
        places: places, together: together)
    }
    backwardPlan = Once {
      WinogradPlan(
        channels: outputs, height: places.0, width: places.1, padding: (2 - down, 2 - across),
        places: (input[1], input[2]), together: together)
    }
  }

  private var outputsPerGroup: Int { output[0] / groups }

  /// Whether fewer products save more than the transformations cost: with enough channels in and out, and where the tiles do not
  /// lie beyond the picture for the most part. Measured with the recipes' layers.
  var pays: Bool {
    let fewest = min(weight[1], outputsPerGroup)
    let covered = [input, output].map { ($0[1] + 1) / 2 * (($0[2] + 1) / 2) * 4 }
    return fewest >= 16
      && zip(covered, [input, output]).allSatisfy { 5 * $0 <= 6 * $1[1] * $1[2] }
  }

  // MARK: Products

  func forward(
    _ input: Tensor, _ weight: Tensor, _ bias: Tensor?, into result: inout Tensor,
    _ workers: Workers
  ) {
    let packed = WinogradWeight(
      weight, bias, groups: groups, rows: outputsPerGroup, channels: self.weight[1],
      rowStride: 9 * self.weight[1], channelStride: 9, mirrored: false, height: kernels.tileHeight,
      workers)
    multiply(input, forwardPlan.value, packed, into: &result, workers)
  }

  func inputGradient(
    _ delta: Tensor, _ weight: Tensor, into result: inout Tensor, _ workers: Workers
  ) {
    let packed = WinogradWeight(
      weight, nil, groups: groups, rows: self.weight[1], channels: outputsPerGroup, rowStride: 9,
      channelStride: 9 * self.weight[1], mirrored: true, height: kernels.tileHeight, workers)
    multiply(delta, backwardPlan.value, packed, into: &result, workers)
  }

  private func multiply(
    _ pictures: Tensor, _ plan: WinogradPlan, _ weight: WinogradWeight, into result: inout Tensor,
    _ workers: Workers
  ) {
    let (lanes, height) = (kernels.lanes, kernels.tileHeight)
    let pieces = ConvolutionPieces(examples: pictures.shape[0], atOnce: lanes)
    let exampleStride = pictures.shape.perExample.count
    let resultStride = result.shape.perExample.count
    let plane = result.shape[2] * result.shape[3]
    let (tiles, results) = (plan.mostTiles, plan.mostResults)
    let matrices = Self.matrices
    withPointers(pictures, into: &result, of: Float.self) { x, result in
      workers.run(pieces: pieces.count) { piece in
        withScratch(
          plan.pictures.registers,
          matrices * plan.pictures.channels * roundedUp(tiles, to: kernels.placesTogether),
          matrices * weight.tiles * height * tiles, height * results
        ) { registers, filtered, products, narrow in
          for block in pieces[piece] {
            for group in 0..<groups {
              plan.pictures.spread(
                x + block.lowerBound * exampleStride + group * plan.pictures.count, block.count,
                exampleStride, by: kernels, into: registers)
              let target =
                result + block.lowerBound * resultStride + group * weight.rows * plane
              for strip in plan.strips {
                filter(registers, plan, strip, into: filtered)
                weight.withGroup(group) { values, bias in
                  multiply(filtered, values, plan, weight.tiles, strip, into: products)
                  for tile in 0..<weight.tiles {
                    kernels.narrowTiles(
                      products + tile * matrices * height * strip.tiles * lanes, strip.tiles,
                      bias + tile * height, strip.targets, narrow, strip.results.count)
                    for row in 0..<min(height, weight.rows - tile * height) {
                      kernels.collect(
                        narrow + row * strip.results.count * lanes, strip.results.count,
                        target + (tile * height + row) * plane + strip.results.lowerBound,
                        block.count, resultStride)
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

  /// products[tile of rows][matrix] = weight[matrix][tile of rows] · filtered[matrix], for all rows.
  private func multiply(
    _ filtered: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ plan: WinogradPlan,
    _ rowTiles: Int, _ strip: WinogradPlan.Strip, into products: UnsafeMutablePointer<Float>
  ) {
    let (lanes, height, together) = (kernels.lanes, kernels.tileHeight, kernels.placesTogether)
    let channels = plan.pictures.channels
    let size = roundedUp(strip.tiles, to: together) * channels
    let atOnce = max(1, Self.registersAtOnce / (channels * together)) * together
    strip.columns.withUnsafeBufferPointer { columns in
      plan.tileNumbers.withUnsafeBufferPointer { targets in
        guard let columns = columns.baseAddress, let targets = targets.baseAddress else { return }
        for matrix in 0..<Self.matrices {
          for first in Swift.stride(from: 0, to: strip.tiles, by: atOnce) {
            for tile in 0..<rowTiles {
              kernels.convolve(
                filtered + matrix * size * lanes, columns + first, targets + first,
                min(atOnce, strip.tiles - first), plan.taps, channels,
                weight + (matrix * rowTiles + tile) * channels * height, noBias,
                products + (tile * Self.matrices + matrix) * height * strip.tiles * lanes,
                strip.tiles)
            }
          }
        }
      }
    }
  }

  // MARK: Memory

  private func roundedUp(_ count: Int, to multiple: Int) -> Int {
    (count + multiple - 1) / multiple * multiple
  }

  private func filter(
    _ registers: UnsafePointer<Float>, _ plan: WinogradPlan, _ strip: WinogradPlan.Strip,
    into filtered: UnsafeMutablePointer<Float>
  ) {
    kernels.filterTiles(
      registers, plan.pictures.channels, plan.pictures.plane, plan.pictures.width, strip.bases,
      strip.tiles, filtered, strip.columns, kernels.placesTogether,
      plan.pictures.channels * roundedUp(strip.tiles, to: kernels.placesTogether))
  }

  /// Calls `body` with room for so many registers each.
  private func withScratch(
    _ first: Int, _ second: Int, _ third: Int, _ fourth: Int,
    _ body: (
      UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>,
      UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    let lanes = kernels.lanes
    Scratch.with((first + second + third + fourth) * lanes, of: Float.self) { room in
      body(
        room, room + first * lanes, room + (first + second) * lanes,
        room + (first + second + third) * lanes)
    }
  }
}
