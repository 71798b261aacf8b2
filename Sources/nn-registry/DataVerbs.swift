import ArgumentParser
import ToolSupport

struct Claim: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "claim", abstract: "Move what was delivered to incoming/ into work/claimed/.")

  @OptionGroup var folder: FolderOptions

  func run() throws { try folder.change { try $0.claim() } }
}

struct Judge: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "judge",
    abstract: "Move a claimed file into archive/ or rejected/, by what nn-check found.",
    discussion: """
      A file that is good in all checks goes to archive/. A file that a check refuses, or that has \
      no table as it cannot be read, goes to rejected/, with the message and the table beside it. \
      So does a file whose content came before.
      """)

  @OptionGroup var folder: FolderOptions

  @Argument(help: ArgumentHelp("The file's name in work/claimed/.", valueName: "name"))
  var name: String

  @Option(help: ArgumentHelp("The table that nn-check printed.", valueName: "table"))
  var findings: String

  @Option(help: ArgumentHelp("What it said on standard error.", valueName: "text"))
  var message: String?

  func run() throws {
    if name.isEmpty || name.contains("/") {
      throw StageError.usage("found '\(name)', expected the name of a file in work/claimed/")
    }
    let message = try message.map { try reading($0, as: "--message") { $0 } }
    try reading(findings, as: "--findings") { table in
      let findings = try Findings(table)
      try folder.change { try $0.judge(name, findings, message: message) }
    }
  }
}

struct Data: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Print the archive's datasets of a state, and their rows.")

  @OptionGroup var folder: FolderOptions

  @Argument(help: ArgumentHelp("\(DataState.expected).", valueName: "state"))
  var state: DataState

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Runs that learn data in vain before it counts as learned (default: what settings say).",
      valueName: "n"))
  var tries: PositiveInteger?

  func run() throws {
    let tries = try tries?.value ?? folder.settings.tries
    let data = try Registry(folder.path, lock: folder.descriptor).data(state, tries: tries)
    try printLines(data.map { "\($0.name)\t\($0.rows)" })
  }
}

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Print what the folder holds; takes no lock.")

  @Argument(help: ArgumentHelp("The folder.", valueName: "folder")) var path: String

  func run() throws {
    let settings = try readSettings(path)
    try printLines(Registry.status(path, tries: settings.tries))
  }
}

struct Settings: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settings",
    abstract: "Print what a run goes by: the folder's settings, with others in their place.",
    discussion: "Without a folder, what the file settings may say.")

  @Argument(help: ArgumentHelp("The folder.", valueName: "folder")) var path: String?

  @Argument(help: ArgumentHelp("Settings in place of the folder's.", valueName: "name=value"))
  var given: [String] = []

  func run() throws {
    guard let path else { return try TextOutput().write(RetrainSettings.template) }
    try printLines(readSettings(path, given: given).assignments)
  }
}

struct Lock: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lock",
    abstract: "Take the lock in a descriptor of the caller's and leave it there; print settings.",
    discussion: "What it prints are assignments for a shell, as by the verb settings.")

  @OptionGroup var folder: FolderOptions

  @Argument(help: ArgumentHelp("Settings in place of the folder's.", valueName: "name=value"))
  var given: [String] = []

  func run() throws {
    guard let descriptor = folder.descriptor else {
      throw StageError.usage("--lock is missing, expected a descriptor that stays open")
    }
    let settings = try readSettings(folder.path, given: given)
    try Registry.hold(folder.path, lock: descriptor)
    try printLines(settings.assignments)
  }
}
