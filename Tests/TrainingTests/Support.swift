import Safetensors
import Tensors

/// A dataset of `count` rows of two numbers, row i being (i, 10 i), with class i modulo 3.
func makeDataset(_ count: Int) -> Document {
  var document = Document(kind: .dataset)
  document.tensors["input"] = Tensor(
    (0..<count).flatMap { [Float($0), Float(10 * $0)] }, shape: [count, 2])
  document.tensors["target"] = Tensor((0..<count).map { Int64($0 % 3) })
  return document
}

/// A model with one weight of shape [1, 2] and the topology `net`.
func makeModel(_ weight: [Double] = [1, 2]) -> Document {
  var document = Document(kind: .model)
  document[.topology] = "net"
  document[.epoch] = "0"
  document[.step] = "0"
  document[.seed] = "1"
  document[.lineage] = "start seed=1 dtype=f64"
  document.tensors["dense1.weight"] = Tensor(weight, shape: [1, 2])
  return document
}

/// The gradient of step `step` of 4 of the second epoch, over two examples.
func makeGradient(_ weight: [Double] = [0.5, -1], step: Int = 1) -> Document {
  var document = Document(kind: .gradient)
  document[.topology] = "net"
  document[.epoch] = "2"
  document[.step] = String(step)
  document[.steps] = "4"
  document[.seed] = "7"
  document[.data] = "abc"
  document[.batching] = "size=2 shuffle=yes"
  document[.examples] = "2"
  document[.loss] = "3"
  document.tensors["dense1.weight"] = Tensor(weight, shape: [1, 2])
  return document
}

/// A model of two layers, the first of which keeps a statistic.
func makeLayers() -> Document {
  var document = Document(kind: .model)
  document[.topology] = "net"
  document[.epoch] = "0"
  document[.step] = "0"
  document.tensors["conv1.weight"] = Tensor([1, 2] as [Double], shape: [1, 2])
  document.tensors["conv1.running_mean"] = Tensor([4] as [Double])
  document.tensors["dense1.weight"] = Tensor([3, 4] as [Double], shape: [2, 1])
  return document
}

/// A gradient of the batch, over two examples.
func makeLayersGradient(epoch: Int = 1, step: Int = 1) -> Document {
  var document = Document(kind: .gradient)
  document[.topology] = "net"
  (document[.epoch], document[.step], document[.steps]) = ("\(epoch)", "\(step)", "2")
  (document[.examples], document[.loss]) = ("2", "3")
  document.tensors["conv1.weight"] = Tensor([6, 0] as [Double], shape: [1, 2])
  document.tensors["conv1.running_mean"] = Tensor([1] as [Double])
  document.tensors["dense1.weight"] = Tensor([0, 8] as [Double], shape: [2, 1])
  return document
}
