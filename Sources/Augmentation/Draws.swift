import Documents
import Random
import Safetensors
import Tensors

/// The random numbers of a batch: block `row` of a purpose for what a picture needs one of, and for what every pixel needs
/// the blocks from `row` times the number of blocks in a picture.
struct Draws {
  let shift, rotation, scale, stretch, shear, flip: RandomNumbers
  let elastic, displacement, noise, noiseValues, erasing, erasedPlace: RandomNumbers

  /// - Throws: `DocumentError` when the batch does not say its seed and epoch.
  init(for batch: Document) throws {
    let text = try batch.text(.seed)
    guard let seed = UInt64(text), String(seed) == text else {
      throw DocumentError.malformed(
        .seed, found: text, expected: "a whole number from 0 to \(UInt64.max)")
    }
    let epoch = UInt64(try batch.integer(.epoch))
    func numbers(_ what: String) -> RandomNumbers {
      RandomNumbers(seed: seed, purpose: "augment.\(what)", stream: epoch)
    }
    shift = numbers("shift")
    rotation = numbers("rotate")
    scale = numbers("scale")
    stretch = numbers("stretch")
    shear = numbers("shear")
    flip = numbers("flip")
    elastic = numbers("elastic")
    displacement = numbers("elastic.field")
    noise = numbers("noise")
    noiseValues = numbers("noise.values")
    erasing = numbers("erase")
    erasedPlace = numbers("erase.place")
  }
}

/// The rows of the dataset that a batch's pictures are.
struct Rows {
  private let values: [Int64]

  /// - Throws: `DocumentError` or `AugmentationFault` when `index` is missing or not what it should be.
  init(of batch: Document, count: Int) throws {
    let index = try batch.tensor(Role.index)
    guard index.dtype == .i64 else {
      throw DocumentError.wrongDType(Role.index, found: index.dtype, expected: "I64")
    }
    try index.requireExamples(count, as: Role.index)
    guard index.shape.rank == 1 else {
      throw DocumentError.wrongShape(Role.index, found: index.shape, expected: "[\(count)]")
    }
    values = index.values(of: Int64.self)
    if let row = values.first(where: { $0 < 0 }) { throw AugmentationFault.negativeRow(row) }
  }

  subscript(picture: Int) -> UInt64 { UInt64(values[picture]) }
}

extension ClosedRange<Double> {
  /// The place of u, from [0, 1), within the range.
  func value(at u: Double) -> Double {
    Swift.min(upperBound, lowerBound + u * (upperBound - lowerBound))
  }

  /// The same, with the logarithm evenly spread: a factor and its inverse are equally likely.
  func factor(at u: Double) -> Double {
    if lowerBound == upperBound { return lowerBound }
    let power = lowerBound * exponential(u * logarithm(upperBound / lowerBound))
    return Swift.min(upperBound, Swift.max(lowerBound, power))
  }
}

extension ClosedRange<Int> {
  /// The whole number that 64 random bits stand for.
  func value(at bits: UInt64) -> Int {
    lowerBound + Int(bits.multipliedFullWidth(by: UInt64(count)).high)
  }
}
