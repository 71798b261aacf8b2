import Safetensors
import Tensors

/// The random numbers of a batch: block `row` of a purpose for what a picture needs one of, and for what every pixel needs
/// the blocks from `row` times the number of blocks in a picture.
struct AugmentationDraws {
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
