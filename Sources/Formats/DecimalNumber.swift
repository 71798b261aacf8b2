/// What the text of a table's cell is, read as a decimal number.
enum DecimalNumber: Equatable {
  case finite(Double)
  /// Decimal, and beyond the largest finite number.
  case overflow
  /// `nan`, `inf` or `infinity`, in any case and with any sign; named as messages name it.
  case notFinite(String)
  /// Anything else.
  case word

  /// Reads an optional sign, digits with an optional fraction, and an optional exponent, and nothing
  /// else; rounded to the nearest Double, too small ones to zero.
  init(_ text: UnsafeRawBufferPointer) {
    guard let parts = Parts(text) else {
      self = Self.spelled(text)
      return
    }
    if let value = parts.exactValue {
      self = .finite(value)
    } else if let value = Double(String(decoding: text, as: UTF8.self)) {
      self = value.isFinite ? .finite(value) : .overflow
    } else {
      preconditionFailure("the standard library refuses a decimal number that the grammar allows")
    }
  }

  private static func spelled(_ text: UnsafeRawBufferPointer) -> DecimalNumber {
    // Only capitals become small letters by setting bit 5.
    let letters = text.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }.map { $0 | 0x20 }
    switch String(decoding: letters, as: UTF8.self) {
    case "nan": return .notFinite("NaN")
    case "inf", "infinity": return .notFinite("infinity")
    default: return .word
    }
  }
}

/// A decimal number taken apart: ±significand · 10^exponent.
private struct Parts {
  var isNegative = false
  var significand: UInt64 = 0
  var exponent = 0
  /// Whether significand and exponent hold every digit of theirs.
  var isComplete = true

  init?(_ text: UnsafeRawBufferPointer) {
    var position = 0
    if position < text.count, let negative = Self.sign(text[position]) {
      isNegative = negative
      position += 1
    }
    let whole = readDigits(text, &position)
    var fraction = 0
    if position < text.count, text[position] == UInt8(ascii: ".") {
      position += 1
      fraction = readDigits(text, &position)
      exponent = -fraction
    }
    if whole + fraction == 0 { return nil }
    if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      guard readExponent(text, &position) else { return nil }
    }
    if position != text.count { return nil }
  }

  /// The value, when one exactly rounded operation on two exact numbers gives it; otherwise nil.
  ///
  /// Source: Clinger 1990, "How to read floating point numbers accurately", section 3.
  var exactValue: Double? {
    if !isComplete || significand > 1 << 53 || abs(exponent) >= Self.powersOfTen.count {
      return nil
    }
    let magnitude =
      exponent < 0
      ? Double(significand) / Self.powersOfTen[-exponent]
      : Double(significand) * Self.powersOfTen[exponent]
    return isNegative ? -magnitude : magnitude
  }

  /// The powers of ten that a Double holds exactly.
  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]

  private static func sign(_ byte: UInt8) -> Bool? {
    byte == UInt8(ascii: "-") ? true : byte == UInt8(ascii: "+") ? false : nil
  }

  /// Takes digits into the significand and returns how many there were.
  private mutating func readDigits(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> Int {
    let start = position
    while position < text.count {
      let digit = text[position] &- UInt8(ascii: "0")
      if digit > 9 { break }
      if significand < 1_000_000_000_000_000_000 {
        significand = significand &* 10 &+ UInt64(digit)
      } else {
        isComplete = false
      }
      position += 1
    }
    return position - start
  }

  /// Adds the written exponent; false when there are no digits.
  private mutating func readExponent(_ text: UnsafeRawBufferPointer, _ position: inout Int) -> Bool
  {
    var isNegative = false
    if position < text.count, let negative = Self.sign(text[position]) {
      isNegative = negative
      position += 1
    }
    let start = position
    var written = 0
    while position < text.count {
      let digit = text[position] &- UInt8(ascii: "0")
      if digit > 9 { break }
      if written < 1_000_000 {
        written = written * 10 + Int(digit)
      } else {
        isComplete = false
      }
      position += 1
    }
    exponent += isNegative ? -written : written
    return position > start
  }
}
