import Comparison
import Compute
import Layers
import Tensors
import Testing

struct DropoutTests {
  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  private func pass(
    seed: UInt64 = 1, epoch: Int = 1, step: Int = 1, rows: [UInt64], layer: String = "dropout1"
  ) -> Context {
    Context(.training, draws: Draws(seed: seed, epoch: epoch, step: step, rows: rows), workers)
      .forLayer(named: layer)
  }

  private func mask(_ pass: Context, _ probability: String = "0.5", width: Int = 40) throws
    -> [Double]
  {
    let layer = try layer(Dropout.self, "dropout \(probability)", input: [width])
    let examples = try #require(pass.draws).rows.count
    let ones = Tensor([Double](repeating: 1, count: examples * width), shape: [examples, width])
    return layer.forward(ones, [:], pass).sum.doubles()
  }

  @Test func dropsTheShareAskedForAndScalesTheRest() throws {
    let values = try mask(pass(rows: Array(0..<200)), "0.2", width: 501)
    #expect(Set(values) == [0, 1.25])
    let share = Double(values.count { $0 == 0 }) / Double(values.count)
    // Five standard deviations of 100,200 draws.
    #expect(abs(share - 0.2) < 5 * (0.2 * 0.8 / 100_200).squareRoot())
  }

  @Test func isAFunctionOfSeedStepAndExample() throws {
    let all = try mask(pass(rows: [7, 8, 9]))
    #expect(try mask(pass(rows: [8])) == Array(all[40..<80]))
    #expect(try mask(pass(rows: [9, 7])) == Array(all[80..<120] + all[0..<40]))
    #expect(try mask(pass(seed: 2, rows: [7, 8, 9])) != all)
    #expect(try mask(pass(epoch: 2, rows: [7, 8, 9])) != all)
    #expect(try mask(pass(step: 2, rows: [7, 8, 9])) != all)
    #expect(try mask(pass(rows: [7, 8, 9], layer: "dropout2")) != all)
    #expect(all[0..<40] != all[40..<80])
  }

  @Test func backwardDropsWhatForwardDropped() throws {
    let layer = try layer(Dropout.self, "dropout 0.3", input: [3, 5])
    try checkByDifferences(layer, inputs: [[4, 3, 5]], pass(rows: [4, 0, 3, 11]))
  }

  @Test func doesNothingInUse() throws {
    let layer = try layer(Dropout.self, "dropout 0.9", input: [6])
    let input = numbers([2, 6], seed: 1)
    #expect(layer.forward(input, [:], Context(.inference, workers)).sum == input)
  }

  @Test func nothingIsDroppedAtZero() throws {
    #expect(Set(try mask(pass(rows: [1, 2]), "0")) == [1])
  }

  @Test(arguments: ["1", "-0.1", "half", "nan"])
  func refuses(probability: String) {
    #expect(throws: TopologyError.self) {
      try layer(Dropout.self, "dropout \(probability)", input: [3])
    }
  }
}
