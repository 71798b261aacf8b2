import Tensors
import Testing

@Test func describesNumbers() {
  let statistics = Statistics(Tensor([2, 4, 4, 4, 5, 5, 7, 9, 0, .nan] as [Float]).rows(0..<8))
  #expect(statistics.mean == 5 && statistics.standardDeviation == 2)
  #expect(statistics.minimum == 2 && statistics.maximum == 9)
  #expect(statistics.zeros == 0 && statistics.nans == 0)
}

@Test func leavesNaNOutOfEverythingElse() {
  let statistics = Statistics(Tensor([.nan, 0, -0.0, 3, .nan] as [Double]))
  #expect(statistics.nans == 2 && statistics.zeros == 2)
  #expect(statistics.mean == 1 && statistics.minimum == 0 && statistics.maximum == 3)
}

@Test func saysNothingAboutNoNumbers() {
  for tensor in [Tensor([] as [Float]), Tensor([Float.nan])] {
    let statistics = Statistics(tensor)
    #expect(statistics.mean == nil && statistics.standardDeviation == nil)
    #expect(statistics.minimum == nil && statistics.maximum == nil)
  }
}

@Test func writesTheShortestDecimal() {
  #expect(decimal(64.0) == "64")
  #expect(decimal(0.1) == "0.1")
  #expect(decimal(Float(0.1)) == "0.1")
  #expect(decimal(1e-5) == "1e-05")
  #expect(decimal(-0.0) == "-0")
  for value in [0.1, 1 / 3, .leastNonzeroMagnitude, 1e300, 9_007_199_254_740_991, -123.456]
    as [Double]
  {
    #expect(Double(decimal(value)) == value)
  }
}
