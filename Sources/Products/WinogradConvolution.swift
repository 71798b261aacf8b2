import Kernels
import Tensors

/// A convolution in F32 by kernels of 3 × 3 that move by one element, with examples side by side in registers and 36 products
/// where the window needs 144: Winograd's minimal filtering F(4 × 4, 3 × 3), see `Lanes16/Winograd.swift`.
///
/// A tile's 36 elements meet only those of the same place, so that the products are those of 36 convolutions of 1 × 1 over the
/// tiles, and of 36 correlations, by the same kernels as the others'.
struct WinogradConvolution: Sendable {
  let kernels: LaneKernels
  let groups: Int
  /// [C, H, W], [O, H', W'] and [O, C/G, 3, 3].
  let input, output, weight: Shape
  /// Forward, of the weight's gradient, and back to the input.
  let extents: (forward: WinogradExtent, gradient: WinogradExtent, backward: WinogradExtent)
  private let forwardPlan, backwardPlan: Once<WinogradPlan>
  let gradientPlan: Once<WinogradPlan>
  let deltaPictures: Once<LanePictures>
  /// What a tile of rows begins with: the bias comes where the products are narrowed.
  private let noBias: [Float]

  /// Tiles that are correlated before the sums over the lanes are taken, if they are not fewer.
  private static let tilesCorrelated = 16
  /// Tiles that are multiplied with all rows: transformed, they fill half of the second cache.
  private static func tilesMultiplied(_ channels: Int) -> Int {
    8192 / (WinogradExtent.elements * channels)
  }

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
    let together = kernels.placesTogether
    let (there, back) = ((height: input[1], width: input[2]), (height: output[1], width: output[2]))
    let extents = (
      forward: WinogradExtent(
        channels: channels, pictures: there, places: back, together: together,
        atOnce: Self.tilesMultiplied(channels)),
      gradient: WinogradExtent(
        channels: channels, pictures: there, places: back, together: together,
        atOnce: Self.tilesCorrelated),
      backward: WinogradExtent(
        channels: outputs, pictures: back, places: there, together: together,
        atOnce: Self.tilesMultiplied(outputs))
    )
    self.extents = extents
    forwardPlan = Once { WinogradPlan(extents.forward, padding: (down, across)) }
    gradientPlan = Once { WinogradPlan(extents.gradient, padding: (down, across)) }
    backwardPlan = Once { WinogradPlan(extents.backward, padding: (2 - down, 2 - across)) }
    deltaPictures = Once {
      LanePictures(channels: outputs, height: back.height, width: back.width)
    }
  }

  var outputsPerGroup: Int { output[0] / groups }

  /// Whether fewer products save more than the transformations cost: with enough channels in and out, and where the tiles do not
  /// lie beyond the picture for the most part. Measured with the recipes' layers.
  var pays: Bool {
    let fewest = min(weight[1], outputsPerGroup)
    return fewest >= 16
      && [extents.forward, extents.backward].allSatisfy {
        2 * $0.down * $0.across * WinogradExtent.elements <= 9 * $0.places.height * $0.places.width
      }
  }

  // MARK: Products

  func forward(
    _ input: Tensor, _ weight: Tensor, _ bias: Tensor?, into result: inout Tensor,
    _ order: BatchOrder, _ workers: Workers, pooled: PooledResult? = nil
  ) {
    let packed = WinogradWeight(
      weight, bias, groups: groups, rows: outputsPerGroup, channels: self.weight[1],
      rowStride: 9 * self.weight[1], channelStride: 9, mirrored: false, by: kernels,
      workers)
    multiply(
      input, forwardPlan.value, packed, into: &result, output, order, workers, resultIs: pooled)
  }

  func inputGradient(
    _ delta: Tensor, _ weight: Tensor, into result: inout Tensor, _ order: BatchOrder,
    _ workers: Workers, pooled: PooledDeltas? = nil
  ) {
    let packed = WinogradWeight(
      weight, nil, groups: groups, rows: self.weight[1], channels: outputsPerGroup, rowStride: 9,
      channelStride: 9 * self.weight[1], mirrored: true, by: kernels, workers)
    multiply(
      delta, backwardPlan.value, packed, into: &result, input, order, workers, picturesAre: pooled)
  }

  /// - Parameter shape: of an example's result.
  private func multiply(
    _ pictures: Tensor, _ plan: WinogradPlan, _ weight: WinogradWeight, into result: inout Tensor,
    _ shape: Shape, _ order: BatchOrder, _ workers: Workers,
    picturesAre pooledDeltas: PooledDeltas? = nil, resultIs pooledResult: PooledResult? = nil
  ) {
    let height = kernels.tileHeight
    let examples = pictures.examples(order)
    let pieces = ConvolutionPieces(examples: examples, atOnce: kernels.lanes)
    let (elements, extent) = (WinogradExtent.elements, plan.extent)
    withPointers(pictures, into: &result, of: Float.self) { x, result in
      let batch = LaneBatch(
        start: x, exampleSize: pictures.shape.count / examples, order: order, kernels: kernels,
        pooled: pooledDeltas)
      let result = LaneResult(
        start: result, exampleSize: shape.count, plane: shape[1] * shape[2], order: order,
        kernels: kernels, pooled: pooledResult)
      workers.run(pieces: pieces.count) { piece in
        withScratch(
          extent.frame, plan.pictures.registers, elements * extent.matrix,
          elements * height * extent.tiles, height * extent.results
        ) { room, registers, filtered, products, narrow in
          for block in pieces[piece] {
            for group in 0..<groups {
              let registers = batch.registers(
                of: block, group: group, as: plan.pictures, in: registers)
              for strip in plan.strips {
                filter(registers, plan, strip, into: filtered, room)
                weight.withGroup(group) { values, bias in
                  for tile in 0..<weight.tiles {
                    let rows = min(height, weight.rows - tile * height)
                    let first = group * weight.rows + tile * height
                    multiply(
                      filtered, values + tile * weight.tile, plan, strip, into: products, rows)
                    result.write(
                      block, channels: first..<first + rows, elements: strip.results, in: narrow
                    ) { target, stride in
                      kernels.compiled.narrowTiles(
                        products, tiles: strip.tiles, bias: bias + tile * height,
                        targets: strip.targets, into: target, stride: stride, rows: rows,
                        room: room)
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

  /// products[matrix] = weight[matrix] · filtered[matrix], for a tile of rows.
  private func multiply(
    _ filtered: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ plan: WinogradPlan,
    _ strip: WinogradPlan.Strip, into products: UnsafeMutablePointer<Float>, _ rows: Int
  ) {
    let (lanes, height) = (kernels.lanes, kernels.tileHeight)
    let channels = plan.extent.channels
    strip.columns.withUnsafeBufferPointer { columns in
      plan.tileNumbers.withUnsafeBufferPointer { targets in
        guard let columns = columns.baseAddress, let targets = targets.baseAddress else { return }
        for matrix in 0..<WinogradExtent.elements {
          kernels.compiled.convolve(
            filtered + matrix * plan.extent.matrix * lanes, bases: columns, targets: targets,
            positions: strip.tiles, taps: plan.taps, count: channels,
            weight: weight + matrix * channels * height, bias: noBias,
            into: products + matrix * height * strip.tiles * lanes, stride: strip.tiles,
            rows: rows)
        }
      }
    }
  }

  /// - Parameter room: as `withScratch` gives it.
  func filter(
    _ registers: UnsafePointer<Float>, _ plan: WinogradPlan, _ strip: WinogradPlan.Strip,
    into filtered: UnsafeMutablePointer<Float>, _ room: UnsafeMutablePointer<Float>
  ) {
    let (lanes, extent) = (kernels.lanes, plan.extent)
    let frame = room + WinogradExtent.elements * lanes
    for channel in 0..<extent.channels {
      strip.frame.fill(frame, from: registers + channel * extent.area * lanes, lanes)
      kernels.compiled.filterTiles(
        frame, width: extent.columns, bases: strip.bases, tiles: strip.tiles,
        into: filtered + channel * kernels.placesTogether * lanes, columns: strip.columns,
        matrix: extent.matrix, room: room)
    }
  }

  // MARK: Memory

  /// Calls `body` with the room that the transformations of a tile want and, behind that, what they see of a channel; and with
  /// room for so many registers each.
  func withScratch(
    _ frame: Int, _ first: Int, _ second: Int, _ third: Int, _ fourth: Int,
    _ body: (
      _ room: UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>,
      UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>
    ) -> Void
  ) {
    let lanes = kernels.lanes
    let own = WinogradExtent.elements + frame
    Scratch.with((own + first + second + third + fourth) * lanes, of: Float.self) { room in
      let start = room + own * lanes
      body(
        room, start, start + first * lanes, start + (first + second) * lanes,
        start + (first + second + third) * lanes)
    }
  }
}
