import Networks
import Safetensors
import Tensors
import Testing

@testable import Training

private func document(
  _ input: [[Double]], _ target: [Int64]?, classes: String? = nil
) -> Document {
  var document = Document(kind: .dataset)
  document.tensors["input"] = Tensor(
    input.flatMap { $0 }, shape: [input.count, input.first?.count ?? 0])
  document.tensors["target"] = target.map { Tensor($0) }
  document[.classes] = classes
  return document
}

private func dataset(
  _ input: [[Double]], _ target: [Int64]?, classes: String? = nil
) throws -> Dataset { try Dataset(document(input, target, classes: classes)) }

@Suite struct DatasetCheckTests {
  private let learned = [[0.0, 100], [1, 200], [2, 300], [3, 400]]

  private func check(
    _ limits: Limits = Limits(), learned: Bool = true, dtype: DType = .f32
  ) throws -> DatasetCheck {
    let network = try Network(topology: "input 2\ndense 3 softmax\nloss cross-entropy\n")
    var check = DatasetCheck(network, dtype: dtype, limits)
    if learned { try check.addLearned(dataset(self.learned, [0, 1, 2, 0])) }
    return check
  }

  /// The names of the checks that refuse.
  private func refused(_ check: DatasetCheck, _ dataset: Dataset) -> [String] {
    check.findings(on: dataset).filter(\.isRefused).map(\.check)
  }

