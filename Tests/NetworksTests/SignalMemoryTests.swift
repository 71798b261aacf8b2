import Layers
import Networks
import Tensors
import Testing

/// What is counted before a pass, by numbers that were found by hand: bytes of F32 unless said otherwise.
struct SignalMemoryTests {
  private func bytes(
    _ topology: String, _ examples: Int, together: Int? = nil, _ purpose: SignalMemory.Purpose,
    _ dtype: DType = .f32, hasClassIDs: Bool = false
  ) throws -> Int? {
    try Network(topology: topology).signalMemory(
      of: examples, together: together, for: purpose, dtype, threads: 1, hasClassIDs: hasClassIDs
    ).bytes
  }

  // Outputs of 3, 5 and 4 numbers: 12, 20 and 16 bytes an example.
  private let row = "input 2\ndense 3 tanh\ndense 5 tanh\ndense 4\nloss squared"

  @Test func answersNeedTwoNeighboursAtOnce() throws {
    #expect(try bytes(row, 10, .answer) == 200 + 160)
    // Four at once, 80 + 64, and the answers of the six others.
    #expect(try bytes(row, 10, together: 4, .answer) == 144 + 6 * 16)
  }

  @Test func tracesNeedAllOutputsAndSums() throws {
    #expect(try bytes(row, 10, .trace(.training)) == 120 + 200 + 160)
    // The last layer's sums are its outputs.
    #expect(try bytes(row, 10, .everything(.training)) == 480 + 120 + 200)
    #expect(try bytes(row, 10, .training, .f64) == 960)
  }

  @Test func classIDsBecomeRowsOfOutputs() throws {
    let topology = "input 2\ndense 3 softmax\nloss cross-entropy"
    // Outputs, the sums that the loss reads, targets.
    #expect(try bytes(topology, 10, .training) == 240)
    #expect(try bytes(topology, 10, .training, hasClassIDs: true) == 360)
    #expect(try bytes(topology, 10, together: 2, .answer, hasClassIDs: true) == 24 + 96 + 120)
    let single = "input 2\ndense 1 sigmoid\nloss binary-cross-entropy"
    #expect(try bytes(single, 10, .training, hasClassIDs: true) == 80)
  }

  @Test func outputsStayUntilTheLastLayerHasTakenThem() throws {
    let short = "input 3\ndense 4 name=a\ndense 5\ndense 4\nadd a\nloss squared"
    #expect(try bytes(short, 1, .answer) == 16 + 20 + 16)
    // The reshaped numbers are the same memory, and keep it there.
    let shared = "input 3\ndense 4\nreshape 2x2\ndense 3\ndense 1\nloss squared"
    #expect(try bytes(shared, 1, .answer) == 16 + 12)
    #expect(try bytes(shared, 1, .trace(.training)) == 16 + 12 + 4)
  }

  @Test func whatTakesNoMemoryIsNotCounted() throws {
    let topology = "input 4\nreshape 2x2\ndropout 0.5\ndense 3\nloss squared"
    #expect(try bytes(topology, 1, .trace(.inference)) == 12)
    #expect(try bytes(topology, 1, .trace(.training)) == 16 + 12)
    #expect(try bytes("input 4\nrelu\ndense 3\nloss squared", 1, .trace(.inference)) == 16 + 12)
  }

  @Test func whatLayersKeepIsCountedOnce() throws {
    // The steps' states are what the layer returns.
    let all = "input 3x2\nrnn 4 return=all\ndense 1\nloss squared"
    #expect(try bytes(all, 2, .training) == 2 * (48 + 4))
    let last = "input 3x2\nrnn 4\ndense 1\nloss squared"
    #expect(try bytes(last, 2, .training) == 2 * (48 + 16 + 4))
    // Mean and variance of two channels, whatever the batch.
    let normalized = "input 2\nbatchnorm\ndense 1\nloss squared"
    #expect(try bytes(normalized, 5, .training) == 5 * (8 + 4) + 16)
    #expect(try bytes(normalized, 5, .trace(.inference)) == 5 * (8 + 4))
  }

  @Test func convolutionsAreLowered() throws {
    // In F64, on all processors alike: 3 × 3 outputs, as many in the matrix, and three rows' numbers.
    let topology = "input 1x1x1\nconv 1 1x1 pad=1\nloss squared"
    #expect(try bytes(topology, 1, .answer, .f64) == 72 + 72 + 3 * 16)
    #expect(try bytes(topology, 2, .training, .f64) == 144 + 72 + 3 * 16)
    #expect(try bytes("input 1x2x2\nconv 1 1x1\nloss squared", 1, .answer, .f64) == 32)
  }

