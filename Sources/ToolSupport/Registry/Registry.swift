import Tensors

/// A folder of models in use and of the data that they learn from: a small database of plain files.
///
/// docs/RETRAIN.md says what lies in the folder. Every verb takes the folder's lock, finishes a
/// promotion that a killed process had begun, makes its own changes one after the other
/// (`RegistryChange`), and can be run again after it was killed between any two of them: it then
/// comes to the same end. A verb that has nothing to do changes nothing.
public final class Registry {
  /// What was done, in order, as tab-separated lines: a word, a name, and a remark if there is one.
  public private(set) var events: [String] = []
  let folder: RegistryFolder
  private let lock: RegistryLock

  /// Where everything lies, within the folder.
  static let parts = [
    "incoming", "rejected", "archive", "models", "holdout", "logs", "work", "work/claimed",
  ]
  static let learnedName = "archive/learned.tsv"
  static let promotionsName = "models/promotions.tsv"
  static let intentName = "models/intent"
  static let sumsName = "holdout/SHA256SUMS"

  /// Opens a folder for one verb.
  ///
  /// - Parameters:
  ///   - path: the folder.
  ///   - lock: a descriptor of the folder's `lock` that the caller has open; nil to lock for this
  ///     verb alone.
  /// - Throws: `StageError.locked` when another process works there; `.inputMissing` for a folder
  ///   that `create` has not made; `.usage` for one on several file systems; what its promotion
  ///   that was under way throws.
  public convenience init(_ path: String, lock descriptor: Int32? = nil) throws {
    try self.init(RegistryFolder(path: path), lock: descriptor)
  }

  convenience init(_ folder: RegistryFolder, lock descriptor: Int32? = nil) throws {
    try self.init(locking: folder, descriptor)
    try finishPromotion()
  }

  private init(locking folder: RegistryFolder, _ descriptor: Int32?) throws {
    let devices = try ([""] + Self.parts).map { try folder.device(of: $0) }
    // A rename takes a file whole only within one file system.
    guard Set(devices).count == 1 else {
      throw StageError.usage(
        "\(printable(folder.path)): its folders are on several file systems, expected one")
    }
    self.folder = folder
    lock = try RegistryLock(folder.full("lock"), descriptor: descriptor)
  }

  /// Takes a folder's lock in a descriptor of the caller's, and leaves it there.
  ///
  /// - Throws: as `init`.
  public static func hold(_ path: String, lock descriptor: Int32) throws {
    _ = try RegistryLock(RegistryFolder(path: path).full("lock"), descriptor: descriptor)
  }

  /// The text of a folder's file `settings`; nil where there is none.
  public static func settings(_ path: String) throws -> String? {
    let folder = RegistryFolder(path: path)
    _ = try folder.device(of: "")
    return try folder.text("settings")
  }

  func note(_ word: String, _ name: String, _ remark: String? = nil) {
    events.append(([word, printable(name)] + (remark.map { [printable($0)] } ?? [])).tabbed)
  }

  // MARK: - Setting up

  /// Makes the folder, or the rest of it where a process that made it was killed.
  ///
  /// - Parameters:
  ///   - model: the first model in use.
  ///   - holdout: the data that models are judged by.
  ///   - datasets: what the model has learned so far, each with the table that `nn-check` printed.
  ///   - settings: the text of the file `settings`, where there is none yet.
  /// - Throws: `StageError.usage` when there is a model already.
  public static func create(
    _ path: String, lock descriptor: Int32? = nil, model: String, holdout: String,
    datasets: [(file: String, findings: Findings)], settings: String
  ) throws -> Registry {
    try create(
      RegistryFolder(path: path), lock: descriptor, model: model, holdout: holdout,
      datasets: datasets, settings: settings)
  }