  @Test func moreOfTheSameIsGood() throws {
    var check = try check()
    try check.addHoldout(dataset([[0.5, 150]], [1]))
    let findings = check.findings(
      on: try dataset([[0.5, 200], [1.5, 100], [2.5, 400]], [0, 1, 2]))
    #expect(findings.filter(\.isRefused) == [])
    #expect(
      findings.map(\.check) == [
        "rows", "type", "classes", "shape", "novelty", "spread", "duplicates", "leakage", "balance",
      ])
  }

  @Test func anotherShapeIsRefused() throws {
    let check = try check(learned: false)
    let findings = check.findings(on: try dataset([[1, 2, 3]], [0]))
    #expect(findings.filter(\.isRefused).map(\.check) == ["shape"])
    #expect(
      findings.first(where: \.isRefused)?.found
        == "tensor 'input': found shape [1, 3], expected [1, 2] for layer 'dense1'")
    #expect(try refused(check, dataset([[1, .nan]], [0])) == ["shape"])
  }

  @Test func targetsMustBeThereAndNameClasses() throws {
    let check = try check(learned: false)
    #expect(try refused(check, dataset([[1, 2]], nil)) == ["target"])
    #expect(try refused(check, dataset([[1, 2]], [3])) == ["target"])
    #expect(try refused(check, dataset([[1, 2]], [2])) == [])
  }

  @Test func whatCannotBeJoinedIsRefused() throws {
    var other = document([[1, 200], [2, 100]], [0, 1])
    other.tensors["input"] = other.tensors["input"]?.converted(to: .f32)
    #expect(try refused(check(), Dataset(other)) == ["type"])
    #expect(try refused(check(learned: false), Dataset(other)) == [])
    // Ids stand for other classes than before.
    #expect(
      try refused(check(), dataset([[1, 200], [2, 100]], [0, 1], classes: "b\na")) == ["classes"])
  }

  /// Learned are 599 rows, so that chance adds 6 / 600 to the limit.
  private func longCheck(_ limits: Limits) throws -> DatasetCheck {
    var check = try check(limits, learned: false)
    let steps: [Double] = (0..<599).map { Double($0) / 598 }
    let rows: [[Double]] = steps.map { [3 * $0, 100 + 300 * $0] }
    try check.addLearned(dataset(rows, rows.indices.map { Int64($0 % 3) }))
    return check
  }

  @Test func numbersOutsideTheirColumnsRangeAreCounted() throws {
    var limits = Limits()
    (limits.outside, limits.spread) = (0, 100)
    // One of four numbers is outside: 500 in a column of 100 to 400. Allowed: 0.01 + 3 √(0.01 / 4), then 0.04 + 3 √(0.04 / 4).
    let one = try dataset([[3, 500], [0, 250]], [0, 1])
    #expect(try refused(longCheck(limits), one) == ["novelty"])
    let finding = try longCheck(limits).findings(on: one).first { $0.check == "novelty" }
    #expect(
      finding?.found
        == "1 of 4 numbers outside what was learned, first 500 in row 0 at 1, where that is 100 to 400"
    )
    #expect(finding?.expected == "at most a share of 0.16")
    limits.outside = 0.03
    #expect(try refused(longCheck(limits), one) == [])
    // Swapped columns are in the range of all numbers, and in none of their own.
    limits.outside = 0.2
    #expect(
      try refused(longCheck(limits), dataset([[200, 1], [300, 2]], [0, 1])) == ["novelty"])
  }

  @Test func fewExamplesLeaveMuchOutsideByChance() throws {
    // Of four rows nobody can tell what a fifth will be like.
    #expect(try refused(check(), dataset([[5, 500]], [0])) == [])
  }

  @Test func aGivenRangeIsStrict() throws {
    var limits = Limits()
    limits.range = 0...400
    let check = try check(limits, learned: false)
    #expect(try refused(check, dataset([[0, 400]], [0])) == [])
    #expect(try refused(check, dataset([[0, 400.5]], [0])) == ["range"])
    #expect(try refused(check, dataset([[-0.5, 400]], [0])) == ["range"])
  }

  @Test func anotherScaleIsRefusedInsideEveryRange() throws {
    var limits = Limits()
    limits.outside = 1
    // Learned: deviation 147; a hundredth of all.
    let small = learned.map { $0.map { $0 / 100 } }
    #expect(try refused(check(limits), dataset(small, [0, 1, 2, 0])) == ["spread"])
    #expect(
      try refused(check(limits), dataset(learned.map { $0.map { $0 * 5 } }, [0, 1, 2, 0])) == [
        "spread"
      ])
    #expect(
      try refused(check(limits), dataset(learned.map { $0.map { $0 * 3 } }, [0, 1, 2, 0])) == [])
    #expect(try refused(check(limits), dataset([[7, 7]], [0])) == ["spread"])
  }

  @Test func deviationIsThePopulations() {
    var ranges = NumberRanges()
    ranges.add(Tensor([1.0, 2, 3], shape: [3, 1]))
    ranges.add(Tensor([6.0], shape: [1, 1]))
    // Mean 3, squares 4 + 1 + 0 + 9.
    #expect(abs(ranges.deviation - 3.5.squareRoot()) < 1e-15)
    #expect(ranges.outside(Tensor([1.0, 6, 6.5], shape: [3, 1])).count == 1)
  }

  @Test func duplicatesAreOfInputs() throws {
    var limits = Limits()
    limits.duplicates = 0.25
    // The same input under another target counts, and so does −0.
    let twice = try dataset([[0, 100], [1, 200], [-0.0, 100], [2, 300]], [0, 1, 2, 0])
    #expect(try refused(check(limits), twice) == [])
    limits.duplicates = 0.24
    #expect(try refused(check(limits), twice) == ["duplicates"])
    let finding = try check(limits).findings(on: twice).first { $0.check == "duplicates" }
    #expect(finding?.found == "1 of 4 rows, first row 2 of row 0")
  }

  @Test func rowsOfTheHoldoutAreFoundInAnyType() throws {
    var check = try check(learned: false)
    var bytes = document([[7, 9], [5, 6]], [0, 1])
    bytes.tensors["input"] = Tensor([UInt8(7), 9, 5, 6], shape: [2, 2])
    try check.addHoldout(Dataset(bytes))
    #expect(try refused(check, dataset([[5, 9], [5, 6]], [0, 0])) == ["leakage"])
    #expect(try refused(check, dataset([[5, 9], [6, 5]], [0, 0])) == [])
    // What F32 cannot tell apart, a model in F32 cannot either.
    #expect(try refused(check, dataset([[5, 6 + 1e-12]], [0])) == ["leakage"])
    var fine = try self.check(learned: false, dtype: .f64)
    try fine.addHoldout(Dataset(bytes))
    #expect(try refused(fine, dataset([[5, 6 + 1e-12]], [0])) == [])
    var limits = Limits()
    limits.leaked = 0.5
    var lenient = try self.check(limits, learned: false)
    try lenient.addHoldout(Dataset(bytes))
    #expect(try refused(lenient, dataset([[5, 9], [5, 6]], [0, 0])) == [])
  }

  @Test func oneClassAloneIsRefusedOnceThereAreEnoughRows() throws {
    let check = try check()
    func rows(_ count: Int) throws -> Dataset {
      let all = Double(count)
      let input = (0..<count).map(Double.init).map { [3 * $0 / all, 100 + 300 * $0 / all] }
      return try dataset(input, [Int64](repeating: 1, count: count))
    }
    // Shares (0, 1, 0) instead of (½, ¼, ¼): off by ¾. Allowed: ½ + ½ √(2/N), which is ¾ at N = 8.
    #expect(try refused(check, rows(8)) == [])
    #expect(try refused(check, rows(9)) == ["balance"])
    let found = try check.findings(on: rows(9)).first { $0.check == "balance" }
    #expect(
      found?.found
        == "classes off by 0.75, most class 1 with a share of 1 instead of 0.25")
    #expect(found?.expected == "at most 0.736 for 9 rows")
    // Beside nothing, equal shares are expected: off by ⅔.
    #expect(try refused(self.check(learned: false), rows(1000)) == ["balance"])
  }

  @Test func realTargetsHaveRangesToo() throws {
    let network = try Network(topology: "input 1\ndense 1\nloss squared\n")
    func real(_ target: [Double]) throws -> Dataset {
      var document = Document(kind: .dataset)
      document.tensors["input"] = Tensor(
        (0..<target.count).map { Double($0 % 3) }, shape: [target.count, 1])
      document.tensors["target"] = Tensor(target, shape: [target.count, 1])
      return try Dataset(document)
    }
    var check = DatasetCheck(network, dtype: .f64, Limits())
    let steps: [Double] = (0..<599).map { Double($0) / 598 }
    try check.addLearned(real(steps.map { 3 * $0 - 1 }))
    #expect(try refused(check, real([0, 1, 2])) == [])
    #expect(try refused(check, real([2.25, 2.5, 1])) == ["target"])
  }

  @Test func contentIsWhatIsTaught() throws {
    let one = document([[1, 2]], [0])
    let hash = contentHash(of: one)
    #expect(hash.count == 32)
    var same = one
    same.metadata["camera"] = "left"
    same.tensors["weather"] = Tensor([1.0])
    #expect(contentHash(of: same) == hash)
    var others = [
      document([[1, 3]], [0]), document([[1, 2]], [1]), document([[1], [2]], [0]),
      document([[1, 2]], nil),
    ]
    others.append(document([[1, 2]], [0], classes: "a\nb\nc"))
    var narrow = one
    narrow.tensors["input"] = one.tensors["input"]?.converted(to: .f32)
    others.append(narrow)
    #expect(Set(others.map { contentHash(of: $0) } + [hash]).count == others.count + 1)
  }
}
