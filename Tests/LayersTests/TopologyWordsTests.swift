import Tensors
import Testing

@testable import Layers

struct TopologyWordsTests {
  @Test func takesPlainWordsInTheirOrderAndOptionsFromAnywhere() throws {
    var words = try LayerWords(words("kind bias=no 12 3x4 name=a relu"))
    #expect(try words.count("things") == 12)
    #expect(try words.choice("bias", among: ["yes", "no"], otherwise: "yes") == "no")
    #expect(try words.choice("other", among: ["a"], otherwise: "b") == "b")
    #expect(try words.shape("extents") == [3, 4])
    #expect(words.word { $0 == "tanh" } == nil)
    #expect(words.word { $0 == "relu" } == Word("relu", line: 1, column: 28))
    let option = words.option("name")
    let name = try #require(option)
    #expect(name.value == "a")
    #expect(name.word == Word("name=a", line: 1, column: 21))
    try words.end(known: [])
  }

  @Test(arguments: ["1", "28", "2147483647", "007"])
  func acceptsCount(text: String) throws {
    var words = try LayerWords(words("kind \(text)"))
    #expect(try words.count("things") == Int(text))
  }

  @Test(arguments: [
    "0", "-1", "+1", "1.0", "1e3", "0x10", "2147483648", "99999999999999999999", "ten", "٣",
  ])
  func refusesCount(text: String) throws {
    var words = try LayerWords(words("kind \(text)"))
    #expect(
      throws: TopologyError.badValue(
        Word(text, line: 1, column: 6), what: "things",
        expected: "a whole number from 1 to 2147483647")
    ) {
      try words.count("things")
    }
  }

  @Test(arguments: ["x", "1x", "x1", "1xx2", "0x2", "1X2", "65536x65536", "3000000000", "2*3"])
  func refusesShape(text: String) throws {
    var words = try LayerWords(words("kind \(text)"))
    #expect(throws: TopologyError.self) { try words.shape("extents") }
  }

  @Test(arguments: [
    ("1/255", 1.0 / 255), ("0.5", 0.5), ("-3", -3), ("1e-3", 0.001), ("-1.5/-3", 0.5), (".5", 0.5),
  ])
  func acceptsFactor(text: String, factor: Double) throws {
    var words = try LayerWords(words("kind \(text)"))
    #expect(try words.factor("factor") == factor)
  }

  @Test func findsTheNearestWord() {
    let known = ["dense", "scale", "loss", "sigmoid", "softmax"]
    #expect(nearestWord(to: "sigmoyd", among: known) == "sigmoid")
    #expect(nearestWord(to: "desne", among: known) == "dense")
    #expect(nearestWord(to: "sale", among: known) == "scale")
    #expect(nearestWord(to: "los", among: known) == "loss")
    #expect(nearestWord(to: "convolution", among: known) == nil)
    #expect(nearestWord(to: "x", among: []) == nil)
  }

  @Test func countsEdits() {
    #expect(editDistance("", "") == 0)
    #expect(editDistance("", "abc") == 3)
    #expect(editDistance("abc", "") == 3)
    #expect(editDistance("kitten", "sitting") == 3)
    #expect(editDistance("ab", "ba") == 1)
    #expect(editDistance("same", "same") == 0)
  }
}
