import ArgumentParser
import ToolSupport
import Training

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make the folder for a model, with what it has learned so far.")

  @OptionGroup var folder: FolderOptions
  @OptionGroup var model: ModelOptions

  @Option(help: ArgumentHelp("The data that models are judged by.", valueName: "dataset"))
  var holdout: String

  @Option(
    help: ArgumentHelp(
      "What the model has learned; may be given several times.", valueName: "dataset"))
  var learned: [String] = []

  @Option(
    help: ArgumentHelp(
      "What nn-check printed about each of those, in their order.", valueName: "table"))
  var findings: [String] = []

  func run() throws {
    guard learned.count == findings.count else {
      throw StageError.usage(
        "--findings: found \(findings.count), expected one for each of \(learned.count) --learned")
    }
    _ = try model.read { try Model($0) }
    let datasets = try zip(learned, findings).map { file, table in
      (file: file, findings: try reading(table, as: "--findings") { try Findings($0) })
    }
    let registry = try Registry.create(
      folder.path, lock: folder.descriptor, model: model.model, holdout: holdout,
      datasets: datasets, settings: RetrainSettings.template)
    try printLines(registry.events)
  }
}

struct Promote: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "promote", abstract: "Let a model take the place of the one in use.")

  @OptionGroup var folder: FolderOptions
  @Argument(help: ArgumentHelp("The new model.", valueName: "model")) var model: String
  @OptionGroup var outcome: OutcomeOptions

  func run() throws {
    let input = try openInput(model, as: "the model")
    let document = try input.one()
    _ = try input.locating { try Model(document) }
    let verdict = try outcome.verdict("promote", or: "by hand")
    try folder.change { try $0.promote(model, verdict, learning: outcome.datasets) }
  }
}

struct Keep: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keep",
    abstract: "Note that data was learned in vain: the model in use stays.")

  @OptionGroup var folder: FolderOptions
  @OptionGroup var outcome: OutcomeOptions

  func run() throws {
    let verdict = try outcome.verdict(nil, or: "by hand")
    try folder.change { try $0.keep(verdict.reason, outcome.datasets) }
  }
}

/// What a challenger has learned, and what was found of it.
struct OutcomeOptions: ParsableArguments {
  @Argument(
    help: ArgumentHelp("Datasets of archive/ that the new model learned.", valueName: "dataset"))
  var datasets: [String] = []

  @Option(help: ArgumentHelp("What nn-gate printed.", valueName: "file"))
  var verdict: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Why, where there is no --verdict.", valueName: "text"))
  var reason: String?

  func verdict(_ word: String?, or standard: String) throws -> Verdict {
    guard let verdict else { return Verdict(reason: reason ?? standard) }
    if reason != nil { throw StageError.usage("--verdict and --reason exclude each other") }
    return try reading(verdict, as: "--verdict") { try Verdict(line: $0, requiring: word) }
  }
}

struct Rollback: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback", abstract: "Let the current and the previous model change places.")

  @OptionGroup var folder: FolderOptions

  @Option(
    help: ArgumentHelp(
      "Do so only while this is the current model, so that doing it again does not undo it.",
      valueName: "model"))
  var from: String?

  func run() throws { try folder.change { try $0.rollBack(from: from) } }
}

struct Prune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune",
    abstract: "Remove all models but the current, the previous and the last that were promoted.")

  @OptionGroup var folder: FolderOptions

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How many of these (default: what settings say).", valueName: "n"))
  var keep: PositiveInteger?

  func run() throws {
    let count = try keep?.value ?? folder.settings.keep
    try folder.change { try $0.prune(keeping: count) }
  }
}

struct Recover: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover", abstract: "Finish or remove what a killed process left half-done.")

  @OptionGroup var folder: FolderOptions

  func run() throws { try folder.change { try $0.recover() } }
}

struct Holdout: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "holdout",
    abstract: "Print the file that models are judged by, if it is still what it was.")

  @OptionGroup var folder: FolderOptions

  func run() throws {
    let file = try Registry(folder.path, lock: folder.descriptor).holdout()
    try printLines([file])
  }
}