  @Test func gradientsAreOfParametersThatAnErrorReaches() throws {
    // Weights and biases: 3 · 2 + 3, 5 · 3 + 5, 4 · 5 + 4.
    let gradients = 4 * (9 + 20 + 24)
    let signals = try #require(try bytes(row, 1000, .training))
    #expect(try bytes(row, 1000, .gradients(.training)) == gradients)
    #expect(try bytes(row, 1000, .briefTrace) == signals + gradients)
    #expect(
      try bytes("input 2\nrelu\ndense 3\nloss squared", 1000, .gradients(.training)) == 36)
  }

  @Test func numbersBeyondIntAreNone() throws {
    let huge = "input 1x1x1\nconv 1 1x1 pad=20000\nloss squared"
    let network = try Network(topology: huge)
    // 40,001² numbers, of each of 2⁶⁰ examples.
    let found = network.signalMemory(of: 1 << 60, for: .training, .f64, threads: 1)
    #expect(found.bytes == nil && found.bytesOfLargest == nil && found.largest == "conv1")
    #expect(
      throws: NetworkFault.tooMuchMemory(
        layer: "conv1", ofLayer: nil, found: nil, examples: 1 << 60, limit: .max)
    ) {
      try network.checkMemory(of: 1 << 60, for: .training, .f64, threads: 1, limit: .max)
    }
    #expect(throws: NetworkFault.self) {
      try network.checkMemory(of: .max, for: .answer, .f32, threads: .max, limit: .max)
    }
    #expect(throws: NetworkFault.self) {
      try network.checkMemory(ofTargets: .max, .f64, limit: .max)
    }
  }

  @Test func allowsTheLimitItself() throws {
    let network = try Network(topology: row)
    func check(limit: Int) throws {
      try network.checkMemory(of: 10, for: .trace(.training), .f32, threads: 8, limit: limit)
    }
    try check(limit: 480)
    let fault = #expect(throws: NetworkFault.self) { try check(limit: 479) }
    #expect(
      fault?.description
        == "layer 'dense2': found signals of 200 bytes, 480 in all layers, for a batch of 10, expected at "
        + "most 479 in all (NN_MAX_DOCUMENT_BYTES sets the limit)")
  }

  /// What has been counted once is not counted again; everything else is.
  @Test func whatThereWasRoomForSaysNothingOfAnythingElse() throws {
    let network = try Network(topology: row)
    func hasRoom(
      _ examples: Int, _ purpose: SignalMemory.Purpose = .trace(.training), _ dtype: DType = .f32,
      together: Int? = nil, hasClassIDs: Bool = false, limit: Int = 480
    ) -> Bool {
      (try? network.checkMemory(
        of: examples, together: together, for: purpose, dtype, threads: 8,
        hasClassIDs: hasClassIDs, limit: limit)) != nil
    }
    #expect(hasRoom(10) && hasRoom(9) && hasRoom(10))
    #expect(!hasRoom(11) && hasRoom(10))
    #expect(!hasRoom(10, .everything(.training)) && hasRoom(10))
    #expect(!hasRoom(10, .trace(.training), .f64) && hasRoom(10))
    #expect(!hasRoom(10, hasClassIDs: true) && hasRoom(10))
    #expect(!hasRoom(10, limit: 479) && hasRoom(10))
    #expect(hasRoom(10, .answer, together: 4, limit: 240) && !hasRoom(10, .answer, limit: 240))
  }

  @Test func whatThereWasRoomForSaysNothingOfMoreThreads() throws {
    let network = try Network(topology: "input 3x20x20\nconv 5 3x3\nloss squared")
    func bytes(_ threads: Int) throws -> Int {
      try #require(network.signalMemory(of: 99, for: .training, .f32, threads: threads).bytes)
    }
    let limit = try bytes(1)
    try #require(try bytes(2) > limit)
    try network.checkMemory(of: 99, for: .training, .f32, threads: 1, limit: limit)
    #expect(throws: NetworkFault.self) {
      try network.checkMemory(of: 99, for: .training, .f32, threads: 2, limit: limit)
    }
  }
}
