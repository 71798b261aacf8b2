import Safetensors
import Tensors
import Testing

@testable import ToolSupport

@Suite struct MessageTests {
  @Test func controlCharactersAreShownNotObeyed() {
    #expect(printable("a\nb\u{1B}[2J\u{202E}c é") == "a\\nb\\u{1B}[2J\\u{202E}c é")
  }

  @Test func theInnermostPlaceIsTheOneReported() throws {
    let error = #expect(throws: (any Error).self) {
      try locating("outer") { try locating("inner") { throw DocumentError.noExamples("input") } }
    }
    let (status, message) = verdict(on: try #require(error))
    #expect(status == .badData)
    #expect(message == "inner: tensor 'input': no examples")
  }

  @Test func everyKindOfFaultHasItsExitStatus() {
    let notFinite = DocumentError.notFinite(
      "loss", value: .nan, position: [0], count: 1, of: 1)
    #expect(verdict(on: notFinite).status == .notFinite)
    #expect(verdict(on: StageError.usage("x")).status == .usage)
    #expect(verdict(on: StageError.inputMissing("f", reason: "r")).status == .inputMissing)
    #expect(verdict(on: StageError.outputNotCreated("f", reason: "r")).status == .outputNotCreated)
    #expect(verdict(on: StageError.writing("f", reason: "r")).status == .inputOutput)
    #expect(verdict(on: StageError.readerGone) == (.readerGone, nil))
    struct Surprise: Error {}
    #expect(verdict(on: Surprise()).status == .software)
  }

  @Test func helpSaysAValueAsItIsWritten() {
    #expect(CountOrAll(text: "all")?.defaultValueDescription == "all")
    #expect(CountOrAll(text: "7")?.defaultValueDescription == "7")
    #expect(CountOrAll(text: "0") == nil && CountOrAll(text: "none") == nil)
  }

  @Test func numbersAreRoundedAsPrintfDoes() {
    #expect(rounded(1.0 / 3, digits: 3) == "0.333")
    #expect(rounded(123_456_789, digits: 6) == "1.23457e+08")
    #expect(rounded(.nan, digits: 6) == "nan")
  }
}
