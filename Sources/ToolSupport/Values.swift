import ArgumentParser
import Tensors

/// A value of an option or argument that can say what it must be.
///
/// ArgumentParser passes on that a value was refused, not why; so the words wait here until the refusal is reported.
public protocol OptionValue: ExpressibleByArgument, Sendable {
  /// What is expected, as in `a finite number above 0`.
  static var expected: String { get }

  /// Nil for a text that stands for no such value.
  init?(text: String)
}

extension OptionValue {
  public init?(argument: String) {
    guard let value = Self(text: argument) else {
      refusal = (argument, Self.expected)
      return nil
    }
    self = value
  }
}

/// Words of which an option takes one.
extension OptionValue where Self: RawRepresentable & CaseIterable, RawValue == String {
  public static var expected: String { allCases.map(\.rawValue).joined(separator: " or ") }

  public init?(text: String) { self.init(rawValue: text) }

  public init?(argument: String) {
    guard let value = Self(text: argument) else {
      refusal = (argument, Self.expected)
      return nil
    }
    self = value
  }
}

/// The value that was refused and what was expected; the first one ends the program.
nonisolated(unsafe) private(set) var refusal: (found: String, expected: String)?

/// A whole number above 0.
public struct PositiveInteger: OptionValue {
  public static let expected = "a whole number above 0"
  public let value: Int

  public init(_ value: Int) {
    precondition(value > 0, "\(value) is not above 0")
    self.value = value
  }

  public init?(text: String) {
    guard let value = Int(text), value > 0 else { return nil }
    self.value = value
  }

  public var defaultValueDescription: String { String(value) }
}

/// A number of things above 0, or all of them (nil).
public struct CountOrAll: OptionValue {
  public static let expected = "\(PositiveInteger.expected), or all"
  public let value: Int?

  public init(_ value: Int) { self.value = value }

  public init?(text: String) {
    if text == "all" {
      value = nil
    } else {
      guard let size = PositiveInteger(text: text) else { return nil }
      value = size.value
    }
  }

  public var defaultValueDescription: String { value.map(String.init) ?? "all" }
}

/// A number of threads: so many that no machine has more cores, and so few that every system starts them.
public struct ThreadCount: OptionValue {
  public static let expected = "a whole number from 1 to 1024"
  public let value: Int

  public init?(text: String) {
    guard let value = Int(text), 1...1024 ~= value else { return nil }
    self.value = value
  }
}

/// A whole number from 0.
public struct NaturalNumber: OptionValue {
  public static let expected = "a whole number, 0 or above"
  public let value: Int

  public init(_ value: Int) {
    precondition(value >= 0, "\(value) is below 0")
    self.value = value
  }

  public init?(text: String) {
    guard let value = Int(text), value >= 0 else { return nil }
    self.value = value
  }

  public var defaultValueDescription: String { String(value) }
}

/// What a generator of random numbers starts from.
public struct Seed: OptionValue {
  public static let expected = "a whole number from 0 to \(UInt64.max)"
  public let value: UInt64

  public init(_ value: UInt64) { self.value = value }

  public init?(text: String) {
    guard let value = UInt64(text) else { return nil }
    self.value = value
  }

  public var defaultValueDescription: String { String(value) }
}

/// A finite number above 0.
public struct PositiveNumber: OptionValue {
  public static let expected = "a finite number above 0"
  public let value: Double

  public init(_ value: Double) {
    precondition(value > 0 && value.isFinite, "\(value) is no finite number above 0")
    self.value = value
  }

  public var defaultValueDescription: String { decimal(value) }

  public init?(text: String) {
    guard let value = Double(text), value > 0, value.isFinite else { return nil }
    self.value = value
  }
}

/// A finite number from 0.
public struct NonnegativeNumber: OptionValue {
  public static let expected = "a finite number, 0 or above"
  public let value: Double

  public init?(text: String) {
    guard let value = Double(text), value >= 0, value.isFinite else { return nil }
    self.value = value
  }
}

/// A number from 0, and below 1.
public struct PartOfOne: OptionValue {
  public static let expected = "a number from 0 to below 1"
  public let value: Double

  public init?(text: String) {
    guard let value = Double(text), 0..<1 ~= value else { return nil }
    self.value = value
  }
}

/// A number from 0 to 1.
public struct Share: OptionValue {
  public static let expected = "a number from 0 to 1"
  public let value: Double

  public init(_ value: Double) {
    precondition(0...1 ~= value, "\(value) is no share")
    self.value = value
  }

  public init?(text: String) {
    guard let value = Double(text), 0...1 ~= value else { return nil }
    self.value = value
  }

  public var defaultValueDescription: String { decimal(value) }
}

/// A finite number.
public struct FiniteNumber: OptionValue {
  public static let expected = "a finite number"
  public let value: Double

  public init(_ value: Double) {
    precondition(value.isFinite, "\(value) is no finite number")
    self.value = value
  }

  public var defaultValueDescription: String { decimal(value) }

  public init?(text: String) {
    guard let value = Double(text), value.isFinite else { return nil }
    self.value = value
  }
}

/// A number between 0 and 1, both excluded.
public struct Fraction: OptionValue {
  public static let expected = "a number between 0 and 1"
  public let value: Double

  public init?(text: String) {
    guard let value = Double(text), value > 0, value < 1 else { return nil }
    self.value = value
  }
}

/// A gzip level, 0 to 9.
public struct Level: OptionValue {
  public static let expected = "a whole number from 0 to 9"
  public let value: Int

  public init?(text: String) {
    guard let value = Int(text), 0...9 ~= value else { return nil }
    self.value = value
  }
}
