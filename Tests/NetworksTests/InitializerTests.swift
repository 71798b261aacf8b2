import Comparison
import Compute
import Layers
import Tensors
import Testing

@testable import Networks

struct StartRuleTests {
  /// 60,000 weights with a leaky-relu behind them, 8,000 with a tanh.
  private let topology = """
    input 200
    dense 300 leaky-relu slope=0.5
    dense 40 tanh bias=no name=other
    loss squared
    """

  private func weights(
    _ rule: Initializer, _ name: String = "dense1.weight", seed: UInt64 = 1
  ) throws -> Tensor {
    let network = try Network(topology: topology)
    return try #require(network.initialParameters(seed: seed, dtype: .f64, rule)[name])
  }

  /// Variance, and kurtosis: the fourth moment by the squared second, 1.8 when uniform and 3 when normal.
  @Test(arguments: [
    // Of auto and he 2 / ((1 + 0.5²) 200), of glorot 2 / (200 + 300).
    (Initializer.auto, 0.008, 1.8), (.uniform, 1.0 / 3, 1.8), (.glorotUniform, 0.004, 1.8),
    (.glorotNormal, 0.004, 3), (.heUniform, 0.008, 1.8), (.heNormal, 0.008, 3),
    // Columns of length 1 with 300 elements, nearly normal.
    (.orthogonal, 1.0 / 300, 3),
  ])
  func weightsHaveTheMomentsOfTheirRule(
    rule: Initializer, variance: Double, kurtosis: Double
  ) throws {
    let values = try weights(rule).doubles()
    let count = Double(values.count)
    func moment(_ power: Int) -> Double {
      values.reduce(0) { sum, x in sum + (0..<power).reduce(1) { product, _ in product * x } }
        / count
    }
    // Five standard deviations of each estimate; those of a normal distribution are the widest.
    #expect(abs(moment(1)) < 5 * (variance / count).squareRoot())
    #expect(abs(moment(2) / variance - 1) < 5 * (2 / count).squareRoot())
    #expect(abs(moment(4) / (moment(2) * moment(2)) - kurtosis) < 5 * (24 / count).squareRoot())
    // Neighbours have nothing to do with each other, nor have their squares.
    let pairs = zip(values, values.dropFirst())
    let product = pairs.reduce(0) { $0 + $1.0 * $1.1 } / count / variance
    #expect(abs(product) < 5 / count.squareRoot())
    let squares =
      pairs.reduce(0) { $0 + ($1.0 * $1.0 - variance) * ($1.1 * $1.1 - variance) } / count
      / (variance * variance)
    #expect(abs(squares) < 5 * 2 / count.squareRoot())
    #expect(Set(values).count == values.count)
  }

  @Test func uniformOnesReachTheirLimits() throws {
    for (rule, limit) in [
      (Initializer.uniform, 1), (.glorotUniform, 0.012.squareRoot()),
      (.heUniform, 0.024.squareRoot()),
    ] {
      let largest = try weights(rule).doubles().map(abs).max() ?? 0
      #expect(largest <= limit && largest > 0.999 * limit)
    }
  }

