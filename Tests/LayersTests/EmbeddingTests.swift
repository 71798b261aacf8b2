import Comparison
import Compute
import Foundation
import Layers
import Tensors
import Testing

struct EmbeddingTests {
  let context: Context

  init() throws { context = Context(.training, ThreadPool(count: 2)) }

  private let weight = Tensor([1, 2, 3, 4, 5, 6, 7, 8] as [Double], shape: [4, 2])

  @Test(arguments: [DType.u8, .i8, .u16, .i16, .u32, .i32, .u64, .i64])
  func everyIDBecomesItsRow(dtype: DType) throws {
    let layer = try layer(Embedding.self, "embedding 4 2", input: [3])
    let ids = ids([3, 0, 3, 1, 1, 2], dtype).reshaped([2, 3])
    try layer.check(input: ids)
    #expect(layer.accepts(dtype) && layer.output == [3, 2])
    #expect(
      layer.forward(ids, ["weight": weight], context).sum
        == Tensor([7, 8, 1, 2, 7, 8, 3, 4, 3, 4, 5, 6] as [Double], shape: [2, 3, 2]))
  }

  /// Id 3 stands twice, id 2 nowhere.
  @Test func gradientsOfRepeatedIDsAddUp() throws {
    let layer = try layer(Embedding.self, "embedding 4 2", input: [3])
    let found = layer.backward(
      delta: Tensor([1, 2, 10, 20, 100, 200] as [Double], shape: [1, 3, 2]),
      input: Tensor([3, 0, 3] as [Int64], shape: [1, 3]), kept: [:], [:],
      wantsInputGradient: false, context)
    #expect(
      found.parameters["weight"]
        == Tensor([10, 20, 0, 0, 0, 0, 101, 202] as [Double], shape: [4, 2]))
  }

  @Test(arguments: [DType.f32, .f64]) func threadsLeaveNoMark(dtype: DType) throws {
    let layer = try layer(Embedding.self, "embedding 11 70", input: [5, 3])
    let weight = numbers([11, 70], seed: 1).converted(to: dtype)
    let ids = Tensor((0..<40 * 15).map { Int64($0 * 7 % 11) }, shape: [40, 5, 3])
    let delta = numbers([40, 5, 3, 70], seed: 2).converted(to: dtype)
    let results = [1, 2, 5].map { threads in
      let context = Context(.training, ThreadPool(count: threads))
      let output = layer.forward(ids, ["weight": weight], context).sum
      let gradient = layer.backward(
        delta: delta, input: ids, kept: [:], [:], wantsInputGradient: false, context)
      return [output, gradient.parameters["weight"]]
    }
    #expect(results[0] == results[1] && results[0] == results[2])
  }

  struct Case: Decodable {
    let ids: [Int64]
    let shape, output: [Int]
    let weight, values, delta, gradient: [Double]
  }

  /// By `embedding.py`.
  @Test func doublesAreThoseOfPyTorch() throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/embedding.json")
    let expected = try JSONDecoder().decode(Case.self, from: Data(contentsOf: file))
    let width = expected.output[expected.output.count - 1]
    let count = expected.weight.count / width
    let layer = try layer(
      Embedding.self, "embedding \(count) \(width)", input: Shape(expected.shape).perExample)
    let ids = Tensor(expected.ids, shape: Shape(expected.shape))
    let weight = Tensor(expected.weight, shape: [count, width])
    let output = layer.forward(ids, ["weight": weight], context).sum
    #expect(output == Tensor(expected.values, shape: Shape(expected.output)))
    let found = layer.backward(
      delta: Tensor(expected.delta, shape: Shape(expected.output)), input: ids, kept: [:], [:],
      wantsInputGradient: false, context)
    #expect(
      mismatch(
        found.parameters["weight"]!, Tensor(expected.gradient, shape: [count, width]),
        relative: 1e-14, absolute: 1e-15) == nil)
  }

  @Test func idsOutsideAreRefused() throws {
    let layer = try layer(Embedding.self, "embedding 4 2", input: [3])
    func message(_ input: Tensor) -> String? {
      #expect(throws: LayerError.self) { try layer.check(input: input) }?.description
    }
    #expect(
      message(Tensor([0, 1, 2, 3, 4, 0] as [UInt8], shape: [2, 3]))
        == "tensor 'input': found id 4 in row 1 at step 1, expected ids from 0 to 3")
    #expect(
      message(Tensor([0, 1, -2] as [Int32], shape: [1, 3]))
        == "tensor 'input': found id -2 in row 0 at step 2, expected ids from 0 to 3")
    #expect(
      message(Tensor([0, 1, 2] as [Float], shape: [1, 3]))
        == "tensor 'input': found dtype F32, expected integers, which are ids")
    let single = try LayersTests.layer(Embedding.self, "embedding 4 2", input: [1])
    #expect(
      #expect(throws: LayerError.self) {
        try single.check(input: Tensor([UInt64.max], shape: [1, 1]))
      }?.description.hasPrefix("tensor 'input': found id 1") == true)
  }

  @Test func statesItsParameters() throws {
    let layer = try layer(Embedding.self, "embedding 7 5", input: [2, 3])
    #expect(layer.output == [2, 3, 5])
    #expect(layer.parameters == [Parameter("weight", [7, 5], .spread(fanIn: 5, fanOut: 5))])
  }

  @Test(arguments: ["embedding 4", "embedding 0 2", "embedding 4 x", "embedding 65536 65536"])
  func refusesLine(line: String) {
    #expect(throws: TopologyError.self) { try layer(Embedding.self, line, input: [3]) }
  }

  @Test func standsFirst() {
    #expect {
      try layer(
        Embedding.self, "embedding 4 2", inputs: [LayerInput(name: "scale1", shape: [3])])
    } throws: {
      "\($0)"
        == "line 1, column 1: 'embedding' of 'scale1', expected the network's input: ids pass "
        + "through no layer"
    }
  }

  private func ids(_ values: [Int], _ dtype: DType) -> Tensor {
    switch dtype {
    case .u8: Tensor(values.map(UInt8.init))
    case .i8: Tensor(values.map(Int8.init))
    case .u16: Tensor(values.map(UInt16.init))
    case .i16: Tensor(values.map(Int16.init))
    case .u32: Tensor(values.map(UInt32.init))
    case .i32: Tensor(values.map(Int32.init))
    case .u64: Tensor(values.map(UInt64.init))
    default: Tensor(values.map(Int64.init))
    }
  }
}
