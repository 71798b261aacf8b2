import Kernels
import Tensors

/// Kernels of 3 × 3 as the 36 numbers that tiles are multiplied with, G g Gᵀ, in the order in which `LaneKernels.convolve` reads
/// them: for each group, tile of rows and element of the 6 × 6 [channels, height].
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
  init(
    _ weight: Tensor, _ bias: Tensor?, groups: Int, rows: Int, channels: Int, rowStride: Int,
    channelStride: Int, mirrored: Bool, by kernels: LaneKernels, _ workers: Workers
  ) {
    let height = kernels.tileHeight
    let tiles = (rows + height - 1) / height
    let groupStride = weight.shape.count / groups
    let tile = WinogradExtent.elements * channels * height
    let values = [Float](unsafeUninitializedCapacity: groups * tiles * tile) { values, count in
      let packed = values
      weight.withValues(of: Float.self) { weight in
        workers.run(pieces: groups * tiles, alone: groups * rows * channels < 512) { piece in
          guard let weight = weight.baseAddress, let packed = packed.baseAddress else { return }
          let (group, first) = (piece / tiles, piece % tiles * height)
          Scratch.with(WinogradExtent.elements * kernels.lanes, of: Float.self) { room in
            kernels.compiled.widenKernels(
              weight + group * groupStride + first * rowStride, rows: min(height, rows - first),
              rowStride: rowStride, channels: channels, channelStride: channelStride,
              mirrored: mirrored, into: packed + piece * tile, room: room)
          }
        }
      }
      count = values.count
    }
    let biases = packedBias(bias, groups: groups, rows: rows, in: tiles * height)
    (self.rows, self.tiles, self.channels, self.height) = (rows, tiles, channels, height)
    (self.values, self.biases) = (values, biases)
  }

  /// The numbers of a tile of rows.
  var tile: Int { WinogradExtent.elements * channels * height }

  /// Calls `body` with the weights of a group, and with its biases.
  func withGroup(
    _ group: Int, _ body: (UnsafePointer<Float>, _ bias: UnsafePointer<Float>) -> Void
  ) {
    values.withUnsafeBufferPointer { values in
      biases.withUnsafeBufferPointer { biases in
        guard let values = values.baseAddress, let biases = biases.baseAddress else { return }
        body(values + group * tiles * tile, biases + group * tiles * height)
      }
    }
  }
}