  static func create(
    _ folder: RegistryFolder, lock descriptor: Int32?, model: String, holdout: String,
    datasets: [(file: String, findings: Findings)], settings: String
  ) throws -> Registry {
    for name in [""] + parts where !folder.exists(name) { try folder.make(.makeFolder(name)) }
    let registry = try Registry(locking: folder, descriptor)
    // The last step of a process that was killed at it.
    if try registry.finishPromotion() != nil { return registry }
    guard registry.current == nil else {
      throw StageError.usage("\(printable(folder.path)) has a model already")
    }
    let name = try registry.install(model)
    try registry.freeze(holdout)
    for (file, findings) in datasets {
      let data = try registry.accepted(file, findings)
      try registry.copy(file, to: data)
    }
    if !folder.exists("settings") { try folder.make(.write("settings", text: settings)) }
    let learned = try registry.archived(registry.data(.waiting, tries: .max).map(\.name))
    try registry.promote(
      name, over: nil, Verdict(reason: "start"), learning: learned, outcome: "start")
    return registry
  }

  private func freeze(_ holdout: String) throws {
    let hash = try sha256(of: holdout)
    let name = "holdout\(documentEnding(of: holdout) ?? ".safetensors.gz")"
    try copy(holdout, to: "holdout/\(name)", sha256: hash)
    try folder.make(.write(Self.sumsName, text: "\(hash)  \(name)\n"))
  }

  private func copy(_ file: String, to name: String, sha256 known: String? = nil) throws {
    let hash = try known ?? sha256(of: file)
    try folder.make(.copy(from: file, to: name, sha256: hash))
  }

  // MARK: - Models

  /// The model in use; nil where there is none.
  var current: String? { folder.link("models/current") }
  /// The model before it.
  var previous: String? { folder.link("models/previous") }

  /// Lets a model take the place of the one in use.
  ///
  /// Where it is the one in use already, data that it has not learned counts as learned in vain.
  ///
  /// - Parameters:
  ///   - file: the model, whole; it stays where it is.
  ///   - datasets: what it has learned besides the model before it; files of the archive.
  public func promote(_ file: String, _ verdict: Verdict, learning datasets: [String]) throws {
    let datasets = try archived(datasets)
    let current = try requireModel()
    let hash = try sha256(of: file)
    if Self.modelName(file, hash) == current {
      let new = try table(.learned).rows.filter { $0[5] == current && $0[4] == "promoted" }
      let known = Set(new.map { $0[1] })
      return try keep(verdict.reason, datasets.filter { !known.contains(hashInName($0) ?? "") })
    }
    let name = try install(file, sha256: hash)
    try promote(name, over: current, verdict, learning: datasets, outcome: "promoted")
  }

  /// Notes that a challenger has learned data of the archive in vain: the model in use stays.
  ///
  /// Every such run learns something fresh; where nothing is fresh, it was noted before.
  public func keep(_ reason: String, _ datasets: [String]) throws {
    let names = try archived(datasets)
    let current = try requireModel()
    let learning = try Learning.all(in: table(.learned))
    let isNew = names.contains {
      learning[hashInName($0) ?? "", default: Learning()].is(.fresh, tries: .max)
    }
    guard isNew else { return }
    try add(learnedRows(names, outcome: "kept", model: current, reason), to: .learned)
    note("kept", current, reason)
  }

  /// Lets the current and the previous model change places.
  ///
  /// - Parameter replaced: the model that must be in use; where another is, nothing changes, so
  ///   that running this again does not undo it. Nil for any.
  /// - Throws: `StageError.inputMissing` where there is no previous model.
  public func rollBack(from replaced: String? = nil) throws {
    // What a killed rollback had begun was finished when the folder was opened.
    if finished?.promotion.last == Self.rollback { return }
    let current = try requireModel()
    if let replaced, replaced != current { return }
    guard let previous, folder.exists("models/\(previous)") else {
      throw StageError.inputMissing(
        "models/previous", reason: "there is no model to go back to")
    }
    try promote(
      previous, over: current, Verdict(reason: Self.rollback), learning: [], outcome: "")
  }

