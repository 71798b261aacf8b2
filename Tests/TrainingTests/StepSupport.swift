import Compute
import Networks
import Safetensors
import Tensors

@testable import Training

let digitsTopology = """
  input 4
  scale 1/2
  dense 3 tanh
  dense 2 softmax
  loss cross-entropy
  """

/// A batch of `count` rows of four numbers with classes 0 and 1.
func makeBatch(_ count: Int, width: Int = 4) -> Document {
  var document = Document(kind: .batch)
  document.tensors["input"] = Tensor(
    (0..<count * width).map { Float($0 * 7919 % 17) / 8 - 1 }, shape: [count, width])
  document.tensors["target"] = Tensor((0..<count).map { Int64($0 % 2) })
  document.tensors["index"] = Tensor((0..<count).map { Int64($0) })
  document[.epoch] = "1"
  document[.step] = "1"
  document[.steps] = "3"
  document[.seed] = "1"
  document[.data] = "abc"
  document[.batching] = "size=\(count) shuffle=yes"
  return document
}

func startedModel(
  _ topology: String = digitsTopology, dtype: DType = .f32, seed: UInt64 = 1
) throws -> Model {
  try startModel(of: Network(topology: topology), seed: seed, dtype: dtype, .drawn())
}

func makeWorkers() throws -> ThreadPool { ThreadPool(count: 1) }

/// The trace of a batch.
func makeTrace(_ model: Model, of batch: Document) throws -> Document {
  var forward = try Forward(model, makeWorkers())
  return try forward.trace(of: batch)
}
