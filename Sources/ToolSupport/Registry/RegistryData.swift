import Tensors

// What comes in, and what becomes of it.

extension Registry {
  /// Moves the complete files of `incoming/` to `work/claimed/`, out of reach of those who deliver.
  ///
  /// Complete are regular files whose names end in `.safetensors` or `.safetensors.gz` and do not
  /// begin with a dot. A name that is claimed already waits for the next time.
  public func claim() throws {
    for name in try folder.names(in: "incoming") {
      guard let name else {
        note("left", "incoming/?", "its name is not UTF-8")
        continue
      }
      if name.hasPrefix(".") { continue }
      let file = "incoming/\(name)"
      guard documentEnding(of: name) != nil else {
        note("left", file, "it does not end in .safetensors or .safetensors.gz")
        continue
      }
      guard folder.kind(file) == .file else {
        note("left", file, "it is no regular file")
        continue
      }
      if folder.exists("work/claimed/\(name)") { continue }
      try folder.make(.move(file, to: "work/claimed/\(name)"))
      note("claimed", name)
    }
  }

  /// Moves a claimed file to the archive, or to `rejected/` when a check refuses it or it could not
  /// be read.
  ///
  /// - Parameter message: what `nn-check` said on standard error, the reason for a rejection.
  public func judge(_ name: String, _ findings: Findings, message: String?) throws {
    if findings.refused == nil && findings.content != nil { return try accept(name, findings) }
    let said = message?.replacing("\(folder.full("work/claimed"))/", with: "")
      .split(separator: "\n").joined(separator: " ")
    let reason =
      said.flatMap { $0.isEmpty ? nil : $0 } ?? findings.refused.map { "\($0): refused" }
      ?? "it cannot be read"
    try reject(name, because: reason, findings)
  }

  /// Gives a claimed file its place in the archive.
  ///
  /// One whose content was learned, or is about to be, is moved to `rejected/` as `reject` does it.
  ///
  /// - Parameters:
  ///   - name: the file's in `work/claimed/`.
  ///   - findings: what `nn-check` found in it; all good.
  /// - Throws: `RegistryFault` for other findings; `StageError.inputMissing` for a file that is
  ///   neither claimed nor in the archive.
  func accept(_ name: String, _ findings: Findings) throws {
    let file = "work/claimed/\(name)"
    let data = try Self.content(of: findings)
    guard folder.exists(file) else {
      if archivedName(data.content) != nil { return }
      throw StageError.inputMissing(printable(file), reason: "no such file")
    }
    if try isKnown(data.content) { return try rejectKnown(name, findings) }
    let target = try accepted(name, findings)
    try folder.make(.move(file, to: target))
    note("accepted", name, target)
  }

  /// Moves a claimed file to `rejected/`, with the reason and what was found beside it.
  ///
  /// One whose content came before is no fault of who delivers: its reason is `known`.
  ///
  /// - Parameter findings: without content where the file could not be read.
  /// - Throws: `StageError.inputMissing` for a file that is neither claimed nor rejected.
  func reject(_ name: String, because reason: String, _ findings: Findings) throws {
    if let content = findings.content, try isKnown(content) {
      return try rejectKnown(name, findings)
    }
    try reject(name, as: "refused", because: reason, findings)
  }

  private func rejectKnown(_ name: String, _ findings: Findings) throws {
    let reason = "known: its content is that of archive/\(findings.content ?? "")"
    try reject(name, as: "known", because: reason, findings)
  }

  private func reject(
    _ name: String, as word: String, because reason: String, _ findings: Findings
  ) throws {
    let file = "work/claimed/\(name)"
    var short = name
    // Room for what is added to it.
    if name.utf8.count > 200 {
      var hash = SHA256()
      Array(name.utf8).withUnsafeBytes { hash.update($0) }
      short = hash.hex.prefix(32) + ".safetensors"
    }
    guard folder.exists(file) else {
      if folder.exists("rejected/\(short)") { return }
      throw StageError.inputMissing(printable(file), reason: "no such file")
    }
    var (target, number) = (short, 1)
    while folder.exists("rejected/\(target)") {
      number += 1
      target = "\(number).\(short)"
    }
    let reason = printable(reason)
    try folder.make(.write("rejected/\(target).reason", text: "\(reason)\n\(findings.text)"))
    try folder.make(.move(file, to: "rejected/\(target)"))
    note(word, "rejected/\(target)", reason)
  }

  /// The archive's datasets of a state, in the order of their contents.
  ///
  /// - Parameter tries: how many challengers may learn data in vain before it counts as learned.
  public func data(_ state: DataState, tries: Int) throws -> [(name: String, rows: String)] {
    let learning = try Learning.all(in: table(.learned))
    let data = try Self.archive(in: folder).compactMap { name in
      let known = learning[hashInName(name) ?? "", default: Learning()]
      return known.is(state, tries: tries) ? (name: "archive/\(name)", rows: known.rows) : nil
    }
    return try state == .beside && data.isEmpty ? self.data(.waiting, tries: tries) : data
  }

