import ArgumentParser

// Option values with their bounds. ArgumentParser reports a nil as an invalid value together with `expected`.

/// A whole number above 0.
public struct PositiveInteger: ExpressibleByArgument {
  public let value: Int

  public init(_ value: Int) {
    precondition(value > 0, "\(value) is not above 0")
    self.value = value
  }

  public init?(argument: String) {
    guard let value = Int(argument), value > 0 else { return nil }
    self.value = value
  }

  public var defaultValueDescription: String { String(value) }
}

/// A whole number from 0.
public struct NaturalNumber: ExpressibleByArgument {
  public let value: Int

  public init(_ value: Int) {
    precondition(value >= 0, "\(value) is below 0")
    self.value = value
  }

  public init?(argument: String) {
    guard let value = Int(argument), value >= 0 else { return nil }
    self.value = value
  }

  public var defaultValueDescription: String { String(value) }
}

/// A finite number above 0.
public struct PositiveNumber: ExpressibleByArgument {
  public let value: Double
  public init?(argument: String) {
    guard let value = Double(argument), value > 0, value.isFinite else { return nil }
    self.value = value
  }
}

/// A number between 0 and 1, both excluded.
public struct Fraction: ExpressibleByArgument {
  public let value: Double
  public init?(argument: String) {
    guard let value = Double(argument), value > 0, value < 1 else { return nil }
    self.value = value
  }
}

/// A gzip level, 0 to 9.
public struct Level: ExpressibleByArgument {
  public let value: Int
  public init?(argument: String) {
    guard let value = Int(argument), 0...9 ~= value else { return nil }
    self.value = value
  }
}
