import Compute
import Tensors
import Testing

@Suite struct GatheringTests {
  /// Rows of so many elements that pieces hold one, several, and more than a row; some taken twice.
  @Test(arguments: [1, 7, 784, 9000], [1, 2])
  func takesRowsAsTheyAre(_ width: Int, _ threads: Int) throws {
    let workers = ThreadPool(count: threads)
    let count = 40
    let bytes = Tensor(
      (0..<count * width).map { UInt8(truncatingIfNeeded: $0 &* 31) }, shape: [count, width])
    let order = (0..<(width < 5000 ? 100 : 15)).map { $0 * 17 % 37 + 1 }
    let indices = order[3...]
    for dtype in [DType.u8, .f32, .f64, .i16] {
      let source =
        dtype == .u8
        ? bytes
        : dtype == .i16
          ? Tensor(bytes.doubles().map(Int16.init), shape: bytes.shape) : bytes.converted(to: dtype)
      for result in dtype == .u8 ? [DType.u8, .f32, .f64] : [.f32, .f64] {
        let rows = source.gathered(indices)
        let expected = result == .u8 ? rows : rows.converted(to: result)
        var found = Tensor(zeros: [1], result)
        for _ in 0..<2 {
          found.become(
            rows: indices, of: source, as: result, shape: [indices.count, width], workers)
          #expect(found == expected, "\(dtype) as \(result)")
        }
      }
    }
  }
}
