import Foundation
import Scratch
import Testing

/// `pipelines/scripts/fetch.sh`, against a server on the loopback interface.
@Suite struct FetchTests {
  private let folder: Scratch
  /// No file's SHA-256.
  private let wrongSum = String(repeating: "0", count: 64)

  init() throws {
    folder = try Scratch()
    try folder.write("data", "forty-two\n")
  }

  @Test func theRightFileArrives() throws {
    let outcome = try fetched("data", sum: "$(sha256sum <data | cut -d ' ' -f 1)")
    #expect(outcome.status == 0)
    #expect(try folder.read("there/got") == Array("forty-two\n".utf8))
    #expect(try names(in: "there") == ["got"])
  }

  @Test func anotherChecksumLeavesWhatWasThere() throws {
    let nothing = try fetched("data", sum: wrongSum)
    #expect(nothing.status == 65)
    #expect(nothing.message.contains("found SHA-256 "))
    #expect(nothing.message.contains("expected \(wrongSum); nothing is kept"))
    #expect(try names(in: "there") == [])
    try folder.write("there/got", "old")
    #expect(try fetched("data", sum: wrongSum).status == 65)
    #expect(try folder.read("there/got") == Array("old".utf8))
    #expect(try names(in: "there") == ["got"])
  }

  @Test(arguments: ["cut/data", "missing"]) func whatDoesNotComeWholeIsNotKept(
    _ path: String
  ) throws {
    let outcome = try fetched(path, sum: wrongSum)
    #expect(outcome.status == 66)
    #expect(outcome.message.contains("could not be downloaded whole; nothing is kept"))
    #expect(try names(in: "there") == [])
  }

  /// Runs fetch.sh for a path of the server's, with `there/got` as its target.
  private func fetched(_ path: String, sum: String) throws -> Outcome {
    let project = Tool.project.path
    return try Tool.sh(
      """
      mkdir -p there
      "\(Tool.python)" "\(project)/Tests/Programs/serve.py" . port & server=$!
      trap 'kill $server; rm -f port' EXIT
      while [ ! -e port ]; do kill -0 $server || exit 99; sleep 0.05; done
      "\(project)/pipelines/scripts/fetch.sh" "http://127.0.0.1:$(cat port)/\(path)" "\(sum)" there/got
      """, in: folder)
  }

  private func names(in name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path(name)).sorted()
  }
}