  private static let rollback = "rollback"

  /// Removes all models but the current, the previous and the last `count` that were promoted, and
  /// all logs but the last 100.
  public func prune(keeping count: Int) throws {
    let kept = lastPromoted(try table(.promotions), count).union(
      [current, previous].compactMap(\.self))
    let models = try folder.names(in: "models").compactMap(\.self).filter(isModelName)
    for name in models where !kept.isEmpty && !kept.contains(name) {
      try folder.make(.remove("models/\(name)"))
      note("removed", "models/\(name)", "older than the last \(count)")
    }
    let logs = try folder.names(in: "logs").compactMap(\.self).filter { $0.hasSuffix(".log") }
    for name in logs.dropLast(100) { try folder.make(.remove("logs/\(name)")) }
  }

  /// Removes what killed processes have left half-written, and makes sure that there is a model in
  /// use. (A promotion that was under way was finished when the folder was opened.)
  public func recover() throws {
    for part in ["models", "archive", "rejected", "holdout"] {
      for name in try folder.names(in: part).compactMap(\.self)
      where name.hasSuffix(".partial") || name.hasSuffix(".all")
        || name.hasPrefix(".") && name.hasSuffix(".tmp")
      {
        try folder.make(.remove("\(part)/\(name)"))
      }
    }
    _ = try requireModel()
  }

  /// Makes sure that what models are judged by is what it was.
  ///
  /// - Returns: the file, within the folder.
  /// - Throws: `RegistryFault.holdoutChanged`, `.badSums`; `StageError.inputMissing`.
  public func holdout() throws -> String {
    guard let text = try folder.text(Self.sumsName) else {
      throw StageError.inputMissing(Self.sumsName, reason: "no such file (retrain.sh --init)")
    }
    var names: [String] = []
    for (index, line) in text.split(separator: "\n").enumerated() {
      let (hash, name) = (line.prefix(64), line.dropFirst(66))
      guard isHex(hash, digits: 64), line.dropFirst(64).hasPrefix("  "), !name.isEmpty,
        !name.contains("/")
      else {
        throw locatedError(
          Self.sumsName, RegistryFault.badSums(line: index + 1, found: String(line)))
      }
      guard try sha256(of: folder.full("holdout/\(name)")) == hash else {
        throw locatedError("holdout", RegistryFault.holdoutChanged)
      }
      names.append("holdout/\(name)")
    }
    guard let first = names.first else {
      throw locatedError(Self.sumsName, RegistryFault.badSums(line: 1, found: ""))
    }
    return first
  }

  /// The model in use.
  ///
  /// - Throws: `StageError.inputMissing` where there is none.
  private func requireModel() throws -> String {
    guard let current, folder.exists("models/\(current)") else {
      throw StageError.inputMissing(
        "models/current", reason: "there is no model (retrain.sh --init)")
    }
    return current
  }

  /// What a model is called: the first 32 digits of its bytes' SHA-256, and its ending.
  private static func modelName(_ file: String, _ hash: String) -> String {
    hash.prefix(32) + (documentEnding(of: file) ?? ".safetensors.gz")
  }

  /// Copies a model to those in use, under its name.
  private func install(_ file: String, sha256 known: String? = nil) throws -> String {
    let hash = try known ?? sha256(of: file)
    let name = Self.modelName(file, hash)
    try copy(file, to: "models/\(name)", sha256: hash)
    return name
  }

  // MARK: - A promotion

  /// The promotion that this verb found begun and has finished.
  private var finished: RegistryIntent?

