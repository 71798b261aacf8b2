import Compute
import Safetensors
import Tensors

/// Pictures in one piece of work; a picture's result does not depend on what else is in its piece.
private let picturesPerPiece = 8

extension Augmentation {
  /// - Throws: `DocumentError.wrongDType`; `.notFinite`; `AugmentationError.fillOutside`.
  func distorted(
    _ input: Tensor, _ layout: PictureLayout, _ draws: AugmentationDraws, _ rows: [UInt64],
    _ workers: ThreadPool
  ) throws -> Tensor {
    func result<P: Pixel>(_ type: P.Type) throws -> Tensor {
      guard let value = P.Value(exactly: P(nearest: P.Value(fill)).value), value.isFinite,
        Double(value) == fill || !(P.self is any BinaryInteger.Type)
      else { throw AugmentationError.fillOutside(fill, input.dtype) }
      var result = Tensor(uninitialized: input.shape, input.dtype)
      input.withValues(of: type) { source in
        result.withMutableValues(of: type) { result in
          workers.run(cutting: input.shape[0], into: picturesPerPiece) { pictures in
            var distortion = Distortion<P>(self, layout, draws)
            for picture in pictures {
              let numbers = picture * layout.size..<(picture + 1) * layout.size
              distortion.distort(
                .init(rebasing: source[numbers]), row: rows[picture],
                into: .init(rebasing: result[numbers]))
            }
          }
        }
      }
      try result.requireFinite(Role.input)
      return result
    }
    return switch input.dtype {
    case .u8: try result(UInt8.self)
    case .i8: try result(Int8.self)
    case .u16: try result(UInt16.self)
    case .i16: try result(Int16.self)
    case .f32: try result(Float.self)
    case .f64: try result(Double.self)
    default:
      throw DocumentError.wrongDType(
        Role.input, found: input.dtype, expected: "U8, I8, U16, I16, F32 or F64")
    }
  }
}

/// The distortion of one picture after another, with the memory that it needs on the way.
struct Distortion<P: Pixel> {
  private let augmentation: Augmentation
  private let layout: PictureLayout
  private let draws: AugmentationDraws
  private let fill: P
  private var places: Places<P.Value>
  private var displacement: Displacement?
  /// A plane with its border; see `Places`.
  private var padded: [P.Value]

  init(_ augmentation: Augmentation, _ layout: PictureLayout, _ draws: AugmentationDraws) {
    self.augmentation = augmentation
    self.layout = layout
    self.draws = draws
    fill = P(nearest: P.Value(augmentation.fill))
    let needsPlaces = !augmentation.onlyMovesPixels
    places = Places(height: needsPlaces ? layout.height : 0, width: needsPlaces ? layout.width : 0)
    displacement = augmentation.elastic.map {
      Displacement(height: layout.height, width: layout.width, sigma: $0.sigma)
    }
    padded = .init(repeating: fill.value, count: needsPlaces ? places.paddedSize : 0)
  }

  mutating func distort(
    _ source: UnsafeBufferPointer<P>, row: UInt64, into result: UnsafeMutableBufferPointer<P>
  ) {
    let geometry = Geometry(augmentation, draws, row: row)
    if augmentation.onlyMovesPixels {
      for channel in 0..<layout.channels {
        move(plane(channel, of: source), geometry, into: plane(channel, of: result))
      }
    } else {
      if let elastic = augmentation.elastic {
        let u = RandomNumbers.uniform(draws.elastic.block(row).0)
        let (numbers, strength) = (draws.displacement, elastic.strength.value(at: u))
        displacement?.draw(numbers, row: row, strength: strength)
      }
      places.find(geometry, displacement)
      for channel in 0..<layout.channels {
        pad(plane(channel, of: source))
        padded.withUnsafeBufferPointer {
          places.sample($0, into: plane(channel, of: result))
        }
      }
    }
    if let noise = augmentation.noise { addNoise(noise, row, to: result) }
    if let erasing = augmentation.erasing { erase(erasing, row, result) }
  }

