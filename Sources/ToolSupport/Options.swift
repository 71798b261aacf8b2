import ArgumentParser
import CLibrary
import CProcessor
import Safetensors

/// `-o` and `--level`, of every tool that writes documents.
public struct OutputOptions: ParsableArguments {
  @Option(
    name: [.short, .customLong("output")],
    help: ArgumentHelp(
      """
      Write here instead of to standard output; the file appears whole or not at all, plain where its name \
      ends in .safetensors, otherwise gzip-compressed.
      """,
      valueName: "file"))
  public var output: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Compression, 0 to 9 (default: \(DocumentOutput.defaultLevel) into a file, 0 into a pipe).",
      valueName: "n"))
  public var level: Level?

  public init() {}

  /// Opens it.
  ///
  /// - Parameter lending: as for `DocumentOutput`.
  public func open(lending: Bool = false) throws -> DocumentOutput {
    try DocumentOutput(output, level: level?.value, lending: lending)
  }
}

/// `-q`, of every tool that has something to say.
public struct MessageOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "No progress on the terminal.")
  public var quiet = false

  public init() {}
}

/// `-m`, of every tool that computes with a model.
public struct ModelOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: ArgumentHelp("The model.", valueName: "file"))
  public var model: String

  public init() {}

  /// The model's document; `build` makes it a model, and its errors name the file.
  ///
  /// - Parameter output: whose closing ends a wait for input.
  public func read<R>(
    watching output: DocumentOutput? = nil, _ build: (Document) throws -> R
  ) throws -> R {
    let input = try openInput(model, as: "--model", watching: output)
    let document = try input.one()
    return try input.locating { try build(document) }
  }
}

/// `-s`, of every tool that draws at random.
public struct SeedOptions: ParsableArguments {
  @Option(
    name: [.customShort("s", allowingJoined: true), .customLong("seed")], parsing: .unconditional,
    help: ArgumentHelp(
      "The start of the random numbers; the same seed draws the same.", valueName: "n"))
  private var start = Seed(1)

  public init() {}

  public var seed: UInt64 { start.value }
}

/// `-j`, of every tool that computes in several threads.
public struct JobsOptions: ParsableArguments {
  @Option(
    name: [.customShort("j", allowingJoined: true), .customLong("jobs")], parsing: .unconditional,
    help: ArgumentHelp(
      "Threads; the result does not depend on it (default: one per core).", valueName: "n"))
  public var jobs: ThreadCount?

  public init() {}

  public var count: Int { jobs?.value ?? coreCount() }
}

/// The cores that the process may use, as `taskset` and containers bound them; where the system does not say, those of the machine.
func coreCount() -> Int {
  let own = Int(nn_processor_core_count())
  return own > 0 ? own : max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}

/// Opens a file, or standard input for `-`.
///
/// - Parameters:
///   - path: the file; nil for standard input.
///   - role: what is read, as a message about two inputs from standard input names it.
///   - output: whose closing ends a wait for input.
///   - digest: takes in every decompressed byte.
/// - Throws: `StageError.inputMissing`; `.usage` when standard input is taken, or a terminal.
public func openInput(
  _ path: String?, as role: String, watching output: DocumentOutput? = nil, digest: Digest? = nil
) throws -> DocumentInput {
  try DocumentInput(
    openDescriptor(path, as: role), watching: output?.descriptor, digest: digest)
}

/// Which input took standard input; it can be read only once.
nonisolated(unsafe) private var standardInputRole: String?

func openDescriptor(_ path: String?, as role: String) throws -> Descriptor {
  if path?.isEmpty == true { throw StageError.usage("\(role): found an empty file name") }
  guard let path, path != "-" else {
    if let taken = standardInputRole {
      let both = taken == role ? "\(role) twice" : "\(taken) and \(role)"
      throw StageError.usage("two inputs from standard input: \(both)")
    }
    standardInputRole = role
    let descriptor = Descriptor(0, name: "<stdin>", owned: false)
    if descriptor.nature == .terminal {
      throw StageError.usage(
        "\(role): standard input is a terminal, name a file or pipe one in "
          + "(see \(Messages.tool) --help)")
    }
    return descriptor
  }
  return try Descriptor.reading(path)
}