  /// Writes down that a model is to take another's place, then does it.
  private func promote(
    _ new: String, over old: String?, _ verdict: Verdict, learning datasets: [String],
    outcome: String
  ) throws {
    let promotion = [timestamp(), old ?? "-", new] + verdict.figures + [verdict.reason]
    let intent = RegistryIntent(
      old: old, new: new, promotion: promotion,
      learned: try learnedRows(datasets, outcome: outcome, model: new, verdict.reason))
    try folder.make(.write(Self.intentName, text: intent.text))
    try carryOut(intent)
  }

  /// Does what is written down, if anything is.
  @discardableResult
  private func finishPromotion() throws -> RegistryIntent? {
    guard let text = try folder.text(Self.intentName) else { return nil }
    let intent = try locating(Self.intentName) { try RegistryIntent(text) }
    try carryOut(intent)
    finished = intent
    return intent
  }

  /// Each step can be done again without harm, so whoever finds the intent does them all.
  private func carryOut(_ intent: RegistryIntent) throws {
    guard folder.exists("models/\(intent.new)") else {
      throw StageError.inputMissing(
        Self.intentName, reason: "it names models/\(intent.new), which is not there")
    }
    if let old = intent.old { try folder.make(.point("models/previous", to: old)) }
    try folder.make(.point("models/current", to: intent.new))
    try add([intent.promotion], to: .promotions)
    try add(intent.learned, to: .learned)
    try folder.make(.remove(Self.intentName))
    note("promoted", intent.new, intent.promotion.last)
  }

  // MARK: - Tables

  enum Table { case learned, promotions }

  func table(_ which: Table) throws -> RegistryTable { try Self.table(which, in: folder) }

  static func table(_ which: Table, in folder: RegistryFolder) throws -> RegistryTable {
    let (name, columns) =
      which == .learned
      ? (learnedName, RegistryTable.learnedColumns)
      : (promotionsName, RegistryTable.promotionColumns)
    return try locating(name) { try RegistryTable(folder.text(name), columns: columns) }
  }

  /// Adds rows to a table, those that it has already not again.
  func add(_ rows: [[String]], to which: Table) throws {
    var table = try table(which)
    guard table.add(rows) else { return }
    let name = which == .learned ? Self.learnedName : Self.promotionsName
    try folder.make(.write(name, text: table.text))
  }

  /// The rows of `learned.tsv` about datasets of the archive.
  private func learnedRows(
    _ names: [String], outcome: String, model: String, _ reason: String
  ) throws -> [[String]] {
    let (now, learning) = (timestamp(), try Learning.all(in: table(.learned)))
    return names.compactMap(hashInName).map { data in
      let known = learning[data, default: Learning()]
      return [now, data, known.rows, known.file, outcome, model, reason]
    }
  }
}

/// What was found when a challenger was compared with the model in use.
public struct Verdict {
  /// `nn-gate`'s second to eleventh column; dashes where nothing was measured.
  let figures: [String]
  public let reason: String

  /// A reason alone; nothing was measured.
  public init(reason: String) {
    figures = [String](repeating: "-", count: RegistryTable.promotionColumns.count - 4)
    self.reason = printable(reason)
  }

  /// - Parameters:
  ///   - text: the line that `nn-gate` printed.
  ///   - word: what it must decide, `promote` or `keep`; nil for either.
  /// - Throws: `RegistryFault.wrongVerdict`, `.wrongColumns`.
  public init(line text: String, requiring word: String?) throws {
    let fields = text.split(separator: "\n").first.map(\.fields) ?? []
    let expected = RegistryTable.promotionColumns.count - 2
    guard fields.count == expected else {
      throw RegistryFault.wrongColumns(line: 1, found: fields.count, expected: expected)
    }
    guard word.map({ $0 == fields[0] }) ?? ["promote", "keep"].contains(fields[0]) else {
      throw RegistryFault.wrongVerdict(found: fields[0], expected: word ?? "promote or keep")
    }
    figures = Array(fields[1..<(expected - 1)])
    reason = printable(fields[expected - 1])
  }
}

extension [String] {
  var tabbed: String { joined(separator: "\t") }
}
