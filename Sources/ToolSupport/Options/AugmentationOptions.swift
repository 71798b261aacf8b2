import ArgumentParser
import Tensors
import Training

/// How pictures are distorted, for the tools that distort them.
public struct AugmentationOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Whole pixels to the right and, drawn by itself, down; 2 is -2..2.", valueName: "pixels"))
  public var shift: PixelRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Degrees counter-clockwise; 15 is -15..15.", valueName: "degrees"))
  public var rotate: RotationRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Factor of width and height; 1.2 is 1/1.2..1.2.", valueName: "factor"))
  public var scale: FactorRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Factor of width : height, the area kept; 1.3 is 1/1.3..1.3.", valueName: "factor"))
  public var stretch: FactorRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Degrees by which upright lines lean to the right; 10 is -10..10.", valueName: "degrees"))
  public var shear: ShearRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Probability of exchanging left and right.", valueName: "p"))
  public var flip: Probability?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Probability of exchanging top and bottom.", valueName: "p"))
  public var flipVertical: Probability?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Elastic displacements: their strength, and the sigma of their smoothing (4 if not given).",
      valueName: "strength[:sigma]"))
  public var elastic: ElasticRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Standard deviation of Gaussian noise, in the input's units.", valueName: "deviation"))
  public var noise: StrengthRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Erase a rectangle: its part of the area, and the probability (1 if not given).",
      valueName: "part[:p]"))
  public var erase: ErasingRange?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The value outside of a picture and where it is erased (default: 0).", valueName: "number"))
  public var fill: FiniteNumber?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("What flat inputs are pictures of.", valueName: "[CxH]xW"))
  public var shape: PictureShape?

  public init() {}

  /// What a range is, for the help of the tools.
  public static let rangeHelp = """
    A range is A..B, from which every picture draws for itself. A single number X is short for -X..X of \
    pixels and degrees, for 1/X..X of factors, and for X..X of strengths (noise, elastic, erase).
    """

  public func validate() throws {
    if settings.isEmpty && (fill != nil || shape != nil) {
      throw ValidationError("\(fill != nil ? "--fill" : "--shape") goes with a distortion")
    }
  }

  /// Nil when no distortion is asked for.
  public var augmentation: Augmentation? { settings.isEmpty ? nil : settings }

  private var settings: Augmentation {
    var settings = Augmentation()
    settings.shift = shift?.value
    settings.rotation = rotate?.value
    settings.scale = scale?.value
    settings.stretch = stretch?.value
    settings.shear = shear?.value
    settings.flip = flip?.value
    settings.verticalFlip = flipVertical?.value
    settings.elastic = elastic?.value
    settings.noise = noise?.value
    settings.erasing = erase?.value
    settings.fill = fill?.value ?? 0
    settings.shape = shape?.value
    return settings
  }
}
