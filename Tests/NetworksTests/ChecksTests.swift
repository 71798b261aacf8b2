import Compute
import Layers
import Networks
import Tensors
import Testing

struct ChecksTests {
  let network: Network
  let parameters: [String: Tensor]

  init() throws {
    network = try Network(
      topology: "input 1x2x3\ndense 4 tanh\ndense 3 softmax bias=no\nloss cross-entropy")
    parameters = network.initialParameters(seed: 1, dtype: .f32)
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch { return "\(error)" }
  }

  // MARK: Parameters

  @Test func refusesAMissingParameter() {
    var tensors = parameters
    tensors["dense1.bias"] = nil
    #expect(
      message { try network.checkParameters(tensors) }
        == "tensor 'dense1.bias': missing, expected shape [4]")
  }

  @Test func refusesAnUnknownParameter() {
    var tensors = parameters
    tensors["dense2.bias"] = Tensor(zeros: [3], .f32)
    #expect(
      message { try network.checkParameters(tensors) }
        == "tensor 'dense2.bias': not in the topology")
  }

  @Test func refusesAWeightWithSwappedAxes() {
    var tensors = parameters
    tensors["dense1.weight"] = Tensor(zeros: [6, 4], .f32)
    #expect(
      message { try network.checkParameters(tensors) }
        == "tensor 'dense1.weight': found shape [6, 4], expected [4, 6]")
  }

  @Test func refusesMixedAndUnrealTypes() {
    var tensors = parameters
    tensors["dense2.weight"] = Tensor(zeros: [3, 4], .f64)
    #expect(
      message { try network.checkParameters(tensors) }
        == "tensor 'dense2.weight': found dtype F64, expected F32 like the others")
    tensors["dense1.weight"] = Tensor(zeros: [4, 6], .f16)
    #expect(
      message { try network.checkParameters(tensors) }
        == "tensor 'dense1.weight': found dtype F16, expected F32 or F64")
  }

  // MARK: Traces

  @Test func refusesTensorsThatATraceLacks() throws {
    let tensors = [
      "dense1.output": Tensor(zeros: [2, 4], .f32), "dense2.output": Tensor(zeros: [2, 3], .f32),
      "dense2.sum": Tensor(zeros: [2, 3], .f32), "dense2.weight": Tensor(zeros: [3, 4], .f32),
    ]
    let input = try network.prepared(input: Tensor(zeros: [2, 6], .f32), dtype: .f32)
    func read(_ changes: [String: Tensor?]) throws -> String {
      let context = Context(.training, ThreadPool(count: 1))
      var executor = Executor(network, .training, .f32, keeping: .training, nil)
      var changed = tensors
      for (name, tensor) in changes { changed[name] = tensor }
      return message { try executor.load(changed, input: input, brief: false, context) }
    }
    #expect(try read([:]) == "no error")
    #expect(
      try read(["dense2.sum": nil]) == "tensor 'dense2.sum': missing, expected shape [2, 3]")
    #expect(
      try read(["dense2.sum": Tensor(zeros: [3, 3], .f32)])
        == "tensor 'dense2.sum': found shape [3, 3], expected [2, 3]")
    #expect(
      try read(["dense1.output": nil]) == "tensor 'dense1.output': missing, expected shape [2, 4]")
    #expect(
      try read(["dense1.output": Tensor(zeros: [2, 4], .f64)])
        == "tensor 'dense1.output': found dtype F64, expected F32 like the others")
    #expect(
      try read(["dense2.weight": nil]) == "tensor 'dense2.weight': missing, expected shape [3, 4]")
    #expect(
      try read(["dense2.weight": Tensor(zeros: [3, 4], .f64)])
        == "tensor 'dense2.weight': found dtype F64, expected F32 like the others")
  }

  // MARK: Input

  @Test(arguments: [[5, 6], [5, 1, 2, 3], [5, 2, 3], [5, 2, 1, 3], [5, 2, 3, 1, 1]])
  func inputFitsUpToAxesOfLengthOneOrFlat(shape: [Int]) throws {
    let input = Tensor((0..<30).map { UInt8($0) }, shape: Shape(shape))
    #expect(
      try network.prepared(input: input, dtype: .f32)
        == Tensor((0..<30).map { Float($0) }, shape: [5, 1, 2, 3]))
  }

  @Test(arguments: [[5, 3, 2], [5, 5], [5, 6, 6], [5], [6, 5], [30], [0, 5]])
  func refusesInputOfAnotherShape(shape: [Int]) {
    let input = Tensor(zeros: Shape(shape), .f32)
    #expect(
      message { _ = try network.prepared(input: input, dtype: .f32) }
        == "tensor 'input': found shape \(shape), expected [\(shape[0]), 1, 2, 3] "
        + "for layer 'dense1'")
  }

  @Test func refusesInputThatIsNoFiniteNumber() {
    var values = [Double](repeating: 1, count: 12)
    values[10] = .nan
    let input = Tensor(values, shape: [2, 1, 2, 3])
    #expect(
      message { _ = try network.prepared(input: input, dtype: .f64) }
        == "tensor 'input': found nan in example 1 at [0, 1, 1], expected numbers that are finite "
        + "in F64")
    values[10] = 1e300
    let large = Tensor(values, shape: [2, 6])
    #expect(message { _ = try network.prepared(input: large, dtype: .f64) } == "no error")
    #expect(
      message { _ = try network.prepared(input: large, dtype: .f32) }
        == "tensor 'input': found 1e+300 in example 1 at [4], expected numbers that are finite "
        + "in F32")
    #expect(
      message { _ = try network.prepared(input: Tensor(zeros: [2, 6], .c64), dtype: .f32) }
        == "tensor 'input': found dtype C64, expected real numbers")
    #expect(
      message { _ = try network.prepared(input: Tensor(zeros: [0, 6], .f32), dtype: .f32) }
        == "tensor 'input': found 0 examples, expected at least 1")
    #expect(
      message { _ = try network.prepared(input: Tensor(zeros: [], .f32), dtype: .f32) }
        == "tensor 'input': found shape [], expected [0, 1, 2, 3] for layer 'dense1'")
  }

  // MARK: Target

  @Test func classIdsBecomeOneHot() throws {
    let expected = Tensor([0, 0, 1, 1, 0, 0] as [Float], shape: [2, 3])
    #expect(
      try network.prepared(target: Tensor([2, 0] as [UInt8]), examples: 2, dtype: .f32) == expected)
    #expect(
      try network.prepared(
        target: Tensor([2, 0] as [Int64], shape: [2, 1]), examples: 2, dtype: .f32) == expected)
    #expect(
      message {
        _ = try network.prepared(target: Tensor([2, 3] as [UInt8]), examples: 2, dtype: .f32)
      } == "tensor 'target': class id 3 in row 1, expected 0 to 2")
  }

  @Test func realTargetsAreTakenAsTheyAre() throws {
    let target = Tensor([0.5, 0.25, 0.25] as [Double], shape: [1, 3])
    #expect(
      try network.prepared(target: target, examples: 1, dtype: .f32) == target.converted(to: .f32))
    #expect(
      message {
        _ = try network.prepared(
          target: Tensor([1, 1, 0] as [Float], shape: [1, 3]), examples: 1, dtype: .f32)
      } == "tensor 'target': row 0 adds up to 2.0, expected 1 for loss 'cross-entropy'")
    #expect(
      message {
        _ = try network.prepared(
          target: Tensor([0, .infinity, 0] as [Float], shape: [1, 3]), examples: 1, dtype: .f32)
      }
        == "tensor 'target': found inf in example 0 at [1], expected numbers that are finite in F32"
    )
  }

  @Test func refusesTargetsOfAnotherShape() {
    func prepare(_ target: Tensor) -> String {
      message { _ = try network.prepared(target: target, examples: 2, dtype: .f32) }
    }
    #expect(
      prepare(Tensor(zeros: [3, 3], .f32))
        == "tensor 'target': found shape [3, 3], expected [2, 3] for layer 'dense2'")
    #expect(
      prepare(Tensor(zeros: [2, 4], .f32))
        == "tensor 'target': found shape [2, 4], expected [2, 3] for layer 'dense2'")
    #expect(
      prepare(Tensor(zeros: [2], .f32))
        == "tensor 'target': found shape [2], expected [2, 3] for layer 'dense2'")
    #expect(
      prepare(Tensor(zeros: [2, 3], .u8))
        == "tensor 'target': found shape [2, 3], expected [2] for layer 'dense2'")
  }

  @Test func aSingleOutputTakesIdsZeroAndOne() throws {
    let single = try Network(
      topology: "input 2\ndense 1 sigmoid\nloss binary-cross-entropy")
    let expected = Tensor([0, 1, 1] as [Double], shape: [3, 1])
    for target in [
      Tensor([0, 1, 1] as [Int32]), Tensor([0, 1, 1] as [Float]),
      Tensor([0, 1, 1] as [Float], shape: [3, 1]),
      Tensor(dtype: .bool, shape: [3], storage: bools, offset: 0),
    ] {
      #expect(try single.prepared(target: target, examples: 3, dtype: .f64) == expected)
    }
    #expect(
      message {
        _ = try single.prepared(target: Tensor([0, 2] as [UInt8]), examples: 2, dtype: .f64)
      } == "tensor 'target': class id 2 in row 1, expected 0 to 1")
    #expect(
      message {
        _ = try single.prepared(target: Tensor([0, 2] as [Float]), examples: 2, dtype: .f64)
      }
        == "tensor 'target': found 2.0 in row 1 at [0], expected numbers from 0 to 1 for loss "
        + "'binary-cross-entropy'")
  }

  private var bools: Storage {
    let storage = Storage(byteCount: 3)
    storage.bytes.copyBytes(from: [0, 1, 1])
    return storage
  }
}
