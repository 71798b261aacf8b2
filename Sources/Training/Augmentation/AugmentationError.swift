import Tensors

/// Why a batch cannot be distorted.
public enum AugmentationError: Fault, Equatable {
  case distortedAlready(String)
  case noPictures(found: Shape)
  case otherShape(found: Shape, stated: Shape)
  case shiftOutside(Int, height: Int, width: Int)
  case fillOutside(Double, DType)

  public var description: String {
    switch self {
    case .distortedAlready(let text):
      "nn.augmentation: the batch is distorted already (\(text)); "
        + "give all distortions to one nn-augment"
    case .noPictures(let found):
      "tensor 'input': found shape \(found), expected pictures [N, H, W] or [N, C, H, W]; "
        + "--shape says what flat ones are"
    case .otherShape(let found, let stated):
      "tensor 'input': found shape \(found), expected pictures of \(stated.topologyText) as --shape has it"
    case .shiftOutside(let pixels, let height, let width):
      "a shift by \(pixels) leaves nothing of a picture of \(height)x\(width)"
    case .fillOutside(let fill, let dtype):
      "--fill: found \(decimal(fill)), expected a number that \(dtype.rawValue) holds, as 'input' is"
    }
  }
}
