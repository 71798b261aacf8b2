import Tensors

/// The elastic displacements of one picture's pixels.
struct Displacement {
  private let height: Int
  private let width: Int
  /// The Gaussian's weights from the middle outwards: 0, 1, …, radius.
  private let weights: [Float]
  var x: [Float]
  var y: [Float]
  private var scratch: [Float]

  /// - Parameter sigma: of the Gaussian, cut at 3 σ; its weights add up to 1.
  init(height: Int, width: Int, sigma: Double) {
    self.height = height
    self.width = width
    let radius = Int(3 * sigma + 0.5)
    let bell = (0...radius).map { exponential(-Double($0 * $0) / (2 * sigma * sigma)) }
    let sum = 2 * bell.reduce(0, +) - bell[0]
    weights = bell.map { Float($0 / sum) }
    x = .init(repeating: 0, count: height * width)
    y = x
    scratch = x
  }

  /// AugmentationDraws the displacements of a picture: uniform numbers from [−1, 1), smoothed, times `strength`.
  mutating func draw(_ numbers: RandomNumbers, row: UInt64, strength: Double) {
    let pixels = height * width
    let blocks = UInt64((pixels + 3) / 4)
    for block in 0..<blocks {
      let words = numbers.block(row &* blocks &+ block)
      var pixel = Int(block) * 4
      for word in [words.0, words.1, words.2, words.3] where pixel < pixels {
        // One word makes x and y of a pixel.
        x[pixel] = Self.sides(UInt32(truncatingIfNeeded: word))
        y[pixel] = Self.sides(UInt32(truncatingIfNeeded: word >> 32))
        pixel += 1
      }
    }
    smooth(times: strength)
  }

  /// Makes displacements of the random numbers in `x` and `y`.
  mutating func smooth(times strength: Double) {
    x = smoothed(x, Float(strength))
    y = smoothed(y, Float(strength))
  }

  /// A multiple of 2⁻²³ in [−1, 1).
  private static func sides(_ bits: UInt32) -> Float { Float(bits >> 8) * 0x1p-23 - 1 }

  /// Smooths rows, then columns; outside of the picture the field is 0.
  private mutating func smoothed(_ field: consuming [Float], _ factor: Float) -> [Float] {
    let (height, width, weights) = (height, width, weights)
    let radius = weights.count - 1
    field.withUnsafeMutableBufferPointer { field in
      scratch.withUnsafeMutableBufferPointer { scratch in
        scratch.update(repeating: 0)
        for row in 0..<height {
          let reach = min(radius, width - 1)
          for distance in -reach...reach {
            let columns = max(0, -distance)..<min(width, width - distance)
            let start = row * width
            let weight = weights[abs(distance)]
            for place in start + columns.lowerBound..<start + columns.upperBound {
              scratch[place] += weight * field[place + distance]
            }
          }
        }
        field.update(repeating: 0)
        for row in 0..<height {
          for other in max(0, row - radius)...min(height - 1, row + radius) {
            let weight = factor * weights[abs(other - row)]
            let (from, into) = (other * width, row * width)
            for column in 0..<width { field[into + column] += weight * scratch[from + column] }
          }
        }
      }
    }
    return field
  }
}
