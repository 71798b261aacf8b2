import Foundation
import Scratch
import Testing

@testable import ToolSupport

/// The end of a process, in a test.
struct Killed: Error {}

/// A registry's folder in a fresh one, with files that stand for models and datasets: nothing here
/// looks into them.
final class RegistryFixture {
  let scratch: Scratch
  var path: String { scratch.path("registry") }

  /// Not made yet.
  init() throws {
    scratch = try Scratch()
    for name in ["first", "second", "third"] { try scratch.write("\(name).gz", "model \(name)") }
    try scratch.write("holdout.safetensors.gz", "what models are judged by")
    try scratch.write("start.safetensors.gz", "what the first model has learned")
  }

  /// As another one is now.
  init(copying other: RegistryFixture) throws {
    scratch = try Scratch()
    for name in try other.scratch.names() {
      try FileManager.default.copyItem(
        atPath: other.scratch.path(name), toPath: scratch.path(name))
    }
  }

  /// Made, for the model `first`.
  static func made() throws -> RegistryFixture { try RegistryFixture(copying: template.get()) }

  nonisolated(unsafe) private static let template = Result {
    let fixture = try RegistryFixture()
    _ = try fixture.create(RegistryFolder(path: fixture.path))
    return fixture
  }

  func create(_ folder: RegistryFolder) throws -> Registry {
    try Registry.create(
      folder, lock: nil, model: model("first"), holdout: scratch.path("holdout.safetensors.gz"),
      datasets: [(scratch.path("start.safetensors.gz"), try Self.findings("a"))],
      settings: "# nothing\n")
  }

  func model(_ name: String) -> String { scratch.path("\(name).gz") }

  /// What a model of the fixture is called in the folder.
  static func name(of model: String) -> String {
    var hash = SHA256()
    Array("model \(model)".utf8).withUnsafeBytes { hash.update($0) }
    return hash.hex.prefix(32) + ".safetensors.gz"
  }

  func open() throws -> Registry { try Registry(path) }

  func deliver(_ name: String) throws {
    try scratch.write("registry/incoming/\(name)", "data of \(name)")
  }

  /// A content of 32 equal digits.
  static func content(_ digit: Character) -> String { String(repeating: digit, count: 32) }

  /// What nn-check prints, about a dataset with such a content.
  static func findings(_ digit: Character, refusing check: String? = nil) throws -> Findings {
    try Findings(
      "check\tverdict\tfound\texpected\ncontent\tgood\t\(content(digit))\t-\nrows\tgood\t7\t-\n"
        + (check.map { "\($0)\trefused\tthis\tthat\n" } ?? ""))
  }

  /// Claims a file and accepts it.
  func accept(_ name: String, _ digit: Character) throws {
    try deliver(name)
    let registry = try open()
    try registry.claim()
    try registry.judge(name, Self.findings(digit), message: nil)
  }

  static func archived(_ digit: Character) -> String { "archive/\(content(digit)).safetensors.gz" }

  /// Every file by its path, with its text without the times; links with their targets.
  func state() throws -> [String: String] {
    var state: [String: String] = [:]
    for case let name as String in try #require(FileManager.default.enumerator(atPath: path)) {
      let full = "\(path)/\(name)"
      if let link = try? FileManager.default.destinationOfSymbolicLink(atPath: full) {
        state[name] = "-> \(link)"
      } else if let text = try? String(contentsOfFile: full, encoding: .utf8) {
        state[name] = name.hasSuffix(".tsv") ? Self.withoutTimes(text) : text
      } else {
        state[name] = "folder"
      }
    }
    return state
  }

  /// A table's text with a word in the place of each row's time.
  private static func withoutTimes(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let time = line.prefix { $0 != "\t" }
      return time.utf8.count == 20 && time.hasSuffix("Z") ? "TIME" + line.dropFirst(20) : line
    }.joined(separator: "\n")
  }

  func table(_ name: String) throws -> [[String]] {
    String(decoding: try scratch.read("registry/\(name)"), as: UTF8.self)
      .split(separator: "\n").dropFirst().map(\.fields)
  }

  /// A folder in which the process ends at the `number`th change, half-way into it: what is written
  /// beside its name is there, and the name is not.
  func folder(killedAt number: Int) -> RegistryFolder {
    var made = 0
    return RegistryFolder(path: path) { [path] change in
      made += 1
      if made < number { return }
      switch change {
      case .write(let name, _), .copy(_, let name, _):
        let (folder, file) = AtomicFile.split("\(path)/\(name)")
        try Data("half of it".utf8).write(
          to: URL(fileURLWithPath: "\(folder)/\(LockedTemporaryFile.name(for: file))"))
      case .point(let name, _):
        let (folder, file) = AtomicFile.split("\(path)/\(name)")
        try FileManager.default.createSymbolicLink(
          atPath: "\(folder)/.\(file).tmp", withDestinationPath: "nowhere")
      case .makeFolder, .move, .remove: break
      }
      throw Killed()
    }
  }
}

/// Runs a verb to its end; kills it before each of its changes in turn, and runs it again: that
/// must come to the same end. So must the verb when it is run once more after its end.
///
/// - Parameters:
///   - prepare: makes the folder that the verb begins with.
///   - changes: how many changes the verb makes.
///   - verb: opens the folder by itself.
func expectSameEnd(
  changes expected: Int, prepare: () throws -> RegistryFixture,
  sourceLocation: SourceLocation = #_sourceLocation,
  verb: (RegistryFixture, RegistryFolder) throws -> Void
) throws {
  func recovered(_ fixture: RegistryFixture) throws -> [String: String] {
    try fixture.open().recover()
    return try fixture.state()
  }
  let beginning = try prepare()
  let undisturbed = try RegistryFixture(copying: beginning)
  var changes = 0
  try verb(undisturbed, RegistryFolder(path: undisturbed.path) { _ in changes += 1 })
  #expect(changes == expected, sourceLocation: sourceLocation)
  let end = try recovered(undisturbed)
  try verb(undisturbed, RegistryFolder(path: undisturbed.path))
  #expect(try recovered(undisturbed) == end, "run twice", sourceLocation: sourceLocation)
  for number in 1...max(changes, 1) {
    let fixture = try RegistryFixture(copying: beginning)
    #expect(throws: Killed.self, sourceLocation: sourceLocation) {
      try verb(fixture, fixture.folder(killedAt: number))
    }
    if let current = RegistryFolder(path: fixture.path).link("models/current") {
      // Whoever uses the model finds a whole one.
      let text = String(
        decoding: try fixture.scratch.read("registry/models/\(current)"), as: UTF8.self)
      #expect(text.hasPrefix("model "), "change \(number)", sourceLocation: sourceLocation)
    }
    try verb(fixture, RegistryFolder(path: fixture.path))
    #expect(try recovered(fixture) == end, "change \(number)", sourceLocation: sourceLocation)
  }
}
