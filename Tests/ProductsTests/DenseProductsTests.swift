import Comparison
import Kernels
import Products
import Tensors
import Testing

/// Σ over the inner index, one after the other: what the products must give.
private func plainProduct(_ a: Tensor, _ b: Tensor) -> Tensor {
  let (x, y) = (a.doubles(), b.doubles())
  let (rows, inner, columns) = (a.shape[0], a.shape[1], b.shape[1])
  var result: [Double] = []
  for row in 0..<rows {
    for column in 0..<columns {
      var sum = 0.0
      for k in 0..<inner { sum += x[row * inner + k] * y[k * columns + column] }
      result.append(sum)
    }
  }
  return Tensor(result, shape: [rows, columns])
}

private func transposed(_ a: Tensor) -> Tensor {
  let (x, rows, columns) = (a.doubles(), a.shape[0], a.shape[1])
  return Tensor(
    (0..<x.count).map { x[$0 % rows * columns + $0 / rows] }, shape: [columns, rows])
}

/// Numbers in [−1, 1) that look random.
func numbers(_ shape: Shape, _ dtype: DType, seed: UInt64) -> Tensor {
  var state = seed
  let values = (0..<shape.count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(Int64(bitPattern: state) >> 11) * 0x1p-52
  }
  return Tensor(values, shape: shape).converted(to: dtype)
}

private struct Operands {
  let input, weight, bias, delta: Tensor

  init(_ examples: Int, _ inputs: Int, _ outputs: Int, _ dtype: DType) {
    input = numbers([examples, inputs], dtype, seed: 1)
    weight = numbers([outputs, inputs], dtype, seed: 2)
    bias = numbers([outputs], dtype, seed: 3)
    delta = numbers([examples, outputs], dtype, seed: 4)
  }

  func products(_ workers: Workers, with kernels: ProductKernels = .best) -> [String: Tensor] {
    [
      "forward": input.timesTransposed(weight, plus: bias, workers, with: kernels),
      "without bias": input.timesTransposed(weight, plus: nil, workers, with: kernels),
      "input gradient": delta.times(weight, workers, with: kernels),
      "weight gradient": delta.transposedTimes(input, workers, with: kernels),
    ]
  }
}

struct DenseProductsTests {
  /// Examples, inputs, outputs. Registers that are filled and not, by inputs, with every rest of rows and outputs; products that
  /// are cut by examples and by outputs.
  static let shapes = [
    [1, 1, 1], [1, 5, 3], [7, 1, 2], [3, 4, 1], [33, 17, 65], [70, 129, 34], [2, 8, 7], [3, 16, 5],
    [5, 9, 6], [4, 24, 8], [6, 48, 9], [9, 47, 10], [10, 49, 11], [66, 95, 143], [64, 784, 128],
  ]
  static let roads = ProductKernels.supported

  @Test(arguments: shapes, roads)
  func productsAreThoseOfThePlainLoops(shape: [Int], kernels: ProductKernels) throws {
    let workers = Workers(count: 2)
    for (dtype, tolerance) in [(DType.f32, 2e-5), (.f64, 1e-13)] {
      let operands = Operands(shape[0], shape[1], shape[2], dtype)
      let (input, weight, delta) = (operands.input, operands.weight, operands.delta)
      let product = plainProduct(input, transposed(weight))
      let bias = operands.bias.doubles()
      let sum = Tensor(
        product.doubles().enumerated().map { $1 + bias[$0 % bias.count] }, shape: product.shape)
      let expected = [
        "forward": sum, "without bias": product, "input gradient": plainProduct(delta, weight),
        "weight gradient": plainProduct(transposed(delta), input),
      ]
      let found = operands.products(workers, with: kernels)
      #expect(found.values.allSatisfy { $0.dtype == dtype })
      #expect(mismatch(found, expected, relative: tolerance, absolute: tolerance) == nil)
    }
  }

  @Test(arguments: [DType.f32, .f64], roads)
  func bytesDoNotDependOnTheThreads(dtype: DType, kernels: ProductKernels) throws {
    for outputs in [101, 131] {
      let operands = Operands(131, 67, outputs, dtype)
      let expected = operands.products(Workers(count: 1), with: kernels)
      for count in [2, 3, 7] {
        #expect(operands.products(Workers(count: count), with: kernels) == expected)
      }
    }
  }

