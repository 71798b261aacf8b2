import Layers

/// The names of a topology's layers: `name=`, or a line's first word with its running number.
struct LayerNames {
  static let longest = 64

  /// What the tensors of a batch, a trace and a model are called besides the layers'.
  static let reserved = ["input", "target", "index", "output", "loss", "optimizer"]

  /// The line of every name, whether or not that line has been reached.
  private(set) var lineOfAll: [String: Int] = [:]

  /// The line that each name was given in so far.
  private var lineOfName: [String: Int] = [:]
  private var runningNumber: [String: Int] = [:]

  init() {}

  /// - Parameter lines: of the whole topology; those that are wrong are passed over.
  init(of lines: [[Word]]) {
    var numbers: [String: Int] = [:]
    for line in lines {
      numbers[line[0].text, default: 0] += 1
      let option = line.first { $0.text.hasPrefix("name=") }
      let name =
        option.map { String($0.text.dropFirst(5)) }
        ?? line[0].text + String(numbers[line[0].text, default: 0])
      lineOfAll[name] = lineOfAll[name] ?? line[0].line
    }
  }

  /// The name of the line that begins with `first`.
  ///
  /// - Throws: `TopologyError.badName`.
  mutating func next(_ first: Word, _ words: inout LayerWords) throws -> String {
    runningNumber[first.text, default: 0] += 1
    var name = first.text + String(runningNumber[first.text, default: 0])
    var word = first
    if let option = words.option("name") { (name, word) = option }
    func refused(_ rule: String) -> TopologyError { .badName(word, name: name, rule: rule) }

    if name.isEmpty || name.utf8.count > Self.longest {
      throw refused("has \(name.utf8.count) characters, expected 1 to \(Self.longest)")
    }
    if !name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "-" || $0 == "_" }) {
      throw refused("has other characters than letters, digits, '-' and '_'")
    }
    if Self.reserved.contains(name) { throw refused("is reserved") }
    if activations.contains(where: { $0.word == name }) { throw refused("is an activation's word") }
    if let line = lineOfName[name] { throw refused("is taken by line \(line)") }
    lineOfName[name] = word.line
    return name
  }
}
