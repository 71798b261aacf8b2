import Kernels
import Tensors

/// How the numbers of a batch lie in memory.
public enum BatchOrder: Sendable {
  /// Example after example: [N, C, H, W].
  case byExample
  /// As many examples as a register has numbers side by side: [N / lanes, C, H, W, lanes].
  case inLanes
}

/// A batch of pictures, and how kernels get those of a block into registers.
struct LaneBatch {
  let start: UnsafePointer<Float>
  /// Elements of an example, all groups together.
  let exampleSize: Int
  let order: BatchOrder
  let kernels: LaneKernels
  /// Set for deltas that are to be passed to the winners first.
  var pooled: PooledDeltas?

  /// The pictures of a block and a group in registers: in `room`, or where they are.
  ///
  /// - Parameter room: for all registers of the pictures.
  func registers(
    of block: Range<Int>, group: Int, as pictures: LanePictures,
    in room: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    let first = start + block.lowerBound * exampleSize
    if let pooled {
      let channels = group * pictures.channels..<(group + 1) * pictures.channels
      let picture = block.lowerBound / kernels.lanes
      if pictures.haveNoMargin {
        pooled.spread(start, channels, of: picture, into: room)
      } else {
        Scratch.with(pictures.count * kernels.lanes, of: Float.self) { unframed in
          pooled.spread(start, channels, of: picture, into: unframed)
          pictures.frame(unframed, by: kernels, into: room)
        }
      }
      return UnsafePointer(room)
    }
    let offset = group * pictures.count
    switch order {
    case .byExample:
      pictures.spread(first + offset, block.count, exampleSize, by: kernels, into: room)
    case .inLanes:
      let there = first + offset * kernels.lanes
      if pictures.haveNoMargin { return there }
      pictures.frame(there, by: kernels, into: room)
    }
    return UnsafePointer(room)
  }
}

/// What a product of blocks is written to, and how it gets there from registers.
struct LaneResult {
  let start: UnsafeMutablePointer<Float>
  /// Elements of an example, and of a channel of it.
  let exampleSize, plane: Int
  let order: BatchOrder
  let kernels: LaneKernels
  /// Set where only the largest elements of windows are written.
  var pooled: PooledResult?

  /// Calls `body` with where some channels of a block go as registers, [rows, stride]: to `room`, out of which they are taken
  /// afterwards, or where they belong.
  ///
  /// - Parameters:
  ///   - channels: of the whole result.
  ///   - elements: of a channel's plane; whole rows of it, an even number or the last ones, where they are pooled.
  ///   - room: for [rows, elements] registers.
  func write(
    _ block: Range<Int>, channels: Range<Int>, elements: Range<Int>,
    in room: UnsafeMutablePointer<Float>,
    _ body: (_ registers: UnsafeMutablePointer<Float>, _ stride: Int) -> Void
  ) {
    if let pooled {
      body(room, elements.count)
      return pooled.pool(
        room, channels, elements, of: block.lowerBound / kernels.lanes, into: start)
    }
    let target = start + block.lowerBound * exampleSize
    let first = channels.lowerBound * plane + elements.lowerBound
    switch order {
    case .inLanes:
      body(target + first * kernels.lanes, plane)
    case .byExample:
      body(room, elements.count)
      if elements.count == plane {
        kernels.compiled.collect(
          room, elements: channels.count * plane, into: target + first, examples: block.count,
          exampleStride: exampleSize)
      } else {
        for row in 0..<channels.count {
          kernels.compiled.collect(
            room + row * elements.count * kernels.lanes, elements: elements.count,
            into: target + first + row * plane, examples: block.count,
            exampleStride: exampleSize)
        }
      }
    }
  }
}

extension Tensor {
  /// The examples of a batch in this order.
  func examples(_ order: BatchOrder) -> Int {
    switch order {
    case .byExample: shape[0]
    case .inLanes: shape[0] * shape[shape.rank - 1]
    }
  }
}
