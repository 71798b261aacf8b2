import Tensors

/// How the numbers of one example lie as a picture.
struct PictureLayout {
  let channels: Int
  let height: Int
  let width: Int

  var planeSize: Int { height * width }
  var size: Int { channels * planeSize }

  /// - Parameter shape: of the whole batch.
  /// - Throws: `AugmentationError` when it is not that of pictures.
  init(of shape: Shape, _ augmentation: Augmentation) throws {
    guard shape.rank > 0, shape.count > 0 else { throw AugmentationError.noPictures(found: shape) }
    let example = shape.perExample
    let picture: Shape
    if let stated = augmentation.shape {
      guard stated.count == example.count, example.rank == 1 || example.squeezed == stated.squeezed
      else { throw AugmentationError.otherShape(found: shape, stated: stated) }
      picture = stated
    } else if 2...3 ~= example.rank {
      picture = example
    } else if !augmentation.changesGeometry && augmentation.erasing == nil {
      picture = [1, example.count]
    } else {
      throw AugmentationError.noPictures(found: shape)
    }
    channels = picture.rank == 3 ? picture[0] : 1
    height = picture[picture.rank - 2]
    width = picture[picture.rank - 1]
    if let shift = augmentation.shift {
      let largest = max(abs(shift.lowerBound), abs(shift.upperBound))
      if largest >= min(height, width) {
        throw AugmentationError.shiftOutside(largest, height: height, width: width)
      }
    }
  }
}
