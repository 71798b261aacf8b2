import Kernels
import Layers
import Networks
import Products
import Tensors
import Testing

/// What a network answers, on the way that keeps nothing.
struct AnswerPassTests {
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
    let workers = Workers(count: 2)
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
      let input = numbers([examples, 2, 6, 6], seed: 1).converted(to: dtype)
      let pass = Pass(mode, workers)
      let expected = network.forward(input, parameters: parameters, pass)
      let best = AnswerPass(network, mode, dtype).signals(
        of: input, parameters: parameters, pass)
      #expect(best.output == expected.output && best.sum == expected.sum)
      let plain = AnswerPass(network, mode, dtype, nil).signals(
        of: input, parameters: parameters, pass)
      #expect(plain.output == expected.output && plain.outputs.count == 1)
    }
  }

  /// Bytes become numbers in the first layers, of which there may be several, and not before.
  @Test(arguments: [16, 5]) func bytesAreTakenAsTheNumbersThatTheyAre(examples: Int) throws {
    let workers = Workers(count: 2)
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
      let kept = try network.prepared(input: bytes, dtype: dtype, keepingBytes: true)
      #expect(kept.dtype == .u8)
      let input = try network.prepared(input: bytes, dtype: dtype)
      let pass = Pass(.inference, workers)
      let answers = AnswerPass(network, .inference, dtype)
      #expect(
        answers.signals(of: kept, parameters: parameters, pass).output
          == network.forward(input, parameters: parameters, pass).output)
    }
    let other = try Network(topology: "input 16\ndense 2\nloss squared")
    let bytes = Tensor([UInt8](repeating: 3, count: 16), shape: [1, 16])
    #expect(try other.prepared(input: bytes, dtype: .f32, keepingBytes: true).dtype == .f32)
  }
}

private struct Square: ElementFunction {
  func callAsFunction<R: Real>(_ x: R) -> R { x * x + 0.5 }
}
