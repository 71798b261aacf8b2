import Kernels
import Tensors

/// Kernels of 3 × 3 as the 16 numbers that tiles are multiplied with, G g Gᵀ, in the order in which `LaneKernels.convolve`
/// reads them: for each group, element of the 4 × 4 and tile of rows [channels, height]; rows that are not there are 0.
struct WinogradWeight: Sendable {
  /// Of a group: its rows, and the tiles that they fill.
  let rows, tiles: Int
  private let channels, height: Int
  private let values, biases: [Float]

  /// - Parameters:
  ///   - weight: [groups, …], the kernels of a group `rowStride` elements apart from row to row, and `channelStride` from
  ///     channel to channel.
  ///   - bias: of the rows of all groups; nil for none.
  ///   - mirrored: whether the kernels are turned by half a turn.
  ///   - height: rows of a tile.
  init(
    _ weight: Tensor, _ bias: Tensor?, groups: Int, rows: Int, channels: Int, rowStride: Int,
    channelStride: Int, mirrored: Bool, height: Int, _ workers: Workers
  ) {
    let tiles = (rows + height - 1) / height
    let matrix = tiles * channels * height
    let groupStride = weight.shape.count / groups
    var values = [Float](repeating: 0, count: groups * 16 * matrix)
    weight.withValues(of: Float.self) { weight in
      values.withUnsafeMutableBufferPointer { values in
        workers.run(pieces: groups * tiles) { piece in
          let (group, tile) = (piece / tiles, piece % tiles)
          for row in 0..<min(height, rows - tile * height) {
            for channel in 0..<channels {
              let source =
                group * groupStride + (tile * height + row) * rowStride + channel * channelStride
              let target = group * 16 * matrix + (tile * channels + channel) * height + row
              widen(
                { Double(weight[source + (mirrored ? 8 - $0 : $0)]) },
                { values[target + $0 * matrix] = Float($1) })
            }
          }
        }
      }
    }
    let biases = packedBias(bias, groups: groups, rows: rows, in: tiles * height)
    (self.rows, self.tiles, self.channels, self.height) = (rows, tiles, channels, height)
    (self.values, self.biases) = (values, biases)
  }

  /// Calls `body` with the weights of a group, and with its biases.
  func withGroup(
    _ group: Int, _ body: (UnsafePointer<Float>, _ bias: UnsafePointer<Float>) -> Void
  ) {
    values.withUnsafeBufferPointer { values in
      biases.withUnsafeBufferPointer { biases in
        guard let values = values.baseAddress, let biases = biases.baseAddress else { return }
        body(values + group * 16 * tiles * channels * height, biases + group * tiles * height)
      }
    }
  }
}

/// G g Gᵀ: writes the 16 elements of what a kernel's nine become.
@inline(__always)
private func widen(_ kernel: (Int) -> Double, _ store: (Int, Double) -> Void) {
  typealias Three = (Double, Double, Double)
  func write(_ row: Int, _ line: Three) {
    store(4 * row, line.0)
    store(4 * row + 1, (line.0 + line.1 + line.2) / 2)
    store(4 * row + 2, (line.0 - line.1 + line.2) / 2)
    store(4 * row + 3, line.2)
  }
  let upper: Three = (kernel(0), kernel(1), kernel(2))
  let middle: Three = (kernel(3), kernel(4), kernel(5))
  let lower: Three = (kernel(6), kernel(7), kernel(8))
  let ends: Three = (upper.0 + lower.0, upper.1 + lower.1, upper.2 + lower.2)
  write(0, upper)
  write(1, ((ends.0 + middle.0) / 2, (ends.1 + middle.1) / 2, (ends.2 + middle.2) / 2))
  write(2, ((ends.0 - middle.0) / 2, (ends.1 - middle.1) / 2, (ends.2 - middle.2) / 2))
  write(3, lower)
}
