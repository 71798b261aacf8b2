import Comparison
import Compute
import Foundation
import Layers
import Tensors
import Testing

/// The loss of a line such as `huber delta=2`, without the word `loss`.
private func loss(_ line: String, outputs: Int) throws -> any Loss {
  var column = 1
  let all = ("loss " + line).split(separator: " ").map { text in
    defer { column += text.count + 1 }
    return Word(String(text), line: 1, column: column)
  }
  var words = try LayerWords(all)
  let word = try words.word("the loss")
  let kind = try #require(losses.first { $0.word == word.text })
  let result = try kind.configured(&words, output: [outputs])
  try words.end(known: [])
  return result
}

/// Values by hand, and PyTorch's.
struct LossKindsTests {
  struct Case: Decodable, CustomTestStringConvertible {
    let line: String
    let shape: [Int]
    let outputs, target, losses, gradient: [Double]
    var testDescription: String { "\(line) of \(shape[1])" }
  }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/losses.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  /// What the last activation makes of sums that the loss is taken from.
  private func output(of loss: any Loss, _ sum: Tensor) -> Tensor {
    switch loss.word {
    case "cross-entropy": Softmax().forward(sum, workers)
    case "binary-cross-entropy": Sigmoid().forward(sum, workers)
    default: sum
    }
  }

  private func values(_ loss: any Loss, _ sum: Tensor, _ target: Tensor) -> Tensor {
    loss.values(
      output: output(of: loss, sum), sum: loss.needsSum ? sum : nil, target: target, workers)
  }

  private func gradient(_ loss: any Loss, _ sum: Tensor, _ target: Tensor) -> Tensor {
    switch loss.derivative(output: output(of: loss, sum), target: target, workers) {
    case .error(let error): error
    case .delta(let delta): delta
    }
  }

  @Test func oracleKnowsEveryLoss() throws {
    let known = Set(try Self.cases().map { $0.line.split(separator: " ")[0] }.map(String.init))
    #expect(known == Set(losses.map(\.word)))
    #expect(try Self.cases().count == 16)
  }

