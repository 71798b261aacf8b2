import Comparison
import Compute
import Layers
import Tensors
import Testing

struct BatchNormTests {
  let training: Context
  let inference: Context

  init() throws {
    let workers = ThreadPool(count: 2)
    (training, inference) = (Context(.training, workers), Context(.inference, workers))
  }

  static func parameters(
    _ weight: [Double], _ bias: [Double], _ mean: [Double], _ variance: [Double]
  )
    -> [String: Tensor]
  {
    [
      "weight": Tensor(weight), "bias": Tensor(bias), "running_mean": Tensor(mean),
      "running_var": Tensor(variance),
    ]
  }

  @Test func trainingUsesTheBatchsOwnStatistics() throws {
    let layer = try layer(BatchNorm.self, "batchnorm epsilon=1", input: [2, 1, 2])
    // Channel 0: 1, 3, 5, 7: mean 4, variance 5; channel 1: 0 but for one 4: mean 1, variance 3.
    let input = Tensor([1, 3, 0, 0, 5, 7, 4, 0] as [Double], shape: [2, 2, 1, 2])
    let found = layer.forward(
      input, Self.parameters([(6.0).squareRoot(), 2], [10, 0], [9, 9], [9, 9]), training)
    #expect(found.kept["batch_mean"] == Tensor([4, 1] as [Double]))
    #expect(found.kept["batch_var"] == Tensor([5, 3] as [Double]))
    let expected = Tensor([7, 9, -1, -1, 11, 13, 3, -1] as [Double], shape: [2, 2, 1, 2])
    #expect(mismatch(found.sum, expected, absolute: 1e-12) == nil)
  }

  @Test func useTakesTheRunningStatistics() throws {
    let layer = try layer(BatchNorm.self, "batchnorm epsilon=1", input: [2])
    let input = Tensor([1, 2, 3, 4] as [Double], shape: [2, 2])
    let found = layer.forward(input, Self.parameters([2, 3], [0, 1], [1, 0], [3, 8]), inference)
    #expect(found.sum == Tensor([0, 3, 2, 5] as [Double], shape: [2, 2]))
    #expect(found.kept.isEmpty)
  }

  @Test func statisticsMoveByMomentumTimesWhatTheBatchShowed() throws {
    let layer = try layer(BatchNorm.self, "batchnorm momentum=0.25", input: [1])
    let input = Tensor([1, 2, 6] as [Double], shape: [3, 1])
    let parameters = Self.parameters([1], [0], [5], [11])
    let kept = layer.forward(input, parameters, training).kept
    let found = layer.backward(
      delta: Tensor([1, 2, 4] as [Double], shape: [3, 1]), input: input, kept: kept, parameters,
      wantsInputGradient: false, training)
    // Mean 3, unbiased variance (4 + 1 + 9) / 2 = 7; times three examples.
    #expect(found.parameters["running_mean"] == Tensor([3 * 0.25 * (5 - 3)]))
    #expect(
      mismatch(found.parameters["running_var"]!, Tensor([3 * 0.25 * (11.0 - 7)]), relative: 1e-15)
        == nil)
    #expect(found.parameters["bias"] == Tensor([7.0]))
    #expect(found.inputs == [nil])
  }

  @Test func inUseNothingIsShownToTheStatistics() throws {
    let layer = try layer(BatchNorm.self, "batchnorm", input: [2])
    let found = layer.backward(
      delta: numbers([3, 2], seed: 1), input: numbers([3, 2], seed: 2), kept: [:],
      Self.parameters([1, 1], [0, 0], [1, 2], [3, 4]), wantsInputGradient: true, inference)
    #expect(found.parameters["running_mean"] == Tensor(zeros: [2], .f64))
    #expect(found.parameters["running_var"] == Tensor(zeros: [2], .f64))
  }

  @Test(arguments: [[3, 2, 5], [4], [2, 3], [3, 5, 7]])
  func gradientsAreThoseOfCentralDifferences(input: [Int]) throws {
    for pass in [training, inference] {
      let layer = try layer(BatchNorm.self, "batchnorm", input: Shape(input))
      try checkByDifferences(layer, inputs: [Shape([5] + input)], pass)
    }
  }

  @Test func threadsLeaveNoMark() throws {
    let layer = try layer(BatchNorm.self, "batchnorm", input: [37, 5, 5])
    let input = numbers([9, 37, 5, 5], seed: 1).converted(to: .f32)
    let delta = numbers([9, 37, 5, 5], seed: 2).converted(to: .f32)
    let parameters = Dictionary(
      uniqueKeysWithValues: layer.parameters.map {
        ($0.name, Tensor([Float](repeating: 1.5, count: 37)))
      })
    func results(_ threads: Int) throws -> [Tensor] {
      let pass = Context(.training, ThreadPool(count: threads))
      let forward = layer.forward(input, parameters, pass)
      let back = layer.backward(
        delta: delta, input: input, kept: forward.kept, parameters, wantsInputGradient: true, pass)
      return [forward.sum, back.inputs[0]!]
        + back.parameters.sorted { $0.key < $1.key }.map(\.value)
    }
    #expect(try results(1) == results(3))
  }

  @Test func floatsAreAsExactAsFloatsCanBe() throws {
    // A mean of 1000 standard deviations: the difference of two large sums would lose the variance.
    let layer = try layer(BatchNorm.self, "batchnorm", input: [3, 11, 13])
    let values = numbers([20, 3, 11, 13], seed: 3).doubles().map { 1000 + $0 }
    let input = Tensor(values.map(Float.init), shape: [20, 3, 11, 13])
    let parameters = Self.parameters([1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 1])
    let found = layer.forward(input, parameters.mapValues { $0.converted(to: .f32) }, training)
    let expected = layer.forward(input.converted(to: .f64), parameters, training)
    #expect(mismatch(found.sum, expected.sum, relative: 1e-3, absolute: 2e-4) == nil)
    #expect(mismatch(found.kept["batch_var"]!, expected.kept["batch_var"]!, relative: 1e-4) == nil)
  }

  @Test func needsMoreThanOneValuePerChannel() throws {
    let vector = try layer(BatchNorm.self, "batchnorm", input: [3])
    #expect(vector.objection(toTrainingOn: 1) != nil)
    #expect(vector.objection(toTrainingOn: 2) == nil)
    let picture = try layer(BatchNorm.self, "batchnorm", input: [3, 1, 2])
    #expect(picture.objection(toTrainingOn: 1) == nil)
  }

  @Test(arguments: ["momentum=0", "momentum=1", "epsilon=0", "epsilon=-1", "momentum=x"])
  func refuses(option: String) {
    #expect(throws: TopologyError.self) {
      try layer(BatchNorm.self, "batchnorm \(option)", input: [3])
    }
  }
}
