import Comparison
import Kernels
import Products
import Tensors
import Testing

/// A product of matrices of random numbers, some of whose neighbors in memory are not part of it.
private struct Product<R: ProductReal> {
  let rows, terms, columns: Int
  let isATransposed, isBTransposed: Bool
  let a, b, before: [R]
  /// Elements of other matrices beside each row.
  let margin = 3

  init(_ shape: [Int], transposing: (Bool, Bool), of type: R.Type) {
    (rows, terms, columns) = (shape[0], shape[1], shape[2])
    (isATransposed, isBTransposed) = transposing
    func random(_ count: Int, _ seed: UInt64) -> [R] {
      numbers([count], .f64, seed: seed).doubles().map { R($0) }
    }
    a = random(isATransposed ? terms * (rows + margin) : rows * (terms + margin), 1)
    b = random(isBTransposed ? columns * (terms + margin) : terms * (columns + margin), 2)
    before = random(rows * (columns + margin), 3)
  }

  /// The element of row i and column k of a, and alike of b.
  func elementOfA(_ i: Int, _ k: Int) -> R {
    isATransposed ? a[k * (rows + margin) + i] : a[i * (terms + margin) + k]
  }
  func elementOfB(_ k: Int, _ j: Int) -> R {
    isBTransposed ? b[j * (terms + margin) + k] : b[k * (columns + margin) + j]
  }

  /// The result in memory, and what lies beside it.
  func compute(
    _ rowRange: Range<Int>, _ columnRange: Range<Int>, adding: Bool, into result: inout [R],
    _ kernels: ProductKernels
  ) {
    let stride = columns + margin
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        result.withUnsafeMutableBufferPointer { result in
          guard let a = a.baseAddress, let b = b.baseAddress, let start = result.baseAddress else {
            return
          }
          let x: Factor<R> =
            isATransposed
            ? .transposed(
              Matrix(
                a + rowRange.lowerBound, rows: terms, columns: rowRange.count,
                stride: rows + margin))
            : .plain(
              Matrix(
                a + rowRange.lowerBound * (terms + margin), rows: rowRange.count, columns: terms,
                stride: terms + margin))
          let y: Factor<R> =
            isBTransposed
            ? .transposed(
              Matrix(
                b + columnRange.lowerBound * (terms + margin), rows: columnRange.count,
                columns: terms, stride: terms + margin))
            : .plain(
              Matrix(
                b + columnRange.lowerBound, rows: terms, columns: columnRange.count,
                stride: columns + margin))
          R.multiply(
            x, y, into: start + rowRange.lowerBound * stride + columnRange.lowerBound,
            stride: stride, adding: adding, with: kernels)
        }
      }
    }
  }

  func whole(adding: Bool, _ kernels: ProductKernels) -> [R] {
    var result = before
    compute(0..<rows, 0..<columns, adding: adding, into: &result, kernels)
    return result
  }

  /// The largest error of any element, by the sum of its terms' absolute values; infinite
  /// where something was written beside the result.
  func largestError(of result: [R], adding: Bool) -> Double {
    let stride = columns + margin
    var largest = 0.0
    for row in 0..<rows {
      for column in columns..<stride
      where result[row * stride + column] != before[row * stride + column] {
        return .infinity
      }
      for column in 0..<columns {
        let place = row * stride + column
        // A sum of two halves: what was rounded off the first, of products that are exact for F32.
        var (sum, lost) = (adding ? Double(before[place]) : 0, 0.0)
        var size = abs(sum)
        for term in 0..<terms {
          let (x, y) = (Double(elementOfA(row, term)), Double(elementOfB(term, column)))
          let product = x * y
          lost += (-product).addingProduct(x, y)
          let next = sum + product
          let part = next - sum
          lost += (sum - (next - part)) + (product - part)
          sum = next
          size += abs(product)
        }
        let error = abs((Double(result[place]) - sum) - lost) / max(size, 1e-300)
        largest = max(largest, error.isNaN ? .infinity : error)
      }
    }
    return largest
  }
}

struct GemmTests {
  /// Rows, terms, columns: around the tiles, the registers and the blocks of every width.
  static let shapes = [
    [1, 1, 1], [1, 3, 2], [2, 64, 1], [3, 7, 5], [5, 2, 17], [6, 65, 16], [7, 63, 33],
    [8, 100, 31],
    [9, 128, 4], [10, 257, 47], [13, 66, 101], [61, 64, 9], [63, 71, 20], [145, 260, 3],
    [3, 258, 515], [13, 17, 130], [4, 2100, 6], [4, 4200, 5],
  ]
  static let transposing = [(false, false), (false, true), (true, false), (true, true)]

  @Test(arguments: shapes, ProductKernels.supported)
  func productsAreRoundedSums(shape: [Int], kernels: ProductKernels) {
    func check<R: ProductReal>(_ type: R.Type, _ tolerance: Double) {
      for transposing in Self.transposing {
        let product = Product(shape, transposing: transposing, of: type)
        for adding in [false, true] {
          let error = product.largestError(
            of: product.whole(adding: adding, kernels), adding: adding)
          #expect(error < tolerance, "\(R.self) \(transposing) adding \(adding)")
        }
      }
    }
    check(Float.self, 2e-6)
    check(Double.self, 4e-15)
  }

  @Test(arguments: shapes, ProductKernels.supported)
  func aPartHasTheBytesOfTheWhole(shape: [Int], kernels: ProductKernels) {
    func check<R: ProductReal>(_ type: R.Type) {
      for transposing in Self.transposing {
        let product = Product(shape, transposing: transposing, of: type)
        for adding in [false, true] {
          let whole = product.whole(adding: adding, kernels)
          for (height, width) in [(1, shape[2]), (5, 3), (shape[0], 7), (32, 32)] {
            var result = product.before
            for row in stride(from: 0, to: shape[0], by: height) {
              for column in stride(from: 0, to: shape[2], by: width) {
                product.compute(
                  row..<min(shape[0], row + height), column..<min(shape[2], column + width),
                  adding: adding, into: &result, kernels)
              }
            }
            #expect(result == whole, "\(R.self) \(transposing) by \(height) and \(width)")
          }
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  /// What the first test finds must be able to fail.
  @Test func errorIsFound() {
    let product = Product([3, 7, 5], transposing: (false, true), of: Float.self)
    var result = product.whole(adding: false, .best)
    let place = 2 * (5 + product.margin) + 4
    result[place] += 1e-4
    #expect(product.largestError(of: result, adding: false) > 2e-6)
    result[place] -= 1e-4
    result[place + 1] += 1
    #expect(product.largestError(of: result, adding: false) == .infinity)
  }
}
