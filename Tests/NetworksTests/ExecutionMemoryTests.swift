import Compute
import Layers
import Tensors
import Testing

@testable import Networks

/// What is counted before a pass is what the executor allocates: bytes of F32 unless said otherwise.
struct ExecutionMemoryTests {
  private func bytes(
    _ topology: String, _ examples: Int, _ keeping: Keeping, _ mode: Mode = .training,
    _ dtype: DType = .f32, goesBack: Bool = false, hasArrived: Bool = false
  ) throws -> Double {
    ExecutionPlan(try Network(topology: topology), mode, keeping).memory(
      examples, dtype, threads: 1, keeping, goesBack: goesBack, hasArrived: hasArrived
    ).bytes
  }

  // Outputs of 3, 5 and 4 numbers: 12, 20 and 16 bytes an example.
  private let row = "input 2\ndense 3 tanh\ndense 5 tanh\ndense 4\nloss squared"

  @Test func answersNeedTwoNeighborsAtOnce() throws {
    #expect(try bytes(row, 10, .answers) == 200 + 160)
  }

  @Test func trainingNeedsAllOutputsAndTheirGradients() throws {
    #expect(try bytes(row, 10, .training) == 120 + 200 + 160)
    #expect(try bytes(row, 10, .training, goesBack: true) == 2 * (120 + 200 + 160))
    #expect(try bytes(row, 10, .training, .training, .f64) == 960)
    // Sums and outputs apart; the last layer's are the same.
    #expect(try bytes(row, 10, .everything) == 2 * (120 + 200) + 160)
    // Gradients alone, where the outputs have come in a trace.
    #expect(try bytes(row, 10, .training, goesBack: true, hasArrived: true) == 480)
  }

  @Test func gradientsReachOnlyWhatStandsBehindParameters() throws {
    let topology = "input 2\nrelu\ndense 3\nloss squared"
    // The rectified input has its own memory.
    #expect(try bytes(topology, 1, .training, goesBack: true) == 8 + 2 * 12)
  }

  @Test func outputsStayUntilTheLastLayerHasTakenThem() throws {
    let short = "input 3\ndense 4 name=a\ndense 5\ndense 4\nadd a\nloss squared"
    #expect(try bytes(short, 1, .answers) == 16 + 20 + 16)
    // The reshaped numbers are the same memory, and keep it there.
    let shared = "input 3\ndense 4\nreshape 2x2\ndense 3\ndense 1\nloss squared"
    #expect(try bytes(shared, 1, .answers) == 16 + 12)
    #expect(try bytes(shared, 1, .training) == 16 + 12 + 4)
  }

  @Test func whatTakesNoMemoryIsNotCounted() throws {
    let topology = "input 4\nreshape 2x2\ndropout 0.5\ndense 3\nloss squared"
    #expect(try bytes(topology, 1, .training, .inference) == 12)
    #expect(try bytes(topology, 1, .training) == 16 + 12)
    #expect(
      try bytes("input 4\nrelu\ndense 3\nloss squared", 1, .training, .inference) == 16 + 12)
  }

  @Test func whatLayersSaveIsCounted() throws {
    // The states of three steps, besides the last one and scratch memory.
    let last = "input 3x2\nrnn 4\ndense 1\nloss squared"
    #expect(try bytes(last, 2, .training) - bytes(last, 2, .answers) == 2 * 48)
    #expect(try bytes(last, 2, .answers) > 2 * 16)
    // Mean and variance of two channels, whatever the batch.
    let normalized = "input 2\nbatchnorm\ndense 1\nloss squared"
    #expect(try bytes(normalized, 5, .training) == 5 * (8 + 4) + 16)
    #expect(try bytes(normalized, 5, .training, .inference) == 5 * (8 + 4))
  }

  /// An executor admits what is within the limit, and names the layer that takes the most where a batch is not.
  @Test func admitsTheLimitItself() throws {
    let network = try Network(topology: row)
    func admit(
      _ examples: Int = 10, _ keeping: Keeping = .training, atOnce: Int? = nil,
      hasClassIDs: Bool = false, goesBack: Bool = false, limit: Int
    ) throws {
      var executor = Executor(network, .training, .f32, keeping: keeping)
      try executor.admit(
        examples, atOnce: atOnce, hasClassIDs: hasClassIDs, goesBack: goesBack, threads: 8,
        limit: limit)
    }
    try admit(limit: 480)
    let fault = #expect(throws: NetworkError.self) { try admit(limit: 479) }
    #expect(
      fault?.description
        == "layer 'dense2': found signals of 200 bytes, 480 in all layers, for a batch of 10, expected at "
        + "most 479 in all (NN_MAX_DOCUMENT_BYTES sets the limit)")
    // Class ids become rows of outputs.
    try admit(hasClassIDs: true, limit: 640)
    #expect(throws: NetworkError.self) { try admit(hasClassIDs: true, limit: 639) }
    // The parameters' gradients: weights and biases, 3 · 2 + 3, 5 · 3 + 5, 4 · 5 + 4.
    try admit(goesBack: true, limit: 960 + 4 * 53)
    #expect(throws: NetworkError.self) { try admit(goesBack: true, limit: 959 + 4 * 53) }
    // Four at once, 80 + 64, and the answers of the six others.
    try admit(10, .answers, atOnce: 4, limit: 144 + 6 * 16)
    #expect(throws: NetworkError.self) { try admit(10, .answers, atOnce: 4, limit: 239) }
  }

  @Test func whatWasAdmittedOnceSaysNothingOfMore() throws {
    var executor = Executor(try Network(topology: row), .training, .f32, keeping: .training)
    func isAdmitted(_ examples: Int, hasClassIDs: Bool = false) -> Bool {
      (try? executor.admit(
        examples, hasClassIDs: hasClassIDs, goesBack: false, threads: 8, limit: 480)) != nil
    }
    #expect(isAdmitted(10) && isAdmitted(9) && isAdmitted(10))
    #expect(!isAdmitted(11) && !isAdmitted(10, hasClassIDs: true) && isAdmitted(10))
  }

  @Test func numbersBeyondIntAreNone() throws {
    let network = try Network(topology: "input 1x1x1\nconv 1 1x1 pad=20000\nloss squared")
    for dtype in [DType.f32, .f64] {
      var executor = Executor(network, .training, dtype, keeping: .training)
      let fault = #expect(throws: NetworkError.self) {
        // 40,001² numbers, of each of 2⁶⁰ examples.
        try executor.admit(1 << 60, hasClassIDs: false, goesBack: true, threads: 1, limit: .max)
      }
      #expect(
        fault
          == .tooMuchMemory(
            layer: "conv1", ofLayer: nil, found: nil, examples: 1 << 60, limit: .max))
    }
    #expect(throws: NetworkError.self) {
      try network.checkMemory(ofTargets: .max, .f64, limit: .max)
    }
  }
}
