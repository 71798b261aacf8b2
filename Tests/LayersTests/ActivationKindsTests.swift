import Comparison
import Compute
import Foundation
import Layers
import Tensors
import Testing

/// The activation that a line such as `leaky-relu slope=0.2` begins with.
private func activation(_ line: String) throws -> any Activation {
  let kind = try #require(
    activations.first { line == $0.word || line.hasPrefix($0.word + " ") })
  var words = try LayerWords(words(line))
  let result = try kind.configured(&words)
  try words.end(known: [])
  return result
}

/// Values by hand in tails and at kinks, and PyTorch's everywhere else.
struct ActivationKindsTests {
  struct Case: Decodable, CustomTestStringConvertible {
    let line: String
    let sums, outputs, slopes: [Double]
    var testDescription: String { line }
  }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/activations.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  @Test func oracleKnowsEveryElementwiseActivation() throws {
    let known = Set(try Self.cases().map { $0.line.split(separator: " ")[0] }.map(String.init))
    #expect(known == Set(activations.map(\.word)).subtracting(["softmax", "step"]))
    #expect(try Self.cases().allSatisfy { $0.sums.count == 52 })
  }

  @Test(arguments: try cases())
  func doublesAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, .f64, relative: 1e-14, absolute: 2e-15)
  }

  @Test(arguments: try cases())
  func floatsAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, .f32, relative: 1e-6, absolute: 1e-6)
  }

  private func check(_ expected: Case, _ dtype: DType, relative: Double, absolute: Double) throws {
    let activation = try activation(expected.line)
    let sums = Tensor(expected.sums).converted(to: dtype)
    let output = activation.forward(sums, workers)
    #expect(
      mismatch(output, Tensor(expected.outputs), relative: relative, absolute: absolute) == nil)
    let sum = activation.backwardNeedsSum ? sums : nil
    let slopes = try #require(activation.derivative(sum: sum, output: output, workers))
    #expect(
      mismatch(slopes, Tensor(expected.slopes), relative: relative, absolute: absolute) == nil)
    let error = Tensor(expected.sums.indices.map { $0 % 2 == 0 ? -1.5 : 0.5 }).converted(to: dtype)
    let products = zip(expected.slopes, error.doubles()).map { $0 * $1 }
    let delta = activation.delta(error: error, sum: sum, output: output, workers)
    #expect(mismatch(delta, Tensor(products), relative: relative, absolute: 2 * absolute) == nil)
  }

  /// Numbers that PyTorch's own formulas round to 0 or nearly so, by mpmath with 50 digits.
  @Test(
    arguments: [
      ("softplus", -745, 5e-324, 5e-324),
      ("softplus", -40, 4.248354255291589e-18, 4.248354255291589e-18),
      ("softplus", 745, 745, 1), ("softplus", 1e300, 1e300, 1),
      ("gelu", -20, -5.507_248_237_212_467e-88, -1.101_436_048_313_346_4e-86),
      ("gelu", 1e200, 1e200, 1), ("gelu", -1e200, 0, 0),
      ("mish", -40, -1.699_341_702_116_635_6e-16, -1.656_858_159_563_719_6e-16),
      ("mish", 1e300, 1e300, 1), ("mish", -1e300, 0, 0),
      ("silu", -40, -1.699_341_702_116_635_6e-16, -1.656_858_159_563_719_6e-16),
      ("silu", 1e300, 1e300, 1), ("silu", -1e300, 0, 0),
      ("elu", -1e-9, -9.999_999_995e-10, 0.999_999_999), ("elu", -1e300, -1, 0),
      ("selu", 1e-300, 1.050_700_987_355_480_5e-300, 1.050_700_987_355_480_5),
      ("softsign", -1e300, -1, 0), ("hard-sigmoid", 1.5, 0.75, 1.0 / 6),
      ("hard-sigmoid", -1e300, 0, 0), ("hard-sigmoid", 1e300, 1, 0),
      ("leaky-relu", -50, -0.5, 0.01), ("leaky-relu slope=0.5", -50, -25, 0.5),
      ("elu alpha=2", -1e300, -2, 0),
    ] as [(String, Double, Double, Double)])
  func tailsKeepTheirPrecision(line: String, x: Double, value: Double, slope: Double) throws {
    let activation = try activation(line)
    // At −20, what rounding changes in the argument of erfc comes out 400 times as large.
    let tolerance = line == "gelu" ? 1e-13 : 1e-14
    let sum = Tensor([x])
    let output = activation.forward(sum, workers)
    #expect(mismatch(output, Tensor([value]), relative: tolerance) == nil)
    let slopes = activation.derivative(
      sum: activation.backwardNeedsSum ? sum : nil, output: output, workers)
    #expect(mismatch(try #require(slopes), Tensor([slope]), relative: tolerance) == nil)
  }

  @Test(
    arguments: [
      ("relu", 0, 0), ("leaky-relu", 0, 0.01), ("elu", 0, 1), ("elu alpha=0.3", 0, 0.3),
      ("selu", 0, 1.758_099_340_847_376_6), ("softsign", 0, 1), ("hard-sigmoid", -3, 0),
      ("hard-sigmoid", 3, 0),
    ] as [(String, Double, Double)])
  func slopesAtKinksAreFixed(line: String, x: Double, slope: Double) throws {
    let activation = try activation(line)
    for dtype in [DType.f32, .f64] {
      let output = activation.forward(Tensor([x, x]).converted(to: dtype), workers)
      let slopes = try #require(activation.derivative(sum: nil, output: output, workers))
      #expect(
        mismatch(slopes, Tensor([slope, slope]), relative: dtype == .f32 ? 6e-8 : 1e-15) == nil)
    }
  }

  @Test func seluKeepsMeanZeroAndVarianceOne() {
    // Of f(z) for a normally distributed z, by the trapezoidal rule, whose error is beyond the last digit here.
    let z = (-8000...8000).map { Double($0) / 1000 }
    let output = SELU().forward(Tensor(z), workers).doubles()
    var (mean, variance) = (0.0, 0.0)
    for (z, y) in zip(z, output) {
      let weight = 0.001 * exp(-z * z / 2) / (2 * Double.pi).squareRoot()
      mean += weight * y
      variance += weight * y * y
    }
    // The kink at 0 lies on a point of the rule, which costs an error of the order of the step squared.
    #expect(abs(mean) < 1e-6)
    #expect(abs(variance - 1) < 1e-6)
  }

  @Test func onlyThoseWhoseOutputDoesNotTellTheirSlopeNeedTheSum() {
    #expect(activations.filter(\.backwardNeedsSum).map(\.word) == ["gelu", "mish", "silu"])
  }

  @Test func aSlopeWithoutTheSumIsABrokenPromise() async {
    await #expect(processExitsWith: .failure) {
      let one = Tensor([1] as [Double])
      _ = GELU().delta(error: one, sum: nil, output: one, ThreadPool(count: 1))
    }
  }

  @Test(arguments: [
    ("leaky-relu slope=0", "slope", "a number above 0 and below 1"),
    ("leaky-relu slope=1", "slope", "a number above 0 and below 1"),
    ("leaky-relu slope=0.99999999999", "slope", "a number above 0 and below 1"),
    ("leaky-relu slope=1e-60", "slope", "a number above 0 and below 1"),
    ("leaky-relu slope=steep", "slope", "a number above 0 and below 1"),
    ("leaky-relu slope=", "slope", "a number above 0 and below 1"),
    ("elu alpha=0", "alpha", "a number above 0, within F32"),
    ("elu alpha=-1", "alpha", "a number above 0, within F32"),
    ("elu alpha=nan", "alpha", "a number above 0, within F32"),
    ("elu alpha=1e39", "alpha", "a number above 0, within F32"),
  ])
  func refusesOptionsOutOfRange(line: String, key: String, expected: String) {
    let option = String(line.split(separator: " ")[1])
    let column = line.count - option.count + 1
    #expect(
      throws: TopologyError.badValue(
        Word(option, line: 1, column: column), what: "'\(key)='", expected: expected)
    ) {
      try activation(line)
    }
  }

  @Test(arguments: ["relu slope=0.1", "elu slope=0.1", "gelu approximate=tanh"])
  func refusesOptionsOfOthers(line: String) {
    #expect(throws: TopologyError.self) { try activation(line) }
  }
}
