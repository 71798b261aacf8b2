import Comparison
import Compute
import Layers
import Tensors
import Testing

struct LossTests {
  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  @Test func squaredErrorIsHalfTheSumOfSquares() {
    let output = Tensor([1, 2, 3, 0, -1, 0.5] as [Float], shape: [2, 3])
    let target = Tensor([0, 2, 5, 0, 1, 0] as [Float], shape: [2, 3])
    #expect(
      SquaredError().values(output: output, sum: nil, target: target, workers)
        == Tensor([2.5, 2.125] as [Float]))
    guard
      case .error(let error) = SquaredError().derivative(output: output, target: target, workers)
    else {
      Issue.record("expected the derivative by the output")
      return
    }
    #expect(error == Tensor([1, 0, -2, 0, -2, 0.5] as [Float], shape: [2, 3]))
  }

  @Test func crossEntropyIsTakenFromTheSums() {
    let sums = Tensor([0, 1, 3, 0, 0, 0, 0, 0, 2000] as [Double], shape: [3, 3])
    let target = Tensor([0, 1, 0, 0.5, 0.25, 0.25, 1, 0, 0] as [Double], shape: [3, 3])
    // log(1 + e + e³) − 1, then log 3, then what exp would have overflowed on.
    let expected = Tensor([2.169_846_019_556_285_6, 1.098_612_288_668_109_8, 2000])
    let found = CrossEntropy().values(output: sums, sum: sums, target: target, workers)
    #expect(mismatch(found, expected, relative: 1e-15) == nil)
  }

  @Test func binaryCrossEntropyIsTakenFromTheSums() {
    let sums = Tensor([0, 2, -800, 800, 800, -40] as [Double], shape: [3, 2])
    let target = Tensor([1, 0.25, 1, 1, 0, 0] as [Double], shape: [3, 2])
    // log 2 + log(1 + e²) − ½, then 800 + 0, then 800 + e⁻⁴⁰ to the last bit.
    let expected = Tensor([2.320075191602918, 800, 800])
    let found = BinaryCrossEntropy().values(output: sums, sum: sums, target: target, workers)
    #expect(mismatch(found, expected, relative: 1e-15) == nil)
    let tiny = BinaryCrossEntropy().values(
      output: sums, sum: Tensor([-40] as [Double], shape: [1, 1]),
      target: Tensor([0] as [Double], shape: [1, 1]), workers)
    #expect(mismatch(tiny, Tensor([4.248_354_255_291_589e-18]), relative: 1e-15) == nil)
  }

  @Test func fusedDeltasAreOutputMinusTarget() {
    let output = Tensor([0.75, 0.25] as [Double], shape: [1, 2])
    let target = Tensor([1, 0] as [Double], shape: [1, 2])
    for loss in [CrossEntropy(), BinaryCrossEntropy()] as [any Loss] {
      guard case .delta(let delta) = loss.derivative(output: output, target: target, workers) else {
        Issue.record("expected the derivative of '\(loss.word)' by the sum")
        continue
      }
      #expect(delta == Tensor([-0.25, 0.25] as [Double], shape: [1, 2]))
    }
  }

  @Test func pairingsSayWhatTheyNeed() {
    #expect(CrossEntropy().objection(to: Softmax(), output: [3]) == nil)
    #expect(
      CrossEntropy().objection(to: Sigmoid(), output: [3])
        == "'cross-entropy' needs 'softmax' as the last activation, found 'sigmoid'")
    #expect(
      CrossEntropy().objection(to: Softmax(), output: [2, 3])
        == "'cross-entropy' needs outputs along one axis, found 2x3")
    #expect(BinaryCrossEntropy().objection(to: Sigmoid(), output: [3]) == nil)
    #expect(
      BinaryCrossEntropy().objection(to: Identity(), output: [3])
        == "'binary-cross-entropy' needs 'sigmoid' as the last activation, found 'identity'")
    for activation in activations {
      #expect(SquaredError().objection(to: activation, output: [3]) == nil)
    }
  }

  @Test func targetsOfCrossEntropyMustBeProbabilities() throws {
    let loss = CrossEntropy()
    try loss.check(target: Tensor([0, 1, 0.333, 0.667, 0.9995, 0] as [Float], shape: [3, 2]))
    #expect(throws: LossError.probabilitiesDoNotAddUp(row: 1, sum: 0.5)) {
      try loss.check(target: Tensor([0, 1, 0.25, 0.25] as [Float], shape: [2, 2]))
    }
    #expect(
      "\(LossError.probabilitiesDoNotAddUp(row: 1, sum: 0.5))"
        == "tensor 'target': row 1 adds up to 0.5, expected 1 for loss 'cross-entropy'")
    #expect(
      throws: LossError.targetOutOfRange(
        found: -0.5, row: 1, position: [1], expected: "at least 0", loss: "cross-entropy")
    ) {
      try loss.check(target: Tensor([0, 1, 1.5, -0.5] as [Float], shape: [2, 2]))
    }
  }

  @Test func targetsOfBinaryCrossEntropyMustLieBetweenZeroAndOne() throws {
    let loss = BinaryCrossEntropy()
    try loss.check(target: Tensor([0, 1, 0.5, 1] as [Float], shape: [2, 2]))
    let fault = LossError.targetOutOfRange(
      found: 1.5, row: 1, position: [0], expected: "from 0 to 1", loss: "binary-cross-entropy")
    #expect(throws: fault) {
      try loss.check(target: Tensor([0, 1, 1.5, 0] as [Float], shape: [2, 2]))
    }
    #expect(
      "\(fault)" == "tensor 'target': found 1.5 in row 1 at [0], expected numbers from 0 to 1 "
        + "for loss 'binary-cross-entropy'")
  }

  @Test func everyLossHasItsOwnWord() {
    #expect(Set(losses.map(\.word)).count == losses.count)
  }
}
