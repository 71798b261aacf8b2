import Tensors

/// The examples of a batch in the pieces of a convolution, and those of a piece in blocks that are multiplied at once.
struct ConvolutionPieces: Sendable {
  let examples: Int
  /// Examples of a block, at most.
  let atOnce: Int

  /// Pieces whose sums are kept side by side before they are added up, to bound the memory.
  private static let mostSums = 16

  var count: Int {
    (examples + convolutionExamplesPerPiece - 1) / convolutionExamplesPerPiece
  }

  /// The blocks of a piece.
  subscript(piece: Int) -> [Range<Int>] {
    let start = piece * convolutionExamplesPerPiece
    let end = min(examples, start + convolutionExamplesPerPiece)
    return stride(from: start, to: end, by: atOnce).map { $0..<min(end, $0 + atOnce) }
  }

  /// The sum over all pieces of `size` numbers that each of them has, added up in Double in the pieces' order.
  ///
  /// - Parameter compute: writes a piece's numbers, all of them, to memory whose contents are undefined.
  func summed<R: Real>(
    _ size: Int, of type: R.Type, _ workers: ThreadPool,
    _ compute: (_ blocks: [Range<Int>], _ partial: UnsafeMutablePointer<R>) -> Void
  ) -> [Double] {
    var sums = [Double](repeating: 0, count: size)
    Scratch.with(min(count, Self.mostSums) * size, of: type) { partials in
      for first in stride(from: 0, to: count, by: Self.mostSums) {
        let kept = min(Self.mostSums, count - first)
        workers.run(pieces: kept) { compute(self[first + $0], partials + $0 * size) }
        sums.withUnsafeMutableBufferPointer { sums in
          workers.run(cutting: size, into: elementsPerPiece) { elements in
            for partial in 0..<kept {
              let partial = partials + partial * size
              for element in elements { sums[element] += Double(partial[element]) }
            }
          }
        }
      }
    }
    return sums
  }
}

// MARK: The memory of pictures, of which there is always some

/// Calls `body` with the memory of pictures and of a result.
func withPointers<R: Real>(
  _ pictures: Tensor, into result: inout Tensor, of type: R.Type,
  _ body: (UnsafePointer<R>, UnsafeMutablePointer<R>) -> Void
) {
  pictures.withValues(of: type) { pictures in
    result.withMutableValues(of: type) { result in
      guard let pictures = pictures.baseAddress, let result = result.baseAddress else {
        preconditionFailure("an empty convolution")
      }
      body(pictures, result)
    }
  }
}

/// Calls `body` with the memory of pictures, of a weight and of a result.
func withPointers<R: Real>(
  _ pictures: Tensor, _ weight: [R], into result: inout Tensor, of type: R.Type,
  _ body: (UnsafePointer<R>, UnsafePointer<R>, UnsafeMutablePointer<R>) -> Void
) {
  withPointers(pictures, into: &result, of: type) { pictures, result in
    weight.withUnsafeBufferPointer { weight in
      guard let weight = weight.baseAddress else { preconditionFailure("an empty weight") }
      body(pictures, weight, result)
    }
  }
}

/// Calls `body` with the memory of deltas and of pictures.
func withPointers<R: Real, Result>(
  _ delta: Tensor, _ pictures: Tensor, of type: R.Type,
  _ body: (UnsafePointer<R>, UnsafePointer<R>) -> Result
) -> Result {
  delta.withValues(of: type) { delta in
    pictures.withValues(of: type) { pictures in
      guard let delta = delta.baseAddress, let pictures = pictures.baseAddress else {
        preconditionFailure("an empty convolution")
      }
      return body(delta, pictures)
    }
  }
}
