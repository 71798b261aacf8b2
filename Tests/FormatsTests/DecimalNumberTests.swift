import Testing

@testable import Formats

private func read(_ text: String) -> DecimalNumber {
  Array(text.utf8).withUnsafeBytes { DecimalNumber($0) }
}

@Test(
  arguments: [
    ("0", 0), ("7", 7), ("+7", 7), ("-12.5", -12.5), ("007", 7), ("5.", 5), (".5", 0.5),
    ("-.25e+1", -2.5), ("1e3", 1000), ("1E-3", 0.001), ("1.e2", 100), ("0e99999", 0),
    ("9007199254740993", 9_007_199_254_740_992), ("9007199254740993.00001", 9_007_199_254_740_994),
    ("123456789012345678901234567890", 0x1.8ee90ff6c373ep+96),
    ("0.1", 0.1), ("1e23", 1e23), ("8.5e22", 8.5e22), ("-0.99977125", -0.99977125),
    ("5e-324", 0x1p-1074), ("2.5e-324", 0x1p-1074), ("2e-324", 0),
    ("2.2250738585072011e-308", Double.leastNormalMagnitude.nextDown),
    ("1.7976931348623157e308", .greatestFiniteMagnitude),
    ("1.7976931348623158e308", .greatestFiniteMagnitude), ("1e-99999999999999999999", 0),
  ] as [(String, Double)])
func roundsDecimalsToTheNearestDouble(text: String, value: Double) {
  #expect(read(text) == .finite(value))
}

@Test func readsExponentsAsLongAsTheirFraction() {
  let zeros = String(repeating: "0", count: 1_000_004)
  let isOne = read("0.\(zeros)1e1000005") == .finite(1)
  #expect(isOne)
  let isOverflow = read("0.\(zeros)1e10000050") == .overflow
  #expect(isOverflow)
}

@Test func keepsTheSignOfZero() {
  guard case .finite(let value) = read("-0.0") else {
    Issue.record("-0.0 is a number")
    return
  }
  #expect(value == 0 && value.sign == .minus)
}

/// The short way must round as the standard library does, on either side of its limits.
@Test func roundsAsTheStandardLibraryAroundTheLimitsOfTheShortWay() {
  let significands: [UInt64] = [
    1, 3, 7, 123, 99_999, 8_388_609, 4_503_599_627_370_497, 9_007_199_254_740_991,
    9_007_199_254_740_992, 9_007_199_254_740_993, 999_999_999_999_999_999,
    9_999_999_999_999_999_999,
  ]
  for significand in significands {
    for exponent in -26...26 {
      let text = "\(significand)e\(exponent)"
      let fraction = "0.\(significand)e\(exponent)"
      #expect(read(text) == .finite(Double(text)!), "\(text)")
      #expect(read(fraction) == .finite(Double(fraction)!), "\(fraction)")
    }
  }
}

@Test(arguments: [
  "", " ", "abc", "+", "-", ".", "e5", "1e", "1e+", "1e5.0", "1.2.3", "--1", "+-1", "1 2", " 1",
  "1 ", "0x10", "0x1p3", "1_000", "1,5", "1f", "١", "½", "nanx", "NA", "infinit", "1\0", "\0",
])
func takesNothingElseForANumber(text: String) {
  #expect(read(text) == .word)
}

@Test func tellsNaNAndInfinityFromWords() {
  for text in ["nan", "NaN", "-nan", "+NAN"] { #expect(read(text) == .notFinite("NaN")) }
  for text in ["inf", "-Inf", "+INF", "infinity", "-Infinity"] {
    #expect(read(text) == .notFinite("infinity"))
  }
}

@Test func refusesWhatRoundsToInfinity() {
  for text in ["1.7976931348623159e308", "-1e309", "1e99999999999999999999"] {
    #expect(read(text) == .overflow, "\(text)")
  }
}