  @Test(arguments: try cases())
  func doublesAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, .f64, relative: 1e-14, absolute: 1e-15)
  }

  @Test(arguments: try cases())
  func floatsAreThoseOfPyTorch(expected: Case) throws {
    try check(expected, .f32, relative: 1e-6, absolute: 1e-6)
  }

  private func check(_ expected: Case, _ dtype: DType, relative: Double, absolute: Double) throws {
    let loss = try loss(expected.line, outputs: expected.shape[1])
    let shape = Shape(expected.shape)
    let sum = Tensor(expected.outputs, shape: shape).converted(to: dtype)
    let target = Tensor(expected.target, shape: shape).converted(to: dtype)
    try loss.check(target: target)
    #expect(
      mismatch(
        values(loss, sum, target), Tensor(expected.losses), relative: relative, absolute: absolute)
        == nil)
    let found = gradient(loss, sum, target)
    #expect(found.doubles().contains { abs($0) > 0.01 })
    #expect(
      mismatch(
        found, Tensor(expected.gradient, shape: shape), relative: relative, absolute: absolute)
        == nil)
  }

  @Test(arguments: try cases())
  func gradientsAreThoseOfCentralDifferences(of case: Case) throws {
    let (line, width) = (`case`.line, `case`.shape[1])
    let loss = try loss(line, outputs: width)
    // The first five examples are tame. Hinge and huber have no kink within the reach of a step here.
    let sum = Tensor(Array(`case`.outputs.prefix(5 * width)), shape: [5, width])
    let target = Tensor(Array(`case`.target.prefix(5 * width)), shape: [5, width])
    let h = 1e-4
    let expected = sum.doubles().indices.map { index in
      func moved(by step: Double) -> Double {
        var moved = sum.doubles()
        moved[index] += step
        return values(loss, Tensor(moved, shape: sum.shape), target).doubles().reduce(0, +)
      }
      return (8 * (moved(by: h) - moved(by: -h)) - (moved(by: 2 * h) - moved(by: -2 * h)))
        / (12 * h)
    }
    #expect(
      mismatch(
        gradient(loss, sum, target), Tensor(expected, shape: sum.shape), relative: 1e-8,
        absolute: 1e-9) == nil)
  }

  @Test func absoluteErrorIsTheSumOfDistances() throws {
    let loss = AbsoluteError()
    let output = Tensor([1, 2, 3, 0, -1, 0.5] as [Float], shape: [2, 3])
    let target = Tensor([0, 2, 5, 0, 1, 0] as [Float], shape: [2, 3])
    #expect(values(loss, output, target) == Tensor([3, 2.5] as [Float]))
    #expect(
      gradient(loss, output, target) == Tensor([1, 0, -1, 0, -1, 1] as [Float], shape: [2, 3]))
  }

  @Test func huberIsASquareNearAndALineFar() throws {
    let loss = try loss("huber delta=2", outputs: 3)
    let output = Tensor([1, 2, 5, 0, -4, 0.5] as [Float], shape: [2, 3])
    let target = Tensor([0, 0, 0, 0, 0, 0.5] as [Float], shape: [2, 3])
    // ½ + 2 + 2 (5 − 1), then 0 + 2 (4 − 1) + 0.
    #expect(values(loss, output, target) == Tensor([10.5, 6] as [Float]))
    #expect(
      gradient(loss, output, target) == Tensor([1, 2, 2, 0, -2, 0] as [Float], shape: [2, 3]))
  }

  @Test func hingeCountsWhatLiesTooNearTheClass() throws {
    let loss = Hinge()
    let output = Tensor([2, 1.5, 1, 0, 0, -2] as [Float], shape: [2, 3])
    let target = Tensor([1, 0, 0, 0, 0, 1] as [Float], shape: [2, 3])
    // 1 − 2 + 1.5, and exactly 1 below counts nothing; then twice 1 + 2 + 0.
    #expect(values(loss, output, target) == Tensor([0.5, 6] as [Float]))
    #expect(
      gradient(loss, output, target) == Tensor([-1, 1, 0, 1, 1, -2] as [Float], shape: [2, 3]))
  }

  @Test func hingeOfASingleOutputSeparatesAtZero() throws {
    let loss = Hinge()
    let output = Tensor([0.25, 0.25, 1, -1, -3] as [Float], shape: [5, 1])
    let target = Tensor([1, 0, 1, 0, 1] as [Float], shape: [5, 1])
    #expect(values(loss, output, target) == Tensor([0.75, 1.25, 0, 0, 4] as [Float]))
    #expect(
      gradient(loss, output, target) == Tensor([-1, 1, 0, 0, -1] as [Float], shape: [5, 1]))
  }

  @Test func weightsAndSmoothingActOnTheTargets() throws {
    let loss = try loss("cross-entropy smoothing=0.5 weights=1,4", outputs: 2)
    let sum = Tensor([0, 0] as [Double], shape: [1, 2])
    let target = Tensor([1, 0] as [Double], shape: [1, 2])
    // Smoothed the target is ¾ and ¼, weighted ¾ and 1; both probabilities are ½.
    #expect(
      mismatch(values(loss, sum, target), Tensor([1.75 * 0.693_147_180_559_945_3]), relative: 1e-15)
        == nil)
    #expect(gradient(loss, sum, target) == Tensor([0.125, -0.125] as [Double], shape: [1, 2]))
  }

  @Test(arguments: ["absolute", "huber", "hinge", "squared"])
  func neverHidesNaN(word: String) throws {
    let loss = try loss(word, outputs: 2)
    let target = Tensor([1, 0] as [Double], shape: [1, 2])
    for output in [[1, .nan], [.nan, 1]] as [[Double]] {
      #expect(values(loss, Tensor(output, shape: [1, 2]), target).doubles()[0].isNaN)
    }
  }

  @Test func hingeNeedsClasses() throws {
    let loss = Hinge()
    try loss.check(target: Tensor([0, 1, 1, 0] as [Float], shape: [2, 2]))
    try loss.check(target: Tensor([0, 1, 1, 1] as [Float], shape: [4, 1]))
    let two = LossError.noSingleClass(row: 1, found: 2, loss: "hinge")
    #expect(throws: two) {
      try loss.check(target: Tensor([0, 1, 1, 1] as [Float], shape: [2, 2]))
    }
    #expect(
      "\(two)" == "tensor 'target': found 2 ones in row 1, expected a single one among zeros "
        + "for loss 'hinge'")
    #expect(throws: LossError.noSingleClass(row: 0, found: 0, loss: "hinge")) {
      try loss.check(target: Tensor([0, 0] as [Float], shape: [1, 2]))
    }
    #expect(
      throws: LossError.targetOutOfRange(
        found: -1, row: 1, position: [0], expected: "0 or 1", loss: "hinge")
    ) {
      try loss.check(target: Tensor([1, -1] as [Float], shape: [2, 1]))
    }
    #expect(
      loss.objection(to: Identity(), output: [2, 3])
        == "'hinge' needs outputs along one axis, found 2x3")
    #expect(loss.objection(to: Identity(), output: [1]) == nil)
  }

  @Test(arguments: [
    ("huber delta=0", "delta", "a number above 0, within F32"),
    ("huber delta=1e-60", "delta", "a number above 0, within F32"),
    ("hinge margin=-1", "margin", "a number above 0, within F32"),
    ("cross-entropy smoothing=1", "smoothing", "a number from 0 to below 1"),
    ("cross-entropy smoothing=-0.1", "smoothing", "a number from 0 to below 1"),
    ("cross-entropy smoothing=some", "smoothing", "a number from 0 to below 1"),
    ("cross-entropy weights=1,2", "weights", "3 numbers above 0, one per output, joined by commas"),
    (
      "cross-entropy weights=1,2,3,4", "weights",
      "3 numbers above 0, one per output, joined by commas"
    ),
    (
      "cross-entropy weights=1,2,0", "weights",
      "3 numbers above 0, one per output, joined by commas"
    ),
    (
      "cross-entropy weights=1,,2", "weights", "3 numbers above 0, one per output, joined by commas"
    ),
    ("cross-entropy weights=", "weights", "3 numbers above 0, one per output, joined by commas"),
  ])
  func refusesOptionsOutOfRange(line: String, key: String, expected: String) {
    let option = String(line.split(separator: " ")[1])
    let column = "loss ".count + line.count - option.count + 1
    #expect(
      throws: TopologyError.badValue(
        Word(option, line: 1, column: column), what: "'\(key)='", expected: expected)
    ) {
      try loss(line, outputs: 3)
    }
  }

  @Test(arguments: ["squared delta=1", "absolute smoothing=0.1", "binary-cross-entropy weights=1"])
  func refusesOptionsOfOthers(line: String) {
    #expect(throws: TopologyError.self) { try loss(line, outputs: 1) }
  }
}
