import Kernels
import Tensors

/// Signals in registers: [N / lanes, C, …, lanes], each register with one element of as many examples as it has numbers.
extension LaneKernels {
  /// Whether the examples of such a batch fill all registers.
  public func suit(_ examples: Int) -> Bool { examples > 0 && examples % lanes == 0 }

  /// The shape in registers of so many examples, each of this shape.
  public func shape(of example: Shape, _ examples: Int) -> Shape {
    Shape([examples / lanes] + example.dimensions + [lanes])
  }

  /// [N, …] in registers.
  ///
  /// - Parameter batch: of a number of examples that suits.
  public func spread(_ batch: Tensor, into result: inout Tensor, _ workers: Workers) {
    let (examples, example) = (batch.shape[0], batch.shape.perExample)
    precondition(suit(examples), "\(examples) examples in registers of \(lanes)")
    result.become(uninitialized: shape(of: example, examples), .f32)
    overParts(of: example.count) { elements, registers in
      withPointers(batch, into: &result, of: Float.self) { x, result in
        workers.run(pieces: examples / lanes) { block in
          let first = block * lanes * example.count
          for part in elements {
            compiled.spread(
              x + first + part.lowerBound, examples: lanes, exampleStride: example.count,
              to: registers, elements: part.count, in: result + first + part.lowerBound * lanes)
          }
        }
      }
    }
  }

  /// What `spread` was given, of examples of the shape `example`.
  public func collect(
    _ registers: Tensor, as example: Shape, into result: inout Tensor, _ workers: Workers
  ) {
    let blocks = registers.shape[0]
    result.become(uninitialized: example.batched(blocks * lanes), .f32)
    withPointers(registers, into: &result, of: Float.self) { x, result in
      workers.run(pieces: blocks) { block in
        let first = block * lanes * example.count
        compiled.collect(
          x + first, elements: example.count, into: result + first, examples: lanes,
          exampleStride: example.count)
      }
    }
  }

  /// Calls `body` with parts of so many elements, and with the numbers of registers that the elements of each go to.
  private func overParts(
    of count: Int, _ body: (_ parts: [Range<Int>], _ registers: UnsafePointer<Int32>) -> Void
  ) {
    let length = 1024
    let parts = stride(from: 0, to: count, by: length).map { $0..<min(count, $0 + length) }
    withUnsafeTemporaryAllocation(of: Int32.self, capacity: length) { registers in
      guard let start = registers.baseAddress else { return }
      for register in 0..<length { start[register] = Int32(register) }
      body(parts, start)
    }
  }
}

/// Of signals in registers what is added up or chosen from a channel's planes.
extension LaneKernels {
  /// As `summedOverPictures`, with the same bytes: [N / lanes, C, …, lanes] gives [C].
  public func summedOverPictures(_ signals: Tensor, _ workers: Workers) -> Tensor {
    let (blocks, channels) = (signals.shape[0], signals.shape[1])
    let size = signals.shape.count / (blocks * channels * lanes)
    return signals.withValues(of: Float.self) { x in
      guard let x = x.baseAddress else { preconditionFailure("no signals") }
      return summedOverPlanes(blocks: blocks, channels, workers) { plane, sums in
        compiled.sumInDoubles(x + plane * size * lanes, count: size, into: sums)
      }
    }
  }

  /// [C], of [N / lanes, C] planes.
  ///
  /// - Parameter sum: writes the sum of a plane's elements of every example.
  func summedOverPlanes(
    blocks: Int, _ channels: Int, _ workers: Workers,
    _ sum: (_ plane: Int, _ ofExamples: UnsafeMutablePointer<Double>) -> Void
  ) -> Tensor {
    let blocksOfPiece = picturesPerPiece / lanes
    let pieces = (blocks + blocksOfPiece - 1) / blocksOfPiece
    var result = Tensor(uninitialized: [channels], .f32)
    result.withMutableValues(of: Float.self) { result in
      Scratch.with(pieces * channels, of: Double.self) { sums in
        workers.run(pieces: pieces) { piece in
          withUnsafeTemporaryAllocation(of: Double.self, capacity: lanes) { ofExamples in
            guard let ofExamples = ofExamples.baseAddress else { return }
            for channel in 0..<channels {
              var total = 0.0
              for block in piece * blocksOfPiece..<min(blocks, (piece + 1) * blocksOfPiece) {
                sum(block * channels + channel, ofExamples)
                for lane in 0..<lanes { total += ofExamples[lane] }
              }
              sums[piece * channels + channel] = total
            }
          }
        }
        for channel in 0..<channels {
          result[channel] = Float((0..<pieces).reduce(0) { $0 + sums[$1 * channels + channel] })
        }
      }
    }
    return result
  }
}
