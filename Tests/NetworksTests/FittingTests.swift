import Comparison
import Compute
import Layers
import Networks
import Tensors
import Testing

struct FittingTests {
  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  @Test func fillsGapsWithTheDatasMeansAndDeviations() throws {
    // Channel 0: 0, 2, 4, 6 after scaling: mean 3, deviation √5; channel 1: 1 and 3: mean 2, deviation 1.
    let input = Tensor([0, 4, 2, 2, 8, 12, 6, 6] as [UInt8], shape: [2, 2, 2])
    let text = "input 2x2\nscale 1/2\n  normalize # both\ndense 1\nloss squared\n"
    let fitted = try NormalizationFit(workers).filled(text, with: input)
    #expect(
      fitted
        == "input 2x2\nscale 1/2\n  normalize mean=3,2 std=2.236068,1 # both\ndense 1\nloss squared\n"
    )
    #expect(try NormalizationFit(workers).filled(fitted, with: input) == fitted)
  }

  @Test func joinsTheMomentsOfManyChunks() throws {
    let values = (0..<1000).map { Double($0 % 7) + Double($0) / 100 }
    let fitted = try NormalizationFit(workers).filled(
      "input 1\nnormalize\nnormalize name=second\ndense 1\nloss squared",
      with: Tensor(values, shape: [1000, 1]))
    let mean = values.reduce(0, +) / 1000
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1000).squareRoot()
    let line = "normalize mean=\(Float(mean)) std=\(Float(deviation))\n"
    #expect(fitted.contains(line), "\(fitted)")
    let words = try #require(
      fitted.split(separator: "\n")[2].split(separator: " ").dropFirst().first)
    #expect(abs(try #require(Double(words.dropFirst(5)))) < 1e-6)
  }

  @Test func refusesWhatCannotBeFitted() {
    func message(_ topology: String, _ input: Tensor) -> String {
      do {
        return try NormalizationFit(workers).filled(topology, with: input)
      } catch { return "\(error)" }
    }
    #expect(
      message(
        "input 2\nnormalize\ndense 1\nloss squared",
        Tensor([1, 2, 1, 3] as [Float], shape: [2, 2]))
        == "line 2, column 1: channel 0 is 1 in all examples: found no deviation to divide by")
    #expect(
      message(
        "input 2\ndense 2\nnormalize\ndense 1\nloss squared",
        Tensor([1, 2] as [Float], shape: [1, 2]))
        == "line 3, column 1: what reaches this 'normalize' depends on parameters: 'batchnorm' is for that"
    )
    let fault = #expect(throws: TopologyError.self) {
      try Network(topology: "input 2\nnormalize\ndense 1\nloss squared")
    }
    #expect(
      fault?.description
        == "line 2, column 1: 'normalize' without 'mean=' and 'std=' (nn-init --fit DATASET finds them)"
    )
  }
}
