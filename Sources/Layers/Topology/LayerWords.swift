import Tensors

/// A word of a topology and where it stands.
public struct Word: Sendable, Equatable {
  public let text: String
  /// From 1.
  public let line: Int
  /// From 1, in Unicode scalars.
  public let column: Int

  public init(_ text: String, line: Int, column: Int) {
    self.text = text
    self.line = line
    self.column = column
  }
}

/// The words of a topology line after the first, as the layer, then the network, takes them.
///
/// Plain words are taken in their order, options (`key=value`) by their key from wherever they stand.
public struct LayerWords {
  /// No tensor of a layer may have more elements: indices of registers are 32 bits.
  public static let largest = Int(Int32.max)

  let first: Word
  private let end: (line: Int, column: Int)
  private var plain: ArraySlice<Word>
  private var options: [(key: String, value: String, word: Word)] = []
  private var knownOptions: [String] = []

  /// - Parameter line: a topology line's words, with at least the first.
  public init(_ line: [Word]) throws {
    guard let first = line.first, let last = line.last else { preconditionFailure("an empty line") }
    self.first = first
    end = (last.line, last.column + last.text.unicodeScalars.count)
    plain = line.dropFirst().filter { !$0.text.contains("=") }[...]
    for word in line.dropFirst() {
      guard let equals = word.text.firstIndex(of: "=") else { continue }
      let key = String(word.text[..<equals])
      if options.contains(where: { $0.key == key }) {
        throw TopologyFault.repeatedOption(word, name: key)
      }
      options.append((key, String(word.text[word.text.index(after: equals)...]), word))
    }
  }

  /// The next plain word; `what` says what is missing when there is none.
  public mutating func word(_ what: String) throws -> Word {
    guard let word = plain.popFirst() else {
      throw TopologyFault.missing(
        line: end.line, column: end.column, what: "\(what) after '\(first.text)'")
    }
    return word
  }

  /// The next plain word if there is one and `accepts` it.
  public mutating func word(if accepts: (String) -> Bool) -> Word? {
    guard let word = plain.first, accepts(word.text) else { return nil }
    return plain.popFirst()
  }

  /// The next plain word as a number of things, at least 1.
  public mutating func count(_ what: String) throws -> Int {
    let word = try word(what)
    guard let count = Self.count(word.text) else {
      throw TopologyFault.badValue(
        word, what: what, expected: "a whole number from 1 to \(Self.largest)")
    }
    return count
  }

  /// The next plain word as extents like `1x28x28`, each at least 1.
  public mutating func shape(_ what: String) throws -> Shape {
    let word = try word(what)
    let extents = word.text.split(separator: "x", omittingEmptySubsequences: false)
      .map { Self.count(String($0)) }
    guard !extents.contains(nil), let shape = Shape(checking: extents.compactMap(\.self)),
      shape.count <= Self.largest
    else {
      throw TopologyFault.badValue(
        word, what: what,
        expected: "whole numbers joined by x, as in 1x28x28, of at most \(Self.largest) elements")
    }
    return shape
  }

  /// The next plain word as a number like `0.5` or a quotient like `1/255`; neither 0 nor so large or small
  /// that F32 cannot hold it.
  public mutating func factor(_ what: String) throws -> Double {
    let word = try word(what)
    let parts = word.text.split(separator: "/", omittingEmptySubsequences: false)
      .map { Self.decimal(String($0)) }
    var factor: Double?
    switch parts.count {
    case 1: factor = parts[0]
    case 2: if let above = parts[0], let below = parts[1] { factor = above / below }
    default: break
    }
    guard let factor, Float(factor).isNormal else {
      throw TopologyFault.badValue(
        word, what: what, expected: "a decimal number or a quotient like 1/255, not 0, within F32")
    }
    return factor
  }

  /// The value of the option `key` as a decimal number within F32, or `otherwise` when the line does not have it.
  public mutating func number(_ key: String, otherwise: Double) throws -> Double {
    guard let (value, word) = option(key) else { return otherwise }
    guard let number = Self.decimal(value), Float(number).isFinite else {
      throw TopologyFault.badValue(
        word, what: "'\(key)='", expected: "a decimal number within F32")
    }
    return number
  }

