import Compute
import Layers
import Networks
import Tensors
import Testing

/// What passes from forward to backward when two programs compute them.
struct TraceTensorsTests {
  static let pictures = """
    input 1x6x6
    scale 1/8
    conv 3 3x3 pad=1 relu
    maxpool 2x2
    conv 2 3x3 pad=1 gelu
    batchnorm
    reshape 18
    dense 5 relu
    dense 4 softmax
    loss cross-entropy
    """

  private let workers: ThreadPool
  private let network: Network

  init() throws {
    workers = ThreadPool(count: 2)
    network = try Network(topology: Self.pictures)
  }

  private func batch(_ examples: Int) throws -> (input: Tensor, target: Tensor) {
    let ids = Tensor((0..<examples).map { UInt8($0 % 4) })
    return (
      numbers([examples, 1, 6, 6], seed: 3).converted(to: .f32),
      try network.prepared(target: ids, examples: examples, dtype: .f32)
    )
  }

  private func executor(_ kernels: LaneKernels?) -> Executor {
    var executor = Executor(network, .training, .f32, keeping: .training, kernels)
    executor.use(network.initialParameters(seed: 1, dtype: .f32))
    return executor
  }

  private func briefTrace(_ examples: Int, _ kernels: LaneKernels?) throws -> [String: Tensor] {
    let (input, target) = try batch(examples)
    var executor = executor(kernels)
    executor.forward(input, target: target, Context(.training, workers))
    return executor.traceTensors(brief: true)
  }

  private let known = [
    "batchnorm1.batch_mean", "batchnorm1.batch_var", "batchnorm1.running_mean",
    "batchnorm1.running_var", "batchnorm1.weight", "conv2.weight", "dense1.output", "dense1.weight",
    "dense2.output", "dense2.weight",
  ]

  /// Not the scaled input, nor what a convolution gives that only a maxpool reads, nor what another shape has the elements of.
  @Test func onlyWhatIsReadAndCannotBeFoundIsCarried() throws {
    // Convolutions take only the best.
    if let kernels = LaneKernels.best {
      let lanes = kernels.lanes
      let found = try briefTrace(3 * lanes, kernels)
      #expect(
        found.keys.sorted()
          == (known + [
            "batchnorm1.output", "conv2.output.blocked", "conv2.sum.blocked",
            "maxpool1.output.blocked",
            "maxpool1.argmax.blocked",
          ]).sorted())
      #expect(found["maxpool1.argmax.blocked"]?.dtype == .u8)
      for name in ["maxpool1.argmax.blocked", "maxpool1.output.blocked"] {
        #expect(found[name]?.shape == [3, 3, 3, 3, lanes])
      }
    }
    // Example after example the maxpool looks for its argmax again.
    #expect(
      try briefTrace(5, .best).keys.sorted()
        == (known + [
          "batchnorm1.output", "conv1.output", "conv2.output", "conv2.sum", "maxpool1.output",
        ]).sorted())
  }

  /// With batches of other sizes in between, and through memory that is aligned for nothing.
  @Test(arguments: [32, 5]) func aLoadedTraceGivesTheSameGradients(examples: Int) throws {
    let pass = Context(.training, workers)
    for kernels in [nil, LaneKernels.best] {
      var other = Executor(network, .training, .f32, keeping: .training, kernels)
      var whole = executor(kernels)
      for examples in [examples, 3, examples] {
        let (input, target) = try batch(examples)
        whole.forward(input, target: target, pass)
        let trace = whole.traceTensors(brief: true).mapValues { shifted($0) }
        whole.backward(target: target, pass)
        try other.load(trace, input: input, brief: true, pass)
        other.backward(target: target, pass)
        other.unload()
        #expect(other.parameterGradients == whole.parameterGradients)
      }
    }
  }

  /// The same tensor, four bytes behind the start of a storage.
  private func shifted(_ tensor: Tensor) -> Tensor {
    tensor.withUnsafeBytes { bytes in
      let storage = Storage(byteCount: bytes.count + 4)
      UnsafeMutableRawBufferPointer(rebasing: storage.bytes[4...]).copyMemory(from: bytes)
      return Tensor(dtype: tensor.dtype, shape: tensor.shape, storage: storage, offset: 4)
    }
  }

  @Test func whatIsMissingOrMadeOtherwiseIsRefused() throws {
    guard let kernels = LaneKernels.best else { return }
    let examples = 2 * kernels.lanes
    let (input, _) = try batch(examples)
    let handed = try briefTrace(examples, kernels)
    var executor = Executor(network, .training, .f32, keeping: .training, kernels)
    for name in handed.keys {
      for change in [
        nil, handed[name].map { Tensor(zeros: $0.shape, .i32) },
        Tensor(zeros: [1, examples, 2], .f32),
      ] {
        var broken = handed
        broken[name] = change
        let error = #expect(throws: NetworkError.self) {
          try executor.load(broken, input: input, brief: true, Context(.training, workers))
        }
        #expect(error?.description.hasPrefix("tensor '\(name)': ") == true)
      }
    }
    // A program without those registers says what it expected.
    var plain = Executor(network, .training, .f32, keeping: .training, nil)
    let error = #expect(throws: NetworkError.self) {
      try plain.load(handed, input: input, brief: true, Context(.training, workers))
    }
    #expect(error == .missing(tensor: "conv1.output", expected: [examples, 3, 6, 6]))
  }
}