  private func plane(_ channel: Int, of picture: UnsafeBufferPointer<P>) -> UnsafeBufferPointer<P> {
    .init(rebasing: picture[channel * layout.planeSize..<(channel + 1) * layout.planeSize])
  }

  private func plane(
    _ channel: Int, of picture: UnsafeMutableBufferPointer<P>
  ) -> UnsafeMutableBufferPointer<P> {
    .init(rebasing: picture[channel * layout.planeSize..<(channel + 1) * layout.planeSize])
  }

  /// Copies whole pixels to where shift and flips put them.
  private func move(
    _ source: UnsafeBufferPointer<P>, _ geometry: Geometry,
    into result: UnsafeMutableBufferPointer<P>
  ) {
    let (height, width, shift) = (layout.height, layout.width, geometry.shift)
    let columns = max(0, shift.x)..<min(width, width + shift.x)
    if shift.x != 0 || shift.y != 0 { result.update(repeating: fill) }
    for row in max(0, shift.y)..<min(height, height + shift.y) {
      let from = (geometry.flips.y ? height - 1 - (row - shift.y) : row - shift.y) * width
      let into = row * width
      if geometry.flips.x {
        let last = from + width - 1 + shift.x
        for column in columns { result[into + column] = source[last - column] }
      } else {
        let first = from - shift.x
        for column in columns { result[into + column] = source[first + column] }
      }
    }
  }

  private mutating func pad(_ plane: UnsafeBufferPointer<P>) {
    let (height, width, paddedWidth) = (layout.height, layout.width, places.paddedWidth)
    padded.withUnsafeMutableBufferPointer { padded in
      for row in 0..<height {
        let (from, into) = (row * width, (row + 1) * paddedWidth + 1)
        for column in 0..<width { padded[into + column] = plane[from + column].value }
      }
    }
  }

  /// Adds normally distributed numbers; every number of the picture, in each channel, has its own.
  private func addNoise(
    _ range: ClosedRange<Double>, _ row: UInt64, to picture: UnsafeMutableBufferPointer<P>
  ) {
    let deviation = range.value(at: RandomNumbers.uniform(draws.noise.block(row).0))
    let blocks = UInt64((picture.count + 3) / 4)
    for block in 0..<blocks {
      let words = draws.noiseValues.block(row &* blocks &+ block)
      let (a, b) = normals(words.0, words.1)
      let (c, d) = normals(words.2, words.3)
      let first = Int(block) * 4
      let values = SIMD4(a, b, c, d)
      for place in first..<min(first + 4, picture.count) {
        let changed = picture[place].value + P.Value(deviation * values[place - first])
        picture[place] = P(nearest: changed)
      }
    }
  }

  /// Fills a rectangle of a drawn area and ratio of height to width, wholly inside of the picture, with `fill`.
  ///
  /// The source draws ratios from 0.3 to 1/0.3 until the rectangle fits; here their range is cut to those that fit.
  private func erase(
    _ erasing: Erasing, _ row: UInt64, _ picture: UnsafeMutableBufferPointer<P>
  ) {
    let words = draws.erasing.block(row)
    guard RandomNumbers.uniform(words.0) < erasing.probability else { return }
    let (height, width) = (Double(layout.height), Double(layout.width))
    let area = height * width * erasing.area.value(at: RandomNumbers.uniform(words.1))
    guard area > 0 else { return }
    let fitting = area / (width * width)...max(area / (width * width), height * height / area)
    let ratio = (0.3...1 / 0.3).clamped(to: fitting).factor(at: RandomNumbers.uniform(words.2))
    let rows = min(layout.height, max(1, Int((area * ratio).squareRoot().rounded())))
    let columns = min(layout.width, max(1, Int((area / ratio).squareRoot().rounded())))
    let place = draws.erasedPlace.block(row)
    let top = (0...layout.height - rows).value(at: place.0)
    let left = (0...layout.width - columns).value(at: place.1)
    for channel in 0..<layout.channels {
      for line in top..<top + rows {
        let start = channel * layout.planeSize + line * layout.width + left
        for pixel in start..<start + columns { picture[pixel] = fill }
      }
    }
  }
}