  /// Terms beside the last register's, and elements of other rows, must not be multiplied by 0 and added.
  @Test(arguments: ProductKernels.supported)
  func whatIsNotFiniteReachesOnlyItsOwnSums(kernels: ProductKernels) throws {
    let workers = Workers(count: 1)
    for inputs in [17, 39] {
      for place in [0, inputs - 1] {
        var values = numbers([5, inputs], .f32, seed: 1).values(of: Float.self)
        values[2 * inputs + place] = .infinity
        let input = Tensor(values, shape: [5, inputs])
        let weight = Tensor([Float](repeating: 1, count: 6 * inputs), shape: [6, inputs])
        let output = input.timesTransposed(weight, plus: nil, workers, with: kernels)
        for (index, value) in output.values(of: Float.self).enumerated() {
          #expect(index / 6 == 2 ? value == .infinity : value.isFinite)
        }
        let delta = Tensor([Float](repeating: 1, count: 5 * 3), shape: [5, 3])
        let gradient = delta.transposedTimes(input, workers, with: kernels)
        for (index, value) in gradient.values(of: Float.self).enumerated() {
          #expect(index % inputs == place ? value == .infinity : value.isFinite)
        }
        // As a weight of five outputs.
        let errors = Tensor([Float](repeating: 1, count: 3 * 5), shape: [3, 5])
        let passed = errors.times(input, workers, with: kernels)
        for (index, value) in passed.values(of: Float.self).enumerated() {
          #expect(index % inputs == place ? value == .infinity : value.isFinite)
        }
      }
    }
  }

  @Test(arguments: [DType.f32, .f64])
  func bytesDoNotDependOnHowADataSetIsCut(dtype: DType) throws {
    let workers = Workers(count: 2)
    let operands = Operands(5 * examplesPerPiece + 9, 67, 101, dtype)
    let rows = operands.input.shape[0]
    for length in [1, 7, examplesPerPiece, 2 * examplesPerPiece] {
      let chunks = stride(from: 0, to: rows, by: length).map { $0..<min(rows, $0 + length) }
      let sums = chunks.map {
        operands.input.rows($0).timesTransposed(operands.weight, plus: operands.bias, workers)
      }
      #expect(
        Tensor.concatenated(sums)
          == operands.input.timesTransposed(operands.weight, plus: operands.bias, workers))
      let gradients = chunks.map { operands.delta.rows($0).times(operands.weight, workers) }
      #expect(
        Tensor.concatenated(gradients) == operands.delta.times(operands.weight, workers))
    }
  }

  @Test(arguments: [DType.f32, .f64])
  func bytesDoNotDependOnWhereTheOperandsLie(dtype: DType) throws {
    let workers = Workers(count: 1)
    let operands = Operands(40, 67, 101, dtype)
    func moved(_ tensor: Tensor) -> Tensor {
      let offset = dtype.bitWidth / 8
      let storage = Storage(byteCount: tensor.shape.count * offset + offset)
      tensor.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: storage.bytes[offset...]).copyMemory(from: $0)
      }
      return Tensor(dtype: dtype, shape: tensor.shape, storage: storage, offset: offset)
    }
    let (input, weight, delta) = (
      moved(operands.input), moved(operands.weight), moved(operands.delta)
    )
    #expect(
      input.timesTransposed(weight, plus: moved(operands.bias), workers)
        == operands.input.timesTransposed(operands.weight, plus: operands.bias, workers))
    #expect(delta.times(weight, workers) == operands.delta.times(operands.weight, workers))
    #expect(
      delta.transposedTimes(input, workers)
        == operands.delta.transposedTimes(operands.input, workers))
  }

  @Test func refusesEmptyAndUnequalDimensions() async {
    await #expect(processExitsWith: .failure) {
      _ = Tensor(zeros: [0, 3], .f32).times(Tensor(zeros: [3, 2], .f32), Workers(count: 1))
    }
    await #expect(processExitsWith: .failure) {
      _ = Tensor(zeros: [2, 3], .f32).times(Tensor(zeros: [4, 2], .f32), Workers(count: 1))
    }
    await #expect(processExitsWith: .failure) {
      _ = Tensor(zeros: [2, 3], .f32).times(Tensor(zeros: [3, 2], .f64), Workers(count: 1))
    }
    // As wide as registers.
    await #expect(processExitsWith: .failure) {
      _ = Tensor(zeros: [2, 31], .f32).times(Tensor(zeros: [32, 32], .f32), Workers(count: 1))
    }
    await #expect(processExitsWith: .failure) {
      _ = Tensor(zeros: [2, 31], .f32).timesTransposed(
        Tensor(zeros: [32, 32], .f32), plus: nil, Workers(count: 1))
    }
  }
}
