import Tensors
import Testing

@testable import Safetensors

/// Readers and writers keep what repeats from one header to the next; nothing else may show that.
struct RepetitionTests {
  /// Documents that repeat much of the one before, and now and then nothing.
  static let series: [Document] = {
    var documents: [Document] = []
    func add(_ change: (inout Document) -> Void) {
      var document = documents.last ?? sample
      change(&document)
      documents.append(document)
    }
    add { _ in }
    add { $0.metadata["nn.step"] = "9" }
    add { $0.metadata["nn.step"] = "10" }
    add {
      $0.metadata["nn.step"] = "11";
      $0.tensors["input"] = Tensor([6, 5, 4, 3, 2, 1] as [Float], shape: [2, 3])
    }
    add { $0.metadata["note"] = "tab\tand \\ and é and \u{1}" }
    add { $0.metadata["note"] = "e\u{301}" }
    add { $0.metadata["note"] = "\u{e9}" }
    add { $0.metadata["note"] = "" }
    add {
      $0.metadata["nn.step"] = nil; $0.metadata["other"] = "11"
    }
    add { $0.tensors["input"] = Tensor([1, 2, 3] as [Float], shape: [1, 3]) }
    add { $0.tensors["input"] = Tensor([1, 2, 3] as [Double], shape: [1, 3]) }
    add {
      $0.tensors["target"] = nil; $0.tensors["goal"] = Tensor([7, 9] as [Int64])
    }
    // Names that are equal to Swift, and not the same bytes.
    add {
      $0.metadata["\u{e9}"] = "1"; $0.tensors["\u{e9}"] = Tensor([1] as [Float])
    }
    add {
      $0.metadata["\u{e9}"] = nil; $0.metadata["e\u{301}"] = "1"
    }
    add {
      $0.tensors["\u{e9}"] = nil; $0.tensors["e\u{301}"] = Tensor([1] as [Float])
    }
    add { $0.metadata = [:] }
    add { $0.metadata = ["a": "1"] }
    add { $0.tensors = [:] }
    add { $0.metadata["a"] = "2" }
    add { _ in }
    return documents
  }()

  @Test func aWritersDocumentsAreThoseOfNewWriters() {
    var writer = DocumentWriter()
    for (number, document) in Self.series.enumerated() {
      let bytes = writer.withEncoded(document) { $0.reduce(into: [UInt8]()) { $0 += $1 } }
      #expect(bytes == document.encoded(), "document \(number)")
    }
  }

  @Test(arguments: [1, .max])
  func aReadersDocumentsAreThoseOfNewReaders(stride: Int) throws {
    let input = Input(Self.series.flatMap { $0.encoded() }, stride: stride)
    var reader = DocumentReader()
    for (number, document) in Self.series.enumerated() {
      let found = try reader.read { input.read(into: $0) }
      #expect(found == document, "document \(number)")
      // `==` takes texts for equal that are composed otherwise.
      #expect(found.map { $0.encoded() } == document.encoded(), "document \(number)")
    }
    #expect(try reader.read { input.read(into: $0) } == nil)
  }

  /// What is wrong with a header is said as by a reader that has seen none before it.
  @Test func everyChangedByteIsJudgedAsByANewReader() throws {
    for next in Self.series[1...6] {
      let good = Self.series[0].encoded()
      let bytes = next.encoded()
      let end = next.header().count
      for offset in 8..<end {
        for change in [0x01, 0x20, 0x7e, 0x80] as [UInt8] {
          var changed = bytes
          changed[offset] ^= change
          let expected = outcome { try Document.read(from: Input(changed).read) }
          let input = Input(good + changed)
          var reader = DocumentReader()
          _ = try reader.read { input.read(into: $0) }
          let found = outcome { try reader.read { input.read(into: $0) } }
          #expect(found == expected, "byte \(offset) ^ \(change)")
        }
      }
    }
  }

  @Test func everyCutIsJudgedAsByANewReader() throws {
    let bytes = Self.series[1].encoded()
    for end in 1..<bytes.count {
      let input = Input(Self.series[0].encoded() + bytes[..<end])
      var reader = DocumentReader()
      _ = try reader.read { input.read(into: $0) }
      let found = outcome { try reader.read { input.read(into: $0) } }
      #expect(found == .refused(refusal(of: Array(bytes[..<end])) ?? "none"), "cut at \(end)")
    }
  }

  private enum Outcome: Equatable { case document([UInt8]?), refused(String) }

  private func outcome(_ body: () throws -> Document?) -> Outcome {
    do { return .document(try body()?.encoded()) } catch { return .refused("\(error)") }
  }
}
