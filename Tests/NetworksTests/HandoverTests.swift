import Kernels
import Layers
import Networks
import Products
import Tensors
import Testing

/// What passes from the way forward to the way back when two programs take them.
struct HandoverTests {
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

  private let workers: Workers
  private let network: Network

  init() throws {
    workers = Workers(count: 2)
    network = try Network(topology: Self.pictures)
  }

  private func batch(_ examples: Int) throws -> (input: Tensor, target: Tensor) {
    let ids = Tensor((0..<examples).map { UInt8($0 % 4) })
    return (
      numbers([examples, 1, 6, 6], seed: 3).converted(to: .f32),
      try network.prepared(target: ids, examples: examples, dtype: .f32)
    )
  }

  private func handedOver(_ examples: Int, _ kernels: LaneKernels?) throws -> [String: Tensor] {
    let (input, target) = try batch(examples)
    var workspace = Workspace(
      network, parameters: network.initialParameters(seed: 1, dtype: .f32), dtype: .f32, kernels)
    workspace.forward(input, target: target, Pass(.training, workers))
    return workspace.handedOver()
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
      let found = try handedOver(3 * lanes, kernels)
      #expect(
        found.keys.sorted()
          == (known + [
            "batchnorm1.output", "conv2.output.lanes", "conv2.sum.lanes", "maxpool1.output.lanes",
            "maxpool1.winner.lanes",
          ]).sorted())
      #expect(found["maxpool1.winner.lanes"]?.dtype == .u8)
      for name in ["maxpool1.winner.lanes", "maxpool1.output.lanes"] {
        #expect(found[name]?.shape == [3, 3, 3, 3, lanes])
      }
    }
    // Example after example the maxpool looks for its winners again.
    #expect(
      try handedOver(5, .best).keys.sorted()
        == (known + [
          "batchnorm1.output", "conv1.output", "conv2.output", "conv2.sum", "maxpool1.output",
        ]).sorted())
  }

  /// With batches of other sizes in between, and through memory that is aligned for nothing.
  @Test(arguments: [32, 5]) func whoTakesOverFindsTheSameGradients(examples: Int) throws {
    let pass = Pass(.training, workers)
    for kernels in [nil, LaneKernels.best] {
      var other = Workspace(network, dtype: .f32, kernels)
      var whole = Workspace(
        network, parameters: network.initialParameters(seed: 1, dtype: .f32), dtype: .f32, kernels)
      for examples in [examples, 3, examples] {
        let (input, target) = try batch(examples)
        whole.forward(input, target: target, pass)
        let handed = whole.handedOver().mapValues { shifted($0) }
        whole.backward(input, target: target, pass)
        try other.takeOver(handed, input: input, pass)
        other.backward(input, target: target, pass)
        other.giveUp()
        #expect(other.gradients == whole.gradients)
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
    let handed = try handedOver(examples, kernels)
    var workspace = Workspace(network, dtype: .f32, kernels)
    for name in handed.keys {
      for change in [
        nil, handed[name].map { Tensor(zeros: $0.shape, .i32) },
        Tensor(zeros: [1, examples, 2], .f32),
      ] {
        var broken = handed
        broken[name] = change
        let error = #expect(throws: NetworkFault.self) {
          try workspace.takeOver(broken, input: input, Pass(.training, workers))
        }
        #expect(error?.description.hasPrefix("tensor '\(name)': ") == true)
      }
    }
    // A program without those registers says what it expected.
    var plain = Workspace(network, dtype: .f32, nil)
    let error = #expect(throws: NetworkFault.self) {
      try plain.takeOver(handed, input: input, Pass(.training, workers))
    }
    #expect(error == .missing(tensor: "conv1.output", expected: [examples, 3, 6, 6]))
  }
}
