import Tensors

/// Where one picture's pixels come from: the drawn distortions, as a map from the result back to the picture.
struct Geometry {
  /// (R · K · S · F)⁻¹, row by row; y points down.
  let inverse: (xx: Double, xy: Double, yx: Double, yy: Double)
  /// Whole pixels to the right and down.
  let shift: (x: Int, y: Int)
  /// Whether left and right, top and bottom are exchanged.
  let flips: (x: Bool, y: Bool)

  init(_ augmentation: Augmentation, _ draws: AugmentationDraws, row: UInt64) {
    func uniform(_ numbers: RandomNumbers) -> Double {
      RandomNumbers.uniform(numbers.block(row).0)
    }
    if let range = augmentation.shift {
      let words = draws.shift.block(row)
      shift = (range.value(at: words.0), range.value(at: words.1))
    } else {
      shift = (0, 0)
    }
    if augmentation.flip != nil || augmentation.verticalFlip != nil {
      let words = draws.flip.block(row)
      flips = (
        RandomNumbers.uniform(words.0) < augmentation.flip ?? 0,
        RandomNumbers.uniform(words.1) < augmentation.verticalFlip ?? 0
      )
    } else {
      flips = (false, false)
    }
    let scale = augmentation.scale?.factor(at: uniform(draws.scale)) ?? 1
    let stretch = augmentation.stretch?.factor(at: uniform(draws.stretch)).squareRoot() ?? 1
    let (width, height) = (scale * stretch, scale / stretch)
    let lean = tangent(degrees: augmentation.shear?.value(at: uniform(draws.shear)) ?? 0)
    let (s, c) = sineAndCosine(
      degrees: augmentation.rotation?.value(at: uniform(draws.rotation)) ?? 0)
    let (x, y) = (flips.x ? -1 / width : 1 / width, flips.y ? -1 / height : 1 / height)
    inverse = ((c + lean * s) * x, (lean * c - s) * x, s * y, c * y)
  }
}

/// The places in a picture that the pixels of the result are fetched from, and their bilinear weights.
///
/// The picture lies in a plane with a border of `fill`, one pixel wide before it and two behind: whatever is outside is
/// moved to the border, so that no place needs to be asked whether it is inside.
struct Places<Value: BinaryFloatingPoint> {
  let height: Int
  let width: Int
  var paddedWidth: Int { width + 3 }
  var paddedSize: Int { (height + 3) * paddedWidth }

  /// Of the pixel up and left of the place, within the padded plane.
  private(set) var offsets: [Int32]
  /// How far the place lies right of and below it, from [0, 1).
  private(set) var right: [Value]
  private(set) var below: [Value]

  init(height: Int, width: Int) {
    self.height = height
    self.width = width
    offsets = .init(repeating: 0, count: height * width)
    right = .init(repeating: 0, count: height * width)
    below = .init(repeating: 0, count: height * width)
  }

  /// - Parameter displacement: x and y of every pixel; nil for none.
  mutating func find(_ geometry: Geometry, _ displacement: Displacement?) {
    let (height, width, paddedWidth) = (height, width, paddedWidth)
    let (m, t) = (geometry.inverse, geometry.shift)
    let (centerX, centerY) = (Double(width - 1) / 2, Double(height - 1) / 2)
    let (lastX, lastY) = (Double(width + 1), Double(height + 1))
    offsets.withUnsafeMutableBufferPointer { offsets in
      right.withUnsafeMutableBufferPointer { right in
        below.withUnsafeMutableBufferPointer { below in
          for row in 0..<height {
            let y = Double(row - t.y) - centerY
            let (startX, startY) = (m.xy * y + centerX + 1, m.yy * y + centerY + 1)
            for column in 0..<width {
              let x = Double(column - t.x) - centerX
              let pixel = row * width + column
              var placeX = m.xx * x + startX
              var placeY = m.yx * x + startY
              if let displacement {
                placeX += Double(displacement.x[pixel])
                placeY += Double(displacement.y[pixel])
              }
              placeX = min(max(placeX, 0), lastX)
              placeY = min(max(placeY, 0), lastY)
              let (left, top) = (Int32(placeX), Int32(placeY))
              offsets[pixel] = top * Int32(paddedWidth) + left
              right[pixel] = Value(placeX - Double(left))
              below[pixel] = Value(placeY - Double(top))
            }
          }
        }
      }
    }
  }

  /// The values at the places, of a padded plane.
  func sample<P: Pixel>(
    _ plane: UnsafeBufferPointer<Value>, into result: UnsafeMutableBufferPointer<P>
  ) where P.Value == Value {
    offsets.withUnsafeBufferPointer { offsets in
      right.withUnsafeBufferPointer { right in
        below.withUnsafeBufferPointer { below in
          for pixel in 0..<height * width {
            let corner = Int(offsets[pixel])
            let next = corner + paddedWidth
            let (x, y) = (right[pixel], below[pixel])
            let upper = plane[corner] + x * (plane[corner + 1] - plane[corner])
            let lower = plane[next] + x * (plane[next + 1] - plane[next])
            result[pixel] = P(nearest: upper + y * (lower - upper))
          }
        }
      }
    }
  }
}