  /// The value of the option `key` as a number that `accepts`, or `otherwise` when the line does not have it.
  ///
  /// - Parameter range: what is accepted, in words: `above 0`.
  public mutating func number(
    _ key: String, otherwise: Double, _ range: String, accepts: (Double) -> Bool
  ) throws -> Double {
    guard let (value, word) = option(key) else { return otherwise }
    guard let number = Self.decimal(value), Float(number).isFinite, accepts(number) else {
      throw TopologyFault.badValue(word, what: "'\(key)='", expected: "a number \(range)")
    }
    return number
  }

  /// The next plain word as a number that `accepts`.
  ///
  /// - Parameters:
  ///   - what: what is missing when there is none.
  ///   - range: what is accepted, in words: `above 0`.
  public mutating func number(
    _ what: String, _ range: String, accepts: (Double) -> Bool
  ) throws -> Double {
    let word = try word(what)
    guard let number = Self.decimal(word.text), Float(number).isFinite, accepts(number) else {
      throw TopologyFault.badValue(word, what: what, expected: "a number \(range)")
    }
    return number
  }

  /// The value of the option `key` as numbers joined by commas that `accepts`; nil when the line does not have it.
  ///
  /// - Parameter expected: what is accepted, in words.
  public mutating func numbers(
    _ key: String, _ expected: String, accepts: ([Double]) -> Bool
  ) throws -> [Double]? {
    guard let (value, word) = option(key) else { return nil }
    let numbers = value.split(separator: ",", omittingEmptySubsequences: false)
      .map { Self.decimal(String($0)) }
    let whole = numbers.compactMap(\.self)
    guard whole.count == numbers.count, whole.allSatisfy({ Float($0).isFinite }), accepts(whole)
    else { throw TopologyFault.badValue(word, what: "'\(key)='", expected: expected) }
    return whole
  }

  /// The value of the option `key`, one of `values`, or `otherwise` when the line does not have it.
  public mutating func choice(
    _ key: String, among values: [String], otherwise: String
  ) throws -> String {
    guard let (value, word) = option(key) else { return otherwise }
    guard values.contains(value) else {
      throw TopologyFault.badValue(
        word, what: "'\(key)='", expected: values.joined(separator: " or "))
    }
    return value
  }

  /// The value of the option `key`, with the word that it stands in; nil when the line does not have it.
  public mutating func option(_ key: String) -> (value: String, word: Word)? {
    knownOptions.append(key)
    guard let index = options.firstIndex(where: { $0.key == key }) else { return nil }
    let option = options.remove(at: index)
    return (option.value, option.word)
  }

  /// An error about the line as a whole, for the caller to throw.
  public func objection(_ reason: String) -> TopologyFault { .pairing(first, reason: reason) }

  /// An error about two inputs whose shapes do not go together, for the caller to throw.
  public func conflict(
    _ first: LayerInput, _ second: LayerInput, expected: String
  ) -> TopologyFault {
    .shapeConflict(self.first, first: first, second: second, expected: expected)
  }

  /// Refuses a tensor of too many elements.
  public func check(elements extents: [Int], of what: String) throws {
    guard let shape = Shape(checking: extents), shape.count <= Self.largest else {
      throw TopologyFault.tooLarge(
        first, what: what, size: extents.map(String.init).joined(separator: "x"))
    }
  }

  /// Refuses whatever nobody took.
  ///
  /// - Parameter known: the plain words that could have stood here.
  public func end(known: [String]) throws {
    if let word = plain.first { throw TopologyFault.unknownWord(word, known: known) }
    if let option = options.first {
      throw TopologyFault.unknownWord(
        Word(option.key + "=", line: option.word.line, column: option.word.column),
        known: knownOptions.map { $0 + "=" })
    }
  }

  /// A whole number from `lowest` to `largest`.
  static func count(_ text: String, from lowest: Int = 1) -> Int? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(text),
      (lowest...largest).contains(count)
    else { return nil }
    return count
  }

  /// Swift's own conversion, without its names for NaN and infinity and its hexadecimal numbers.
  private static func decimal(_ text: String) -> Double? {
    text.utf8.allSatisfy { "0123456789+-.eE".utf8.contains($0) } ? Double(text) : nil
  }
}
