import Tensors

/// The pictures of [N, C, H, W] one by one, and the places of a window without gaps on each.
///
/// The padding is at most half the window, so that every place covers a part of the picture.
struct Pooling {
  let height, width: Int
  /// The places of the window.
  let rows, columns: Int
  let window: Window
  let result: Shape
  private let pictures: Int

  /// - Parameters:
  ///   - shape: of the pictures, [N, C, H, W].
  init(_ window: Window, over shape: Shape) {
    precondition(shape.rank == 4, "pooling of \(shape)")
    precondition(
      [window.height, window.width].allSatisfy {
        $0.dilation == 1 && 2 * $0.padding <= $0.length
      }, "pooling by \(window)")
    self.window = window
    (height, width) = (shape[2], shape[3])
    pictures = shape[0] * shape[1]
    (rows, columns) = (window.height.places(over: height), window.width.places(over: width))
    precondition(rows > 0 && columns > 0, "a window larger than the picture")
    result = [shape[0], shape[1], rows, columns]
  }

  /// Calls `body` with every picture's number, many small pictures in one piece.
  @inline(__always)
  func run(_ workers: ThreadPool, _ body: (Int) -> Void) {
    workers.run(cutting: pictures, into: max(1, elementsPerPiece / (height * width))) {
      for picture in $0 { body(picture) }
    }
  }

  /// Calls `body` with every place on one picture and what it covers: the place's number, rows, columns.
  @inline(__always)
  func forEachPlace(_ body: (Int, Range<Int>, Range<Int>) -> Void) {
    for row in 0..<rows {
      let covered = window.height.covered(at: row, over: height)
      for column in 0..<columns {
        body(row * columns + column, covered, window.width.covered(at: column, over: width))
      }
    }
  }
}
