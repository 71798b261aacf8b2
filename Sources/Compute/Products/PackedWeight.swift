import Tensors

/// A weight in the order in which `LaneKernels.convolve` reads it: for each group, tile of rows and phase [taps, height];
/// rows that are not there are 0.
///
/// The rows are the channels that a product gives: the convolution's outputs, or its inputs on the way back.
struct PackedWeight: Sendable {
  /// Of a group: its rows, and the tiles that they fill.
  let rows, tiles: Int
  private let height: Int
  private let values, biases: [Float]
  /// Of each phase, where it begins in a tile's values; and the tile's size.
  private let starts: [Int]
  private let size: Int

  /// - Parameters:
  ///   - weight: the convolution's, [O, C/G, KH, KW].
  ///   - bias: of the rows of all groups; nil for none.
  ///   - rowStride, channelStride: elements of the weight from one row, and from one of the plan's channels, to the next.
  ///   - height: rows of a tile.
  init(
    _ weight: Tensor, _ bias: Tensor?, groups: Int, rows: Int, rowStride: Int, channelStride: Int,
    _ plan: LanePlan, height: Int, _ workers: ThreadPool
  ) {
    let tiles = (rows + height - 1) / height
    var starts = [Int]()
    var size = 0
    for phase in plan.phases {
      starts.append(size)
      size += phase.taps.count * height
    }
    let groupStride = weight.shape.count / groups
    var values = [Float](repeating: 0, count: groups * tiles * size)
    weight.withValues(of: Float.self) { weight in
      values.withUnsafeMutableBufferPointer { values in
        workers.run(pieces: groups * tiles, alone: values.count < 8192) { piece in
          let first = piece % tiles * height
          let source = piece / tiles * groupStride + first * rowStride
          var target = piece * size
          for phase in plan.phases {
            for (channel, tap) in zip(phase.channels, phase.kernel) {
              let element = source + channel * channelStride + tap
              for row in 0..<min(height, rows - first) {
                values[target + row] = weight[element + row * rowStride]
              }
              target += height
            }
          }
        }
      }
    }
    let biases = packedBias(bias, groups: groups, rows: rows, in: tiles * height)
    (self.rows, self.tiles, self.height) = (rows, tiles, height)
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

/// The bias of the rows of all groups, or none, with as many numbers for each group as its tiles have rows; those of rows that
/// are not there are 0.
func packedBias(_ bias: Tensor?, groups: Int, rows: Int, in padded: Int) -> [Float] {
  var biases = [Float](repeating: 0, count: groups * padded)
  if let bias = bias?.values(of: Float.self) {
    for (index, number) in bias.enumerated() {
      biases[index / rows * padded + index % rows] = number
    }
  }
  return biases
}
