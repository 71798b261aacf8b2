import ArgumentParser
import Optimizers

/// An optimizer by its word.
public struct OptimizerWord: OptionValue {
  public static let expected = optimizerWords.joined(separator: " or ")
  public let word: String

  public init?(text: String) {
    guard optimizerWords.contains(text) else { return nil }
    word = text
  }

  init(_ word: String) { self.word = word }

  public static var allValueStrings: [String] { optimizerWords }
  public var defaultValueDescription: String { word }
}

extension Reduction: OptionValue {}

/// Names of layers, each once.
struct LayerNames: OptionValue {
  static let expected = "names of layers, each once, with commas between them"
  let names: Set<String>

  init?(text: String) {
    let words = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    names = Set(words)
    if names.count != words.count || names.contains("") { return nil }
  }
}

/// Learning rates by layer.
struct LayerRates: OptionValue {
  static let expected = "LAYER=RATE, each layer once, with commas between them and rates above 0"
  let rates: [String: Double]

  init?(text: String) {
    var rates = [String: Double]()
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = word.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, let rate = PositiveNumber(text: String(parts[1])),
        rates.updateValue(rate.value, forKey: String(parts[0])) == nil
      else { return nil }
    }
    self.rates = rates
  }
}

/// What a schedule is called.
public enum Decay: String, CaseIterable, OptionValue {
  case constant, step, exponential, cosine, oneCycle = "one-cycle", plateau
}
