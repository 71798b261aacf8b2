import Kernels
import Networks
import Tensors
import Testing

struct NetworkTests {
  @Test func learnsByHandComputedGradient() throws {
    let network = try Network(topology: "input 2\ndense 1 sigmoid bias=no\nloss squared\n")
    let workers = try Workers(count: 1)
    let parameters = ["dense1.weight": Tensor([0.5, -0.25] as [Double], shape: [1, 2])]
    let input = try network.prepared(input: Tensor([1, 2] as [Float], shape: [1, 2]), dtype: .f64)
    let target = try network.prepared(target: Tensor([1] as [UInt8]), examples: 1, dtype: .f64)
    let signals = network.forward(input, parameters: parameters, workers: workers)
    // The sum is 0.5 · 1 − 0.25 · 2 = 0, so the output is ½ and its slope ¼.
    #expect(signals.output.doubles() == [0.5])
    #expect(network.losses(signals, target: target, workers: workers).doubles() == [0.125])
    let gradients = try network.backward(
      input: input, target: target, signals: signals, parameters: [:], keepingDeltas: true,
      workers: workers)
    #expect(gradients.parameters["dense1.weight"]?.doubles() == [-0.125, -0.25])
    #expect(gradients.deltas["dense1.error"]?.doubles() == [-0.5])
    #expect(gradients.deltas["dense1.derivative"]?.doubles() == [0.25])
    #expect(gradients.deltas["dense1.delta"]?.doubles() == [-0.125])
  }
}