  @Test func heTakesNoSlopeButThatOfALeakyRelu() throws {
    let name = "other.weight"
    let auto = try weights(.auto, name).doubles()
    let he = try weights(.heUniform, name).doubles()
    // √(6/300) against √(6/340).
    #expect(
      mismatch(Tensor(he), Tensor(auto.map { $0 * (340.0 / 300).squareRoot() }), relative: 1e-14)
        == nil)
  }

  @Test func zerosAreZerosAndBiasesStartAtZeroUnderEveryRule() throws {
    #expect(try weights(.zeros) == Tensor(zeros: [300, 200], .f64))
    for rule in Initializer.allCases {
      #expect(try weights(rule, "dense1.bias") == Tensor(zeros: [300], .f64))
    }
  }

  @Test(arguments: Initializer.allCases)
  func aLayersStartDependsOnSeedAndNameOnly(rule: Initializer) throws {
    let network = try Network(topology: topology)
    let doubles = network.initialParameters(seed: 1, dtype: .f64, rule)
    #expect(network.initialParameters(seed: 1, dtype: .f64, rule) == doubles)
    let floats = network.initialParameters(seed: 1, dtype: .f32, rule)
    #expect(floats == doubles.mapValues { $0.converted(to: .f32) })
    let others = try Network(
      topology: """
        input 200
        dense 200 name=more
        dense 300 leaky-relu slope=0.5 name=dense1
        dense 2 name=dense2
        loss squared
        """)
    #expect(
      others.initialParameters(seed: 1, dtype: .f64, rule)["dense1.weight"]
        == doubles["dense1.weight"])
    if rule == .zeros { return }
    #expect(try weights(rule, seed: 2) != weights(rule))
    #expect(doubles["other.weight"] != doubles["dense1.weight"]?.rows(0..<40))
  }

  @Test(arguments: [[30, 20], [20, 30], [17, 17], [1, 9], [9, 1], [1, 1], [128, 100]])
  func orthogonalMatricesAreTheQOfNormalOnes(extents: [Int]) throws {
    let (rows, columns) = (extents[0], extents[1])
    let network = try Network(topology: "input \(columns)\ndense \(rows)\nloss squared")
    let q = try #require(
      network.initialParameters(seed: 4, dtype: .f64, .orthogonal)["dense1.weight"]
    ).doubles()
    let random = RandomNumbers(seed: 4, purpose: "dense1.weight")
    let a = q.indices.map { random.normal(at: UInt64($0)) }

    // As columns of a matrix that is at least as tall as it is wide.
    let isWide = rows <= columns
    let (length, count) = isWide ? (columns, rows) : (rows, columns)
    func column(_ matrix: [Double], _ index: Int) -> [Double] {
      (0..<length).map { isWide ? matrix[index * columns + $0] : matrix[$0 * columns + index] }
    }
    func product(_ x: [Double], _ y: [Double]) -> Double {
      zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let (qs, normals) = ((0..<count).map { column(q, $0) }, (0..<count).map { column(a, $0) })
    // QᵀQ is the identity, and R = QᵀA an upper triangle with a positive diagonal.
    let qq = qs.map { q in qs.map { product(q, $0) } }
    #expect(furthestFromIdentity(qq) < 1e-12)
    let r = qs.map { q in normals.map { product(q, $0) } }
    #expect(
      (0..<count).allSatisfy { i in r[i][i] > 0 && r[i][..<i].allSatisfy { abs($0) < 1e-11 } })
  }

  @Test func aNearlyDependentMatrixStillBecomesOrthonormal() {
    // Hilbert's matrix: once through, its vectors would be orthogonal to no digit.
    let n = 9
    let hilbert = (0..<n * n).map { 1 / Double($0 / n + $0 % n + 1) }
    let products = productsOfRows(orthonormalized(hilbert, rows: n), width: n)
    #expect(furthestFromIdentity(products) < 1e-12)
  }

  @Test func filtersOfAConvolutionAreOrthonormalRows() throws {
    let network = try Network(topology: "input 3x8x8\nconv 8 3x3\nloss squared")
    let weight = try #require(
      network.initialParameters(seed: 1, dtype: .f64, .orthogonal)["conv1.weight"])
    #expect(weight.shape == [8, 3, 3, 3])
    #expect(furthestFromIdentity(productsOfRows(weight.doubles(), width: 27)) < 1e-12)
  }
}

/// The product of every row with every row.
private func productsOfRows(_ values: [Double], width: Int) -> [[Double]] {
  let rows = stride(from: 0, to: values.count, by: width).map { values[$0..<$0 + width] }
  return rows.map { x in rows.map { y in zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } } }
}

private func furthestFromIdentity(_ matrix: [[Double]]) -> Double {
  matrix.enumerated().flatMap { i, row in
    row.enumerated().map { j, value in abs(value - (i == j ? 1 : 0)) }
  }.max() ?? .infinity
}
