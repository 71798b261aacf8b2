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

  /// The pictures of a block and a group in registers: in `room`, or where they are.
  ///
  /// - Parameter room: for all registers of the pictures.
  func registers(
    of block: Range<Int>, group: Int, as pictures: LanePictures,
    in room: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    let first = start + block.lowerBound * exampleSize
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

  /// Calls `body` with where some channels of a block go as registers, [rows, stride]: to `room`, out of which they are taken
  /// afterwards, or where they belong.
  ///
  /// - Parameters:
  ///   - channels: of the whole result.
  ///   - elements: of a channel's plane.
  ///   - room: for [rows, elements] registers.
  func write(
    _ block: Range<Int>, channels: Range<Int>, elements: Range<Int>,
    in room: UnsafeMutablePointer<Float>,
    _ body: (_ registers: UnsafeMutablePointer<Float>, _ stride: Int) -> Void
  ) {
    let target = start + block.lowerBound * exampleSize
    let first = channels.lowerBound * plane + elements.lowerBound
    switch order {
    case .inLanes:
      body(target + first * kernels.lanes, plane)
    case .byExample:
      body(room, elements.count)
      if elements.count == plane {
        kernels.collect(room, channels.count * plane, target + first, block.count, exampleSize)
      } else {
        for row in 0..<channels.count {
          kernels.collect(
            room + row * elements.count * kernels.lanes, elements.count,
            target + first + row * plane, block.count, exampleSize)
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
