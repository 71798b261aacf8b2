import CProcessor
import Tensors

extension Tensor {
  /// Makes it one of the rows `indices` of another, converted to `dtype`: `source.gathered(indices).converted(to: dtype)`.
  ///
  /// - Parameter shape: of the result.
  public mutating func become(
    rows indices: ArraySlice<Int>, of source: Tensor, as dtype: DType, shape: Shape,
    _ workers: ThreadPool
  ) {
    let width = source.shape.count / max(1, source.shape[0])
    precondition(shape.count == indices.count * width, "rows of \(source.shape) as \(shape)")
    for index in indices {
      precondition(index >= 0 && index < source.shape[0], "row \(index) of \(source.shape)")
    }
    switch (source.dtype, dtype) {
    case (.u8, .u8): take(indices, of: source, width, shape, dtype, Copy<UInt8>(), workers)
    case (.u8, .f32): take(indices, of: source, width, shape, dtype, Bytes(), workers)
    case (.f32, .f32): take(indices, of: source, width, shape, dtype, Copy<Float>(), workers)
    case (.f64, .f64): take(indices, of: source, width, shape, dtype, Copy<Double>(), workers)
    default: self = source.gathered(indices).converted(to: dtype).reshaped(shape)
    }
  }

  private mutating func take<C: RowConversion>(
    _ indices: ArraySlice<Int>, of source: Tensor, _ width: Int, _ shape: Shape, _ dtype: DType,
    _ conversion: C, _ workers: ThreadPool
  ) {
    let bytes = width * MemoryLayout<C.From>.stride
    become(uninitialized: shape, dtype)
    withMutableValues(of: C.To.self) { target in
      source.withValues(of: C.From.self) { source in
        indices.withUnsafeBufferPointer { indices in
          guard let to = target.baseAddress, let from = source.baseAddress else { return }
          workers.run(cutting: indices.count, into: max(1, elementsPerGather / max(1, width))) {
            rows in
            for row in rows {
              // Rows in random order are in no cache, and the processor does not guess the next one.
              let ahead = row + (row == rows.lowerBound ? 0 : rowsAhead - 1)..<row + rowsAhead
              for next in ahead.clamped(to: rows) where bytes <= longestAhead {
                nn_processor_fetch(from + indices[next] * width, bytes)
              }
              conversion(from + indices[row] * width, to + row * width, width)
            }
          }
        }
      }
    }
  }
}

/// Elements that one piece of a gathering takes.
private let elementsPerGather = elementsPerPiece / 2

/// How many rows are on their way from memory while one is converted, and how many bytes one has at most: of more the processor guesses
/// the most part itself.
private let rowsAhead = 4
private let longestAhead = 4096

/// How the elements of a row change their type.
private protocol RowConversion {
  associatedtype From: TensorElement
  associatedtype To: TensorElement
  func callAsFunction(_ from: UnsafePointer<From>, _ to: UnsafeMutablePointer<To>, _ count: Int)
}

private struct Bytes: RowConversion {
  func callAsFunction(
    _ from: UnsafePointer<UInt8>, _ to: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    for index in 0..<count { to[index] = Float(from[index]) }
  }
}

private struct Copy<E: TensorElement>: RowConversion {
  func callAsFunction(_ from: UnsafePointer<E>, _ to: UnsafeMutablePointer<E>, _ count: Int) {
    to.update(from: from, count: count)
  }
}
