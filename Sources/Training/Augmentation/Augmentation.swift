import Compute
import Safetensors
import Tensors

/// How the pictures of a batch are distorted: the same thing seen in other places, sizes, proportions and lights.
///
/// What happens to a picture is a pure function of the batch's seed and epoch and of the picture's row in the dataset: it
/// does not depend on the batch that the row is in, on the threads, or on the program that does it. In this order:
///
/// 1. The geometric distortions, combined into one map and sampled once: a pixel p of the result (from the centre) is the
///    picture's value at (R · K · S · F)⁻¹ · (p − t) + d(p); F flips, S scales and stretches, K shears, R rotates, t is the
///    shift, d the elastic displacement. Between pixels the value is bilinear, outside of the picture it is `fill`.
/// 2. Noise.
/// 3. Erasing.
///
/// Each leaves a picture of the input's type: integers are rounded to nearest, ties to even, and clamped.
public struct Augmentation: Sendable {
  /// Whole pixels to the right and, drawn by itself, down. Whole ones, as a fraction of a pixel blurs.
  public var shift: ClosedRange<Int>?
  /// Degrees, counter-clockwise.
  public var rotation: ClosedRange<Double>?
  /// Factor of width and height; its logarithm is drawn uniformly, as that of `stretch`.
  public var scale: ClosedRange<Double>?
  /// Factor of the ratio of width to height: the width is multiplied by its root, and the height divided.
  public var stretch: ClosedRange<Double>?
  /// Degrees by which upright lines lean to the right.
  public var shear: ClosedRange<Double>?
  /// Probability that left and right are exchanged.
  public var flip: Double?
  /// Probability that top and bottom are exchanged.
  public var verticalFlip: Double?
  public var elastic: Elastic?
  /// Standard deviation of a Gaussian added to every number, in the input's own units.
  public var noise: ClosedRange<Double>?
  public var erasing: Erasing?
  /// What is outside of a picture, and in an erased rectangle.
  public var fill = 0.0
  /// [H, W] or [C, H, W] of pictures that arrive flat.
  public var shape: Shape?

  /// No distortion yet.
  public init() {}

  /// Whether there is nothing to do.
  public var isEmpty: Bool { !changesGeometry && noise == nil && erasing == nil }

  /// Whether only whole pixels change places, so that nothing is interpolated.
  var onlyMovesPixels: Bool {
    rotation == nil && scale == nil && stretch == nil && shear == nil && elastic == nil
  }

  var changesGeometry: Bool {
    !onlyMovesPixels || shift != nil || flip != nil || verticalFlip != nil
  }

  /// The batch with its pictures distorted, and with `nn.augmentation`.
  ///
  /// - Parameter batch: `input` [N, H, W], [N, C, H, W], or [N, P] where `shape` says what P numbers are; for noise alone
  ///   of any shape. U8, I8, U16, I16, F32 or F64. The channels of a picture share its geometry. `index` [N]. Everything
  ///   but `input` stays.
  /// - Throws: `DocumentError` when it is no batch, lacks `index`, `nn.epoch` or `nn.seed`, is of another type or holds
  ///   NaN; also when noise leaves the finite numbers. `AugmentationError`.
  public func distorted(_ batch: Document, _ workers: ThreadPool) throws -> Document {
    try batch.require(.batch)
    if let before = batch[.augmentation] { throw AugmentationError.distortedAlready(before) }
    let input = try batch.tensor(Role.input)
    let pictures = try PictureLayout(of: input.shape, self)
    let rows = try batch.rows(count: input.shape[0])
    try input.requireFiniteData(Role.input)
    var result = batch
    result.tensors[Role.input] = try distorted(
      input, pictures, AugmentationDraws(for: batch), rows, workers)
    mark(&result)
    return result
  }

  /// Notes in a batch's metadata how its pictures are distorted.
  public func mark(_ batch: inout Document) { batch[.augmentation] = description }
}

/// Elastic distortion: every pixel is fetched from elsewhere, neighbors from nearly the same place.
///
/// Source: Simard, Steinkraus, Platt 2003, Best practices for convolutional neural networks, section 2.
public struct Elastic: Sendable {
  /// α, the factor of the displacements; 34 with σ = 4 moves a pixel by 1.4 on average (root mean square).
  public var strength: ClosedRange<Double>
  /// σ of the Gaussian that smooths them, in pixels.
  public var sigma: Double

  public init(strength: ClosedRange<Double>, sigma: Double) {
    self.strength = strength
    self.sigma = sigma
  }
}

/// Random erasing: a rectangle somewhere becomes `fill`.
///
/// Source: Zhong, Zheng, Kang, Li, Yang 2017, Random erasing data augmentation, algorithm 1.
public struct Erasing: Sendable {
  /// The rectangle's part of the picture.
  public var area: ClosedRange<Double>
  public var probability: Double

  public init(area: ClosedRange<Double>, probability: Double) {
    self.area = area
    self.probability = probability
  }
}

extension Augmentation: CustomStringConvertible {
  /// As `nn.augmentation` states it: everything that decides the result, such as `shift=-2..2 flip=0.5`.
  public var description: String {
    func text(_ range: ClosedRange<Double>) -> String {
      "\(decimal(range.lowerBound))..\(decimal(range.upperBound))"
    }
    var words = [String]()
    if let shift { words.append("shift=\(shift.lowerBound)..\(shift.upperBound)") }
    let ranges = [
      ("rotate", rotation), ("scale", scale), ("stretch", stretch), ("shear", shear),
    ]
    for case (let name, let range?) in ranges { words.append("\(name)=\(text(range))") }
    if let flip { words.append("flip=\(decimal(flip))") }
    if let verticalFlip { words.append("flip-vertical=\(decimal(verticalFlip))") }
    if let elastic {
      words.append("elastic=\(text(elastic.strength)):\(decimal(elastic.sigma))")
    }
    if let noise { words.append("noise=\(text(noise))") }
    if let erasing {
      words.append("erase=\(text(erasing.area)):\(decimal(erasing.probability))")
    }
    if fill != 0 { words.append("fill=\(decimal(fill))") }
    if let shape { words.append("shape=\(shape.topologyText)") }
    return words.joined(separator: " ")
  }
}
