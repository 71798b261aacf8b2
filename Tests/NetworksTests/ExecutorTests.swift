import Compute
import Layers
import Networks
import Tensors
import Testing

/// An executor that keeps only the answer, or computes in blocked layout, against one that keeps everything.
struct ExecutorTests {
  static let pictures = """
    input 2x6x6
    normalize mean=0.2,0.1 std=0.5,2
    conv 3 3x3 pad=1 relu
    maxpool 2x2
    conv 17 3x3 pad=1 bias=no
    batchnorm relu name=trunk
    conv 17 3x3 pad=1 gelu
    batchnorm
    add trunk relu
    avgpool 3x3 name=mean
    maxpool 3x3 from=add1
    conv 17 1x1 relu
    maxpool 1x1 name=taken
    conv 17 1x1 name=a
    conv 17 1x1 from=taken name=b
    conv 17 1x1 from=taken
    add a b mean
    reshape 17
    dense 4 softmax
    loss cross-entropy
    """

  /// Batches that fill registers and such that do not.
  @Test(arguments: [Mode.training, .inference], [16, 17, 48])
  func answersAreThoseOfThePassThatKeepsAll(mode: Mode, examples: Int) throws {
    let workers = ThreadPool(count: 2)
    let network = try Network(topology: Self.pictures)
    for dtype in [DType.f32, .f64] {
      var parameters = network.initialParameters(seed: 1, dtype: dtype)
      for (name, tensor) in parameters where name.hasSuffix("running_var") {
        parameters[name] = numbers(tensor.shape, seed: 4).mapped(by: Square(), workers)
          .converted(to: dtype)
      }
      for (name, tensor) in parameters where name.hasSuffix("running_mean") {
        parameters[name] = numbers(tensor.shape, seed: 5).converted(to: dtype)
      }
      let problem = Problem(
        network: network, input: numbers([examples, 2, 6, 6], seed: 1).converted(to: dtype),
        target: try network.prepared(
          target: Tensor((0..<examples).map { UInt8($0 % 4) }), examples: examples, dtype: dtype),
        parameters: parameters, mode: mode)
      let expected = problem.signals(workers)
      for kernels in [nil, LaneKernels.best] {
        for keeping in [Keeping.answers, .training] {
          var executor = problem.executor(keeping, kernels)
          executor.forward(problem.input, target: problem.target, problem.context(workers))
          #expect(executor.output == expected.output && executor.losses == expected.losses)
        }
      }
    }
  }

  /// Backward in blocked layout, in place and with memory that is used again, gives the gradients of the plain plan.
  @Test(arguments: [16, 17]) func gradientsAreThoseOfThePlainPlan(examples: Int) throws {
    let workers = ThreadPool(count: 2)
    let network = try Network(topology: Self.pictures)
    var plain: [String: Tensor] = [:]
    for kernels in [nil, LaneKernels.best] {
      var executor = Executor(network, .training, .f32, keeping: .training, kernels)
      executor.use(network.initialParameters(seed: 1, dtype: .f32))
      for examples in [examples, 5, examples] {
        let target = try network.prepared(
          target: Tensor((0..<examples).map { UInt8($0 % 4) }), examples: examples, dtype: .f32)
        let context = Context(.training, workers)
        let input = numbers([examples, 2, 6, 6], seed: 1).converted(to: .f32)
        executor.forward(input, target: target, context)
        executor.backward(target: target, context)
      }
      if kernels == nil {
        plain = executor.namedGradients
      } else {
        #expect(executor.namedGradients == plain)
      }
    }
    #expect(plain.values.contains { $0.doubles().contains { abs($0) > 1e-3 } })
  }

  /// Bytes become numbers in the first layers, of which there may be several, and not before.
  @Test(arguments: [16, 5]) func bytesAreTakenAsTheNumbersThatTheyAre(examples: Int) throws {
    let workers = ThreadPool(count: 2)
    let network = try Network(
      topology: """
        input 1x4x4
        scale 1/255
        conv 3 3x3 relu
        reshape 12 name=seen
        scale 1/9 offset=-0.5 from=input
        reshape 16
        concat seen
        dense 2
        loss squared
        """)
    for dtype in [DType.f32, .f64] {
      let parameters = network.initialParameters(seed: 1, dtype: dtype)
      let bytes = Tensor(
        (0..<16 * examples).map { UInt8($0 * 7919 % 256) }, shape: [examples, 4, 4])
      let kept = try network.prepared(input: bytes, dtype: dtype)
      #expect(kept.dtype == .u8)
      #expect(
        network.answer(to: kept, parameters, workers, dtype)
          == network.answer(to: kept.converted(to: dtype), parameters, workers, dtype))
    }
    let other = try Network(topology: "input 16\ndense 2\nloss squared")
    let bytes = Tensor([UInt8](repeating: 3, count: 16), shape: [1, 16])
    #expect(try other.prepared(input: bytes, dtype: .f32).dtype == .f32)
  }
}

private struct Square: ElementFunction {
  func callAsFunction<R: Real>(_ x: R) -> R { x * x + 0.5 }
}
