import Foundation
import Testing

/// The inputs that fuzzing found worth keeping, and those that once broke a promise, each read once.
@Suite struct CorpusTests {
  @Test(arguments: FuzzTarget.all.map(\.name))
  func everyPromiseHoldsForTheCorpus(_ name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let inputs = try corpus(of: name)
    // Regressions alone would be no corpus.
    #expect(inputs.count { !$0.lastPathComponent.hasPrefix("regression-") } > 10)
    for input in inputs {
      do {
        try Data(contentsOf: input).withUnsafeBytes { try target.check($0) }
      } catch {
        Issue.record("\(name)/\(input.lastPathComponent): \(error)")
      }
    }
  }

  @Test func theCorpusIsSmallAndOfKnownTargets() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: corpusFolder.path)
      .filter { !$0.hasPrefix(".") }.sorted()
    #expect(folders == FuzzTarget.all.map(\.name).sorted())
    let size = try folders.flatMap { try corpus(of: $0) }
      .reduce(0) { try $0 + Data(contentsOf: $1).count }
    #expect(size < 300_000)
  }

  @Test func aBrokenPromiseIsNoticed() {
    #expect(throws: BrokenPromise.self) { try require(false, "never") }
    // A bug of the reader, or data that is no fault of the input's, is not taken for a refusal.
    struct Bug: Error {}
    #expect(throws: BrokenPromise.self) { try attempt { throw Bug() } }
  }

  private let corpusFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "Corpus")

  private func corpus(of name: String) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(
      at: corpusFolder.appending(path: name), includingPropertiesForKeys: nil
    ).sorted { $0.path < $1.path }
  }
}
