import Tensors
import Training

/// A range of whole pixels.
public struct PixelRange: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected = "a whole number X from 0 for -X..X, or whole numbers A..B"
  /// In pixels.
  public let value: ClosedRange<Int>

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    guard
      let range = range(
        text, Int.init, within: -1_000_000...1_000_000, single: { $0 < 0 ? nil : -$0...$0 })
    else { return nil }
    value = range
  }
}

/// A range of angles to turn by, in degrees.
public struct RotationRange: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected = "degrees X from 0 to 180 for -X..X, or A..B within -180..180"
  /// In degrees.
  public let value: ClosedRange<Double>

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    guard
      let range = range(text, Double.init, within: -180...180, single: { $0 < 0 ? nil : -$0...$0 })
    else { return nil }
    value = range
  }
}

/// A range of angles to lean by, in degrees.
public struct ShearRange: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected = "degrees X from 0 to 80 for -X..X, or A..B within -80..80"
  /// In degrees.
  public let value: ClosedRange<Double>

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    guard
      let range = range(text, Double.init, within: -80...80, single: { $0 < 0 ? nil : -$0...$0 })
    else { return nil }
    value = range
  }
}

/// A range of factors.
public struct FactorRange: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected = "a factor X from 1 to 100 for 1/X..X, or A..B within 0.01..100"
  /// Factors; a range that is given by its end X begins at 1/X.
  public let value: ClosedRange<Double>

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    guard
      let range = range(
        text, Double.init, within: 0.01...100, single: { $0 < 1 ? nil : 1 / $0...$0 })
    else { return nil }
    value = range
  }
}

/// A range of strengths.
public struct StrengthRange: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected = "a finite number X, 0 or above, or A..B of such"
  /// Strengths; a single one is both ends.
  public let value: ClosedRange<Double>

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    guard let range = strengths(text, within: 0...Double.greatestFiniteMagnitude) else {
      return nil
    }
    value = range
  }
}

/// The strength of elastic distortion and the sigma of its smoothing.
public struct ElasticRange: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected =
    "a strength X from 0 to 100000, or A..B, with :SIGMA from 0.1 to 100 behind it or not"
  /// The strength as a range, and sigma, which is 4 unless given.
  public let value: Elastic

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    guard let (text, second) = parts(text, second: 4, within: 0.1...100),
      let strength = strengths(text, within: 0...100_000)
    else { return nil }
    value = Elastic(strength: strength, sigma: second)
  }
}

/// The part of a picture to erase and how probably.
public struct ErasingRange: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected =
    "a part X from 0 to 1, or A..B, with :PROBABILITY from 0 to 1 behind it or not"
  /// The erased part of the area as a range, and the probability, which is 1 unless given.
  public let value: Erasing

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    guard let (text, second) = parts(text, second: 1, within: 0...1),
      let area = strengths(text, within: 0...1)
    else { return nil }
    value = Erasing(area: area, probability: second)
  }
}

/// A number from 0 to 1.
public struct Probability: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected = "a number from 0 to 1"
  /// From 0 to 1.
  public let value: Double

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    guard let value = Double(text), 0...1 ~= value else { return nil }
    self.value = value
  }
}

/// The shape of a picture, with channels or without.
public struct PictureShape: OptionValue {
  /// What is expected, for the message that refuses another text.
  public static let expected = "whole numbers above 0, such as 28x28 or 3x32x32"
  /// [H, W] or [C, H, W].
  public let value: Shape

  /// Nil for a text that is not as `expected` says.
  public init?(text: String) {
    let words = text.split(separator: "x", omittingEmptySubsequences: false)
    let extents = words.compactMap { PositiveInteger(text: String($0))?.value }
    guard extents.count == words.count, 2...3 ~= extents.count,
      let shape = Shape(checking: extents)
    else { return nil }
    value = shape
  }
}

/// What `A..B` or a single number stands for; nil when it is neither, or not within `bounds`.
private func range<Number: Comparable>(
  _ text: String, _ number: (String) -> Number?, within bounds: ClosedRange<Number>,
  single: (Number) -> ClosedRange<Number>?
) -> ClosedRange<Number>? {
  let result: ClosedRange<Number>?
  if let dots = text.firstRange(of: "..") {
    guard let lower = number(String(text[..<dots.lowerBound])),
      let upper = number(String(text[dots.upperBound...])), lower <= upper
    else { return nil }
    result = lower...upper
  } else {
    guard let value = number(text), bounds.contains(value) else { return nil }
    result = single(value)
  }
  guard let result, bounds.contains(result.lowerBound), bounds.contains(result.upperBound) else {
    return nil
  }
  return result
}

private func strengths(
  _ text: String, within bounds: ClosedRange<Double>
) -> ClosedRange<Double>? {
  range(text, Double.init, within: bounds, single: { $0...$0 })
}

/// The text before a colon and the number behind it, or the usual number without one.
private func parts(
  _ text: String, second usual: Double, within bounds: ClosedRange<Double>
) -> (String, Double)? {
  let words = text.split(separator: ":", omittingEmptySubsequences: false)
  guard words.count == 2 else { return words.count == 1 ? (text, usual) : nil }
  guard let second = Double(String(words[1])), bounds.contains(second) else { return nil }
  return (String(words[0]), second)
}
