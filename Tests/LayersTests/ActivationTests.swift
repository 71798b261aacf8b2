import Comparison
import Compute
import Layers
import Tensors
import Testing

struct ActivationTests {
  let workers: ThreadPool

  init() throws { workers = ThreadPool(count: 2) }

  private func forward(_ activation: any Activation, _ sums: [Double]) -> [Double] {
    activation.forward(Tensor(sums, shape: [1, sums.count]), workers).doubles()
  }

  @Test func identityLetsPass() {
    #expect(forward(Identity(), [-2, 0, 3.5]) == [-2, 0, 3.5])
  }

  @Test func reluCutsOffBelowZero() {
    #expect(forward(ReLU(), [-2, 0, 3.5, -1e-300, .infinity]) == [0, 0, 3.5, 0, .infinity])
  }

  @Test func stepFiresAboveZeroOnly() {
    #expect(forward(Step(), [-2, -0.0, 0, 1e-300, 3]) == [0, 0, 0, 1, 1])
  }

  @Test func sigmoidKeepsBothTails() {
    let expected = [
      0, 4.248354255291589e-18, 0.11920292202211755, 0.5, 0.622_459_331_201_854_6,
      0.952_574_126_822_433_4, 1, 1,
    ]
    let sums: [Double] = [-1000, -40, -2, 0, 0.5, 3, 40, 1000]
    let found = Tensor(forward(Sigmoid(), sums))
    #expect(mismatch(found, Tensor(expected), relative: 4e-16) == nil)
    // Where e⁻ˣ has overflowed, but e^x is not yet 0.
    #expect(forward(Sigmoid(), [-740]) == [85 * .leastNonzeroMagnitude])
    let floats = Sigmoid().forward(
      Tensor([-1000, -40, -2, 0, 0.5, 3, 40, 1000] as [Float]), workers)
    #expect(mismatch(floats, Tensor(expected), relative: 3e-7) == nil)
  }

  @Test func tanhIsTheLibrarys() {
    #expect(
      mismatch(
        Tensor(forward(Tanh(), [-2, 0, 0.5, 1000])),
        Tensor([-0.964_027_580_075_816_9, 0, 0.462_117_157_260_009_76, 1]), relative: 4e-16) == nil)
  }

  @Test func softmaxIsTakenPerExampleAndNeverOverflows() {
    let sums = Tensor([0, 1, 3, 1000, 1001, 1003, -1000, -1e5, -1001] as [Double], shape: [3, 3])
    let row = [0.042_010_066_134_066_05, 0.114_195_199_384_594_48, 0.843_794_734_481_339_5]
    let expected =
      row + row + [0.731_058_578_630_004_9, 0, 0.268_941_421_369_995_1]
    #expect(
      mismatch(
        Softmax().forward(sums, workers), Tensor(expected, shape: [3, 3]), relative: 4e-15) == nil)
  }

  @Test(arguments: activations.map(\.word))
  func neverHidesNaN(word: String) throws {
    let activation = try #require(activations.first { $0.word == word })
    #expect(forward(activation, [1, .nan])[1].isNaN)
    #expect(forward(activation, [.nan, 1])[0].isNaN)
  }

  @Test(arguments: activations.map(\.word).filter { $0 != "step" })
  func deltaIsThatOfCentralDifferences(word: String) throws {
    let activation = try #require(activations.first { $0.word == word })
    // No sum lies so near 0 or ±3 that a difference would reach across a kink of relu or hard-sigmoid.
    let sums = Tensor(
      numbers([4, 7], seed: 21).doubles().map { 2.5 * $0 + ($0 < 0 ? -0.1 : 0.1) }, shape: [4, 7])
    let error = numbers([4, 7], seed: 22)
    func objective(_ sums: Tensor) -> Double {
      zip(activation.forward(sums, workers).doubles(), error.doubles())
        .reduce(0) { $0 + $1.0 * $1.1 }
    }
    let output = activation.forward(sums, workers)
    let sum = activation.backwardNeedsSum ? sums : nil
    let delta = activation.delta(error: error, sum: sum, output: output, workers)
    #expect(delta.doubles().contains { abs($0) > 0.01 })
    let expected = differences(sums, of: objective)
    #expect(mismatch(delta, expected, relative: 1e-7, absolute: 1e-10) == nil)
    if let derivative = activation.derivative(sum: sum, output: output, workers) {
      let product = zip(derivative.doubles(), error.doubles()).map { $0 * $1 }
      #expect(mismatch(Tensor(product, shape: [4, 7]), delta, relative: 1e-15) == nil)
    } else {
      #expect(word == "softmax")
    }
  }

  @Test func slopesAtZeroAreFixed() {
    let zero = Tensor([0, -0.0] as [Double])
    #expect(ReLU().derivative(sum: nil, output: zero, workers)?.doubles() == [0, 0])
    #expect(Identity().derivative(sum: nil, output: zero, workers)?.doubles() == [1, 1])
  }

  @Test func stepSaysWhyItHasNoDerivative() async {
    #expect(
      Step().reasonWithoutDerivative
        == "'step' has no derivative to learn by: it is flat everywhere but at 0, where it jumps")
    for activation in activations where activation.word != "step" {
      #expect(activation.reasonWithoutDerivative == nil)
    }
    await #expect(processExitsWith: .failure) {
      let one = Tensor([1] as [Double])
      _ = Step().delta(error: one, sum: one, output: one, ThreadPool(count: 1))
    }
  }

  @Test func softmaxOfOneOutputIsRefused() {
    #expect(Softmax().objection(to: [1]) == "'softmax' of a single output is always 1")
    #expect(Softmax().objection(to: [2]) == nil)
  }

  @Test func startsAreSpreadByGlorotHeOrLeCun() {
    #expect(VarianceScaling.glorot.limit(fanIn: 4, fanOut: 2) == 1)
    #expect(VarianceScaling.he().limit(fanIn: 6, fanOut: 999) == 1)
    #expect(VarianceScaling.he(slope: 0.5).limit(fanIn: 24, fanOut: 999) == 0.2.squareRoot())
    #expect(VarianceScaling.leCun.limit(fanIn: 12, fanOut: 999) == 0.5)
    #expect(VarianceScaling.glorot.deviation(fanIn: 5, fanOut: 3) == 0.5)
    #expect(VarianceScaling.he().deviation(fanIn: 8, fanOut: 999) == 0.5)
    #expect(VarianceScaling.leCun.deviation(fanIn: 4, fanOut: 999) == 0.5)
    let others: [String: VarianceScaling] = [
      "relu": .he(), "leaky-relu": .he(slope: 0.01), "elu": .he(), "gelu": .he(), "silu": .he(),
      "mish": .he(),
      "selu": .leCun,
    ]
    for activation in activations {
      #expect(activation.spread == others[activation.word] ?? .glorot)
    }
    #expect(LeakyReLU(slope: 0.25).spread == .he(slope: 0.25))
  }

  @Test func everyLineBeginsWithAWordOfItsOwn() {
    let words = activations.map(\.word) + layerKinds.map { $0.word } + ["input", "loss"]
    #expect(Set(words).count == words.count)
  }
}
