import ArgumentParser
import Tensors
import ToolSupport
import Training

@main
struct RegistryTool: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-registry",
    abstract: "Keep a folder of models in use, and of the data that they learn from.",
    discussion: """
      Reads and changes the folder that pipelines/scripts/retrain.sh works in, and prints what it did, one \
      tab-separated line each. docs/RETRAIN.md says what lies in the folder. Each verb locks the \
      folder and finishes a promotion that a killed process had begun. Then it makes its own \
      changes, so that the folder is whole at any moment. A verb that was killed can be run again, \
      and comes to the same end. For several verbs under one lock, a shell opens the folder's file \
      lock and gives the descriptor's number to every verb:

        exec 9>>/srv/retrain/lock
        nn-registry lock /srv/retrain --lock 9
        nn-registry claim /srv/retrain --lock 9 | grep claimed

      Exit: 0 done, 64 usage, 65 bad data, 66 file missing, 71 no memory, 73/74 output, \
      75 another process is at work in the folder.
      """,
    version: version,
    subcommands: [
      Init.self, Lock.self, Recover.self, Holdout.self, Claim.self, Judge.self, Data.self,
      Promote.self, Keep.self, Rollback.self, Prune.self, Status.self, Settings.self,
    ])

  func run() throws {
    let verbs = Self.configuration.subcommands.compactMap { $0.configuration.commandName }
    throw StageError.usage(
      "found no verb, expected one of \(verbs.joined(separator: ", ")) (see nn-registry --help)")
  }
}

/// The folder, and who locks it.
struct FolderOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The folder that init has made.", valueName: "folder"))
  var path: String

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "A descriptor that the caller has open on the folder's file lock.", valueName: "descriptor"))
  var lock: NaturalNumber?

  var descriptor: Int32? { lock.map { Int32(clamping: $0.value) } }

  /// Runs a verb and prints what was done, also when it failed half-way.
  func change(_ verb: (Registry) throws -> Void) throws {
    let registry = try Registry(path, lock: descriptor)
    do {
      try verb(registry)
    } catch {
      try? printLines(registry.events)
      throw error
    }
    try printLines(registry.events)
  }

  /// What the folder's file `settings` says.
  var settings: RetrainSettings { get throws { try readSettings(path) } }
}

/// The settings of a folder, with others in their place.
///
/// - Parameter given: `name=value` or, as retrain.sh has them, `--name=value`.
func readSettings(_ folder: String, given: [String] = []) throws -> RetrainSettings {
  var settings = RetrainSettings()
  if let text = try Registry.settings(folder) { try settings.read(text) }
  for word in given {
    let option = word.prefix { $0 != "=" }
    try settings.set(
      String(option.drop { $0 == "-" }), to: String(word.dropFirst(option.count + 1)),
      at: String(option))
  }
  return settings
}

func printLines(_ lines: [String]) throws {
  let output = try TextOutput()
  for line in lines { try output.write(line + "\n") }
  try output.finish()
}

/// Reads a small text; its errors name the file.
func reading<Result>(_ path: String, as role: String, _ body: (String) throws -> Result) throws
  -> Result
{
  let input = try BytesInput(path, as: role)
  let text = try input.text(limit: 1 << 20)
  return try locating(input.name) { try body(text) }
}
