import Foundation
import Scratch
import Testing

/// Expects a program to refuse: to end with `status` and exactly the line `tool: message` on standard error, to write
/// nothing to standard output, and to leave every file in the folder as it was and add none.
///
/// When the arguments hold `-o`, it runs a second time over a file that is already there, unless told not to.
func expectRefusal(
  _ tool: String, _ arguments: [String], _ status: Int32, _ message: String,
  input: [UInt8]? = nil, overOldFile: Bool = true, in folder: Scratch,
  environment: [String: String] = [:],
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let wanted = Refusal(status: status, message: "\(tool): \(message)\n")
  func refuses() throws {
    let shortcomings = try wanted.shortcomings(in: folder) {
      try Tool.run(tool, arguments, input: input, in: folder, environment: environment)
    }
    #expect(shortcomings == [], sourceLocation: sourceLocation)
  }
  try refuses()
  guard overOldFile, let option = arguments.firstIndex(of: "-o") else { return }
  let output = arguments[option + 1]
  if output.contains("/") || folder.exists(output) { return }
  try folder.write(output, "old")
  defer { try? FileManager.default.removeItem(atPath: folder.path(output)) }
  try refuses()
}

/// The same for a script under plain `sh`, whose standard error must be `message`; it may write to standard output.
func expectRefusal(
  sh script: String, _ status: Int32, _ message: String, in folder: Scratch,
  shell: String = "/bin/sh", sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let wanted = Refusal(status: status, message: message + "\n", isSilent: false)
  let shortcomings = try wanted.shortcomings(in: folder) {
    try Tool.sh(script, in: folder, shell: shell)
  }
  #expect(shortcomings == [], sourceLocation: sourceLocation)
}

/// How a program is to refuse.
struct Refusal {
  let status: Int32
  let message: String
  /// Whether it is to write nothing to standard output.
  var isSilent = true

  /// In what `run` was no such refusal; empty when it was.
  func shortcomings(in folder: Scratch, _ run: () throws -> Outcome) throws -> [String] {
    let before = try contents(of: folder)
    let outcome = try run()
    let after = try contents(of: folder)
    var shortcomings = [String]()
    if outcome.message != message {
      shortcomings.append("found message \(outcome.message), expected \(message)")
    }
    if outcome.status != status {
      shortcomings.append("found status \(outcome.status), expected \(status)")
    }
    if isSilent && !outcome.output.isEmpty {
      shortcomings.append("found \(outcome.output.count) bytes of output, expected none")
    }
    for name in Set(before.keys).union(after.keys).sorted() where before[name] != after[name] {
      let change =
        before[name] == nil ? "is new" : after[name] == nil ? "is gone" : "has changed"
      shortcomings.append("file '\(name)' \(change)")
    }
    return shortcomings
  }

  /// Every regular file's bytes; none for what is no regular file.
  private func contents(of folder: Scratch) throws -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    for name in try folder.names() {
      let attributes = try FileManager.default.attributesOfItem(atPath: folder.path(name))
      let isRegular = attributes[.type] as? FileAttributeType == .typeRegular
      contents[name] = isRegular ? try folder.read(name) : []
    }
    return contents
  }
}

@Suite struct RefusalTests {
  @Test func aRefusalThatIsNoneIsNoticed() throws {
    let folder = try Scratch()
    try folder.write("net", "old")
    func shortcomings(_ script: String, _ wanted: Refusal) throws -> [String] {
      try wanted.shortcomings(in: folder) { try Tool.sh(script, in: folder) }
    }
    let wanted = Refusal(status: 65, message: "no\n")
    #expect(try shortcomings("echo no >&2; exit 65", wanted) == [])
    #expect(
      try shortcomings("echo yes >&2; exit 66", wanted)
        == ["found message yes\n, expected no\n", "found status 66, expected 65"])
    #expect(
      try shortcomings("echo x; echo no >&2; exit 65", wanted)
        == ["found 2 bytes of output, expected none"])
    #expect(
      try shortcomings("echo x > net; echo no >&2; exit 65", wanted)
        == ["file 'net' has changed"])
    #expect(
      try shortcomings("echo x > new; echo no >&2; exit 65", wanted) == ["file 'new' is new"])
    #expect(
      try shortcomings("rm net; echo no >&2; exit 65", wanted) == ["file 'net' is gone"])
  }
}