  /// Names of the archive's datasets, which may come with folders before them, without those.
  ///
  /// - Throws: `StageError.inputMissing` for another name.
  func archived(_ names: [String]) throws -> [String] {
    try names.map { path in
      let name = AtomicFile.split(path).name
      guard hashInName(name) != nil, folder.exists("archive/\(name)") else {
        throw StageError.inputMissing(printable(path), reason: "no such dataset in archive/")
      }
      return name
    }
  }

  private static func archive(in folder: RegistryFolder) throws -> [String] {
    try folder.names(in: "archive").compactMap(\.self).filter { hashInName($0) != nil }
  }

  /// Notes a dataset as accepted, once; where it belongs in the archive.
  func accepted(_ file: String, _ findings: Findings) throws -> String {
    let (content, rows) = try Self.content(of: findings)
    let name = AtomicFile.split(file).name
    let shown = bashWord(name)
    let isNoted = try table(.learned).rows.contains {
      $0[1] == content && $0[4] == "accepted" && $0[3] == shown
    }
    if !isNoted {
      try add([[timestamp(), content, rows, shown, "accepted", "-", "-"]], to: .learned)
    }
    return "archive/\(content)\(documentEnding(of: name) ?? ".safetensors.gz")"
  }

  private static func content(of findings: Findings) throws -> (content: String, rows: String) {
    if let check = findings.refused { throw RegistryFault.refusedCheck(check) }
    guard let content = findings.content, isHex(content, digits: 32) else {
      throw RegistryFault.noContent(found: findings.content ?? "")
    }
    guard let rows = findings.rows, let count = Int(rows), count >= 0 else {
      throw RegistryFault.badRows(found: findings.rows ?? "")
    }
    return (content, String(count))
  }

  /// The file of the archive that has the content.
  private func archivedName(_ content: String) -> String? {
    [".safetensors.gz", ".safetensors"].map { "archive/\(content)\($0)" }
      .first { folder.exists($0) }
  }

  /// Whether such content was learned or is about to be. What was only noted as accepted may not
  /// have reached the archive.
  private func isKnown(_ content: String) throws -> Bool {
    if archivedName(content) != nil { return true }
    return try table(.learned).rows.contains { $0[1] == content && $0[4] != "accepted" }
  }

  /// What the folder holds now, as tab-separated lines of a word and a value. Takes no lock and
  /// changes nothing, so it may see a run half-way.
  ///
  /// - Parameter tries: as for `data`.
  public static func status(_ path: String, tries: Int) throws -> [String] {
    let folder = RegistryFolder(path: path)
    for part in [""] + parts { _ = try folder.device(of: part) }
    let learning = try Learning.all(in: table(.learned, in: folder))
    let archive = try archive(in: folder).map {
      learning[hashInName($0) ?? "", default: Learning()]
    }
    let last = try table(.promotions, in: folder).rows.last
    func count(_ part: String) throws -> String {
      String(try folder.names(in: part).count { $0.flatMap(documentEnding) != nil })
    }
    let lines = try [
      ["current", folder.link("models/current") ?? "-"],
      ["previous", folder.link("models/previous") ?? "-"],
      ["promoted", last?[0] ?? "-"], ["reason", last?.last ?? "-"],
      ["unfinished", folder.exists(intentName) ? "a promotion (nn-registry recover)" : "-"],
      ["models", count("models")], ["incoming", count("incoming")],
      ["claimed", count("work/claimed")], ["rejected", count("rejected")],
    ]
    let states = [DataState.fresh, .waiting, .learned].map { state in
      [state.rawValue, String(archive.count { $0.is(state, tries: tries) })]
    }
    return (lines + states).map(\.tabbed)
  }
}

/// The table of checks that `nn-check` printed about a dataset.
public struct Findings {
  /// As it was printed.
  let text: String
  /// The hash of inputs, targets and classes; nil for a dataset that could not be read.
  let content: String?
  let rows: String?
  /// The first check that refuses the dataset.
  let refused: String?

  /// - Parameter text: the table; empty for a dataset that could not be read.
  /// - Throws: `RegistryFault.wrongColumns`; `StageError.otherColumns`.
  public init(_ text: String) throws {
    self.text = text
    var (content, rows, refused): (String?, String?, String?) = (nil, nil, nil)
    let columns = ["check", "verdict", "found", "expected"]
    let lines = text.split(separator: "\n").map(\.fields)
    for (index, line) in lines.enumerated() {
      guard line.count == columns.count else {
        throw RegistryFault.wrongColumns(
          line: index + 1, found: line.count, expected: columns.count)
      }
      if index == 0 && line != columns {
        throw StageError.otherColumns(found: line.tabbed, expected: columns.tabbed)
      }
      if line[0] == "content" { content = line[2] }
      if line[0] == "rows" { rows = line[2] }
      if line[1] == "refused" && refused == nil { refused = line[0] }
    }
    (self.content, self.rows, self.refused) = (content, rows, refused)
  }
}
