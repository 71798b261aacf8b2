import Comparison
import Compute
import Tensors
import Testing

private struct Square: ElementFunction {
  func callAsFunction<R: Real>(_ x: R) -> R { x * x }
}

private struct Quotient: PairFunction {
  func callAsFunction<R: Real>(_ x: R, _ y: R) -> R { x / y }
}

private struct Reversal: RowFunction {
  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, into result: UnsafeMutableBufferPointer<R>
  ) {
    for index in x.indices { result[index] = x[x.count - 1 - index] }
  }
}

/// The dot product and the number of factors.
private struct Dot: RowPairFunction {
  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, _ y: UnsafeBufferPointer<R>,
    into result: UnsafeMutableBufferPointer<R>
  ) {
    result[0] = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
    result[1] = R(x.count)
  }
}

struct ElementwiseTests {
  let workers: ThreadPool
  let x = Tensor([1, -2, 3, 0.5, -4, 8] as [Float], shape: [2, 3])
  let y = Tensor([2, 4, -8, 1, 16, 2] as [Float], shape: [2, 3])

  init() throws { workers = ThreadPool(count: 2) }

  @Test(arguments: [DType.f32, .f64])
  func functionsMeetTheirElements(dtype: DType) {
    let (x, y) = (x.converted(to: dtype), y.converted(to: dtype))
    let squares = x.mapped(by: Square(), workers)
    #expect(squares.dtype == dtype)
    #expect(mismatch(squares, Tensor([1, 4, 9, 0.25, 16, 64] as [Double], shape: [2, 3])) == nil)
    #expect(
      mismatch(
        x.combined(with: y, by: Quotient(), workers),
        Tensor([0.5, -0.5, -0.375, 0.5, -0.25, 4] as [Double], shape: [2, 3])) == nil)
    #expect(
      mismatch(
        x.mappedRows(width: 3, by: Reversal(), workers),
        Tensor([3, -2, 1, 8, -4, 0.5] as [Double], shape: [2, 3])) == nil)
    #expect(
      mismatch(
        x.combinedRows(width: 3, with: y, into: [2, 2], by: Dot(), workers),
        Tensor([-30, 3, -47.5, 3] as [Double], shape: [2, 2])) == nil)
  }

  @Test func piecesCoverLargeTensors() {
    let count = 3 * elementsPerPiece + 17
    let large = Tensor((0..<count).map { Double($0) }, shape: [count])
    #expect(
      large.mapped(by: Square(), workers)
        == Tensor((0..<count).map { Double($0 * $0) }, shape: [count]))
    #expect(
      large.combined(with: large, by: Quotient(), workers).rows(1..<count)
        == Tensor([Double](repeating: 1, count: count - 1)))
    let rows = large.rows(0..<30_000).reshaped([10_000, 3])
    #expect(
      rows.mappedRows(width: 3, by: Reversal(), workers).rows(9_999..<10_000)
        == Tensor([29_999, 29_998, 29_997] as [Double], shape: [1, 3]))
    #expect(
      rows.combinedRows(width: 3, with: rows, into: [10_000, 2], by: Dot(), workers)
        .rows(9_999..<10_000)
        == Tensor([2_699_640_014, 3] as [Double], shape: [1, 2]))
  }

  @Test func sumsColumnsFromTheFirstRowToTheLast() {
    #expect(x.summedOverExamples(workers) == Tensor([1.5, -6, 11] as [Float]))
    // In F32 alone, 2²⁴ swallows the ones that are added to it one by one.
    let tall = Tensor([16_777_216] + [Float](repeating: 1, count: 1_000), shape: [1_001, 1])
    #expect(tall.summedOverExamples(workers) == Tensor([16_778_216] as [Float]))
    let wide = Tensor((0..<2_000).map { Double($0) }, shape: [2, 10, 100])
    #expect(
      wide.summedOverExamples(workers)
        == Tensor((0..<1_000).map { Double(2 * $0 + 1_000) }, shape: [10, 100]))
  }

  @Test func refusesWhatDoesNotFit() async {
    await #expect(processExitsWith: .failure) {
      let workers = ThreadPool(count: 1)
      _ = Tensor([1, 2] as [Float]).combined(
        with: Tensor([1, 2, 3] as [Float]), by: Quotient(), workers)
    }
    await #expect(processExitsWith: .failure) {
      let workers = ThreadPool(count: 1)
      _ = Tensor([1, 2] as [Int32]).mapped(by: Square(), workers)
    }
  }

  @Test func libraryFunctionsAreTheRightOnes() {
    func check<R: Real>(_ type: R.Type, ulps: Double) {
      let tolerance = Double(R.ulpOfOne) * ulps
      func near(_ found: R, _ expected: Double) -> Bool {
        abs(Double(found) - expected) <= tolerance * abs(expected)
      }
      #expect(near(R.exp(0.5), 1.648_721_270_700_128_2))
      #expect(near(R.log(2), 0.693_147_180_559_945_3))
      #expect(near(R.log1p(0.25), 0.223_143_551_314_209_76))
      #expect(near(R.tanh(0.5), 0.462_117_157_260_009_76))
      #expect(near(R.expm1(-0.5), -0.393_469_340_287_366_6))
      #expect(R.expm1(R.ulpOfOne / 4) == R.ulpOfOne / 4)
      #expect(near(R.erfc(0.5), 0.479_500_122_186_953_5))
      #expect(near(R.erfc(3), 2.209_049_699_858_544e-5))
      #expect(R.log1p(R.ulpOfOne / 4) == R.ulpOfOne / 4)
    }
    check(Float.self, ulps: 2)
    check(Double.self, ulps: 2)
  }
}
