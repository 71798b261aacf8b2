import Compute
import Safetensors
import Tensors

@testable import Training

/// A batch of pictures, with the rows 0, 1, … unless others are given.
func makeBatch(
  _ input: Tensor, rows: [Int64]? = nil, seed: String = "1", epoch: String = "1"
) -> Document {
  var batch = Document(kind: .batch)
  batch.tensors["input"] = input
  batch.tensors["index"] = Tensor(rows ?? (0..<Int64(input.shape[0])).map { $0 })
  batch[.seed] = seed
  batch[.epoch] = epoch
  return batch
}

/// The distorted input of the batch.
func distorted(
  _ batch: Document, threads: Int = 2, _ change: (inout Augmentation) -> Void
) throws -> Tensor {
  var augmentation = Augmentation()
  change(&augmentation)
  return try augmentation.distorted(batch, ThreadPool(count: threads)).tensor("input")
}

func distorted(_ input: Tensor, _ change: (inout Augmentation) -> Void) throws -> Tensor {
  try distorted(makeBatch(input), change)
}

/// Pictures whose pixels are all different, as far as bytes go.
func bytes(_ shape: Shape) -> Tensor {
  Tensor((0..<shape.count).map { UInt8($0 * 7 % 251 + 1) }, shape: shape)
}

/// One with every distortion.
func everything() -> Augmentation {
  var all = Augmentation()
  all.shift = -2...2
  all.rotation = -20...20
  all.scale = 0.8...1.25
  all.stretch = 0.8...1.25
  all.shear = -10...10
  all.flip = 0.5
  all.verticalFlip = 0.5
  all.elastic = Elastic(strength: 5...10, sigma: 2)
  all.noise = 1...20
  all.erasing = Erasing(area: 0.05...0.3, probability: 0.7)
  all.fill = 3
  return all
}
