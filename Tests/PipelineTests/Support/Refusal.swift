import Foundation
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
  func refuses() throws {
    let before = try contents(of: folder)
    let outcome = try Tool.run(
      tool, arguments, input: input, in: folder, environment: environment)
    #expect(outcome.message == "\(tool): \(message)\n", sourceLocation: sourceLocation)
    #expect(outcome.status == status, sourceLocation: sourceLocation)
    #expect(outcome.output == [], sourceLocation: sourceLocation)
    try expectSame(contents(of: folder), before, sourceLocation)
  }
  try refuses()
  guard overOldFile, let option = arguments.firstIndex(of: "-o") else { return }
  let output = arguments[option + 1]
  if output.contains("/") || folder.exists(output) { return }
  try folder.write(output, "old")
  defer { try? FileManager.default.removeItem(atPath: folder.path(output)) }
  try refuses()
}

/// The same for a script under plain `sh`, whose standard error must be `message`.
func expectRefusal(
  sh script: String, _ status: Int32, _ message: String, in folder: Scratch,
  shell: String = "/bin/sh", sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let before = try contents(of: folder)
  let outcome = try Tool.sh(script, in: folder, shell: shell)
  #expect(outcome.message == message + "\n", sourceLocation: sourceLocation)
  #expect(outcome.status == status, sourceLocation: sourceLocation)
  try expectSame(contents(of: folder), before, sourceLocation)
}

private func expectSame(
  _ after: [String: [UInt8]?], _ before: [String: [UInt8]?], _ sourceLocation: SourceLocation
) throws {
  #expect(after.keys.sorted() == before.keys.sorted(), sourceLocation: sourceLocation)
  for (name, bytes) in before {
    #expect(after[name] == bytes, "\(name) changed", sourceLocation: sourceLocation)
  }
}

/// Every regular file's bytes; nil for what is none.
private func contents(of folder: Scratch) throws -> [String: [UInt8]?] {
  var contents: [String: [UInt8]?] = [:]
  for name in try folder.names() {
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.path(name))
    let isRegular = attributes[.type] as? FileAttributeType == .typeRegular
    contents.updateValue(isRegular ? try folder.read(name) : nil, forKey: name)
  }
  return contents
}

@Suite struct RefusalTests {
  @Test func aRefusalThatIsNoneIsNoticed() throws {
    let folder = try Step.folder()
    let missing = "nn-inspect: nope: no such file or directory"
    try expectRefusal("nn-inspect", ["nope"], 66, String(missing.dropFirst(12)), in: folder)
    withKnownIssue { try expectRefusal("nn-inspect", ["nope"], 66, "nope", in: folder) }
    withKnownIssue {
      try expectRefusal("nn-inspect", ["nope"], 65, String(missing.dropFirst(12)), in: folder)
    }
    withKnownIssue {
      try expectRefusal(sh: "echo x > net; echo no >&2; exit 65", 65, "no", in: folder)
    }
    withKnownIssue {
      try expectRefusal(sh: "echo x > new; echo no >&2; exit 65", 65, "no", in: folder)
    }
  }
}
