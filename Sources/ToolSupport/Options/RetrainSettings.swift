import ArgumentParser
import Tensors

/// How retraining goes about its work: the file `settings` of its folder, and options of
/// pipelines/scripts/retrain.sh of the same names.
public struct RetrainSettings: Sendable {
  /// One setting: its name and what it is for, and what it is where nobody says.
  struct Setting: Sendable {
    let name, kind, help, standard: String
    /// The value as programs are given it; throws `StageError.usage` for a text that is none.
    let value: @Sendable (String) throws -> String

    init(
      _ name: String, _ kind: String, _ help: String, _ standard: String,
      _ value: @escaping @Sendable (String) throws -> String
    ) {
      (self.name, self.kind, self.help) = (name, kind, help)
      (self.standard, self.value) = (standard, value)
    }
  }

  static let all = [
    Setting("train", "OPTIONS", "for nn-train, as one word", "--rate 0.05") {
      try words($0, of: "nn-train", as: TrainWords.self)
    },
    Setting("epochs", "N", "how often every example is seen", "5", count),
    Setting("replay", "SHARE", "the share of what was learned before to learn again", "0.2") {
      decimal(try number($0, as: Share.self).value)
    },
    Setting("time-limit", "S", "seconds that the training may take", "3600", count),
    Setting("check", "OPTIONS", "for nn-check, as one word", "") {
      try words($0, of: "nn-check", as: CheckOptions.self)
    },
    Setting("gate", "OPTIONS", "for nn-gate, as one word", "") {
      try words($0, of: "nn-gate", as: GateOptions.self)
    },
    Setting("tries", "N", "runs that learn the same data while none is promoted", "3", count),
    Setting("keep", "N", "models that are kept, besides current and previous", "5", count),
  ]

  private var values: [String: String]

  /// What holds where nothing is said.
  public init() {
    values = Dictionary(uniqueKeysWithValues: Self.all.map { ($0.name, $0.standard) })
  }

  /// Takes in the lines of a settings file: a name, then its value; `#` begins a comment.
  ///
  /// - Throws: `StageError.usage`, which names the line, what was found and what was expected.
  public mutating func read(_ text: String) throws {
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let said = line.prefix { $0 != "#" }.trimmed
      if said.isEmpty { continue }
      let name = said.prefix { !$0.isWhitespace }
      let value = said.dropFirst(name.count).trimmed
      try set(String(name), to: String(value), at: "settings: line \(index + 1): \(name)")
    }
  }

  /// - Parameter place: what the message about a bad value begins with.
  /// - Throws: `StageError.usage` for a name or a value that is none.
  public mutating func set(_ name: String, to value: String, at place: String) throws {
    guard let setting = Self.all.first(where: { $0.name == name }) else {
      let names = Self.all.map(\.name).joined(separator: ", ")
      throw StageError.usage("\(place): unknown option, expected one of \(names)")
    }
    do {
      values[name] = try setting.value(value)
    } catch StageError.usage(let expected) {
      throw StageError.usage("\(place): found '\(value)', expected \(expected)")
    }
  }

  public var tries: Int { values["tries"].flatMap { Int($0) } ?? 1 }
  public var keep: Int { values["keep"].flatMap { Int($0) } ?? 1 }

  /// As assignments for a shell; options of a tool are an array.
  public var assignments: [String] {
    Self.all.map { setting in
      let value = values[setting.name] ?? ""
      let words = value.split(separator: " ").map { shellWord(String($0)) }
      let name = setting.name.map { $0 == "-" ? "_" : $0 }
      return String(name) + "="
        + (setting.kind == "OPTIONS" ? "(" + words.joined(separator: " ") + ")" : value)
    }
  }

  /// A settings file that says what may be said, in comments.
  public static var template: String {
    all.map {
      let start = "# \($0.name) \($0.kind)"
      let standard = $0.standard.isEmpty ? "none" : $0.standard
      return start + String(repeating: " ", count: 22 - start.count)
        + "\($0.help) (default: \(standard))\n"
    }.joined()
  }

  @Sendable private static func count(_ text: String) throws -> String {
    String(try number(text, as: PositiveInteger.self).value)
  }

  private static func number<Value: OptionValue>(
    _ text: String, as type: Value.Type
  ) throws -> Value {
    guard let value = Value(text: text) else { throw StageError.usage(Value.expected) }
    return value
  }

  /// Options of a tool, such as retraining may be given; not those for its inputs and outputs.
  private static func words<Options: ParsableArguments>(
    _ text: String, of tool: String, as type: Options.Type
  ) throws -> String {
    let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
    do {
      _ = try options(Options.self, in: words)
    } catch StageError.usage(let trouble) {
      throw StageError.usage("options of \(tool): \(trouble)")
    }
    return words.joined(separator: " ")
  }
}

/// The options of `nn-train` that are not retraining's own: all but its files, epochs and time.
private struct TrainWords: ParsableArguments {
  @OptionGroup var batching: BatchingOptions
  @OptionGroup var distortions: AugmentationOptions
  @OptionGroup var update: UpdateOptions
  @Option(parsing: .unconditional) var limit: NaturalNumber?
  @Option(parsing: .unconditional) var targetLoss: FiniteNumber?
  @OptionGroup var jobs: JobsOptions
  @OptionGroup var messages: MessageOptions
  @Option(parsing: .unconditional) var level: Level?
}

extension Substring {
  fileprivate var trimmed: Substring {
    let start = drop { $0.isWhitespace }
    guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return start.prefix(0) }
    return start[...last]
  }
}
