import Layers
import Losses
import Tensors

/// Reads a topology line by line and builds its layers.
struct TopologyParser {
  /// Bounds on what is taken for a topology.
  static let mostBytes = 1 << 20
  static let longestName = 64

  /// What the tensors of a batch, a trace and a model are called besides the layers'.
  static let reservedNames = ["input", "target", "index", "output", "loss", "optimizer"]

  private var input: Shape?
  private var nodes: [Node] = []
  private var loss: (any Loss)?

  /// The line that each layer name was given in.
  private var lineOfName: [String: Int] = [:]
  private var runningNumber: [String: Int] = [:]
  private var end = (line: 1, column: 1)

  mutating func read(_ text: String) throws {
    let scanner = try TopologyScanner(text, mostBytes: Self.mostBytes)
    end = scanner.end
    for line in scanner.lines { try read(line) }
  }

  func finished() throws -> (Shape, [Node], any Loss) {
    guard let input else { throw missing("'input'") }
    if nodes.isEmpty { throw missing("a layer") }
    guard let loss else { throw missing("'loss'") }
    return (input, nodes, loss)
  }

  private func missing(_ what: String) -> TopologyFault {
    .missing(line: end.line, column: end.column, what: what)
  }

  private mutating func read(_ line: [Word]) throws {
    let first = line[0]
    var words = try LayerWords(line)
    if loss != nil { throw TopologyFault.misplaced(first, rule: "but 'loss' stands last") }
    if first.text == "input" {
      if input != nil { throw TopologyFault.misplaced(first, rule: "but it stands once") }
      input = try words.shape("the shape of an example")
      try words.end(known: [])
      return
    }
    let kind = layerKinds.first { $0.word == first.text }
    if kind == nil && first.text != "loss" {
      let known = (input == nil ? ["input"] : []) + layerKinds.map { $0.word } + ["loss"]
      throw TopologyFault.unknownWord(first, known: known)
    }
    guard input != nil else {
      throw TopologyFault.misplaced(first, rule: "but 'input' stands first")
    }
    if let kind {
      try readLayer(kind, first, &words)
    } else {
      try readLoss(first, &words)
    }
  }

  private mutating func readLayer(
    _ kind: any Layer.Type, _ first: Word, _ words: inout LayerWords
  ) throws {
    guard let input = nodes.last?.output ?? input else {
      preconditionFailure("a layer before input")
    }
    let layer = try kind.init(&words, input: input)
    try words.check(elements: layer.output.dimensions, of: "output")

    var activation: any Activation = Identity()
    var known = activations.map(\.word)
    if let word = words.word(if: known.contains) {
      activation = activations.first { $0.word == word.text } ?? activation
      if let objection = activation.objection(to: layer.output) {
        throw TopologyFault.pairing(word, reason: objection)
      }
      known = []
    }
    let name = try name(first, &words)
    try words.end(known: known)
    nodes.append(Node(name: name, layer: layer, activation: activation, input: input))
  }

  private mutating func readLoss(_ first: Word, _ words: inout LayerWords) throws {
    guard let last = nodes.last else {
      throw TopologyFault.misplaced(first, rule: "expected a layer before it")
    }
    if nodes.allSatisfy({ $0.layer.parameters.isEmpty }) {
      throw TopologyFault.misplaced(first, rule: "expected a layer with parameters before it")
    }
    let word = try words.word("one of " + losses.map { "'\($0.word)'" }.joined(separator: ", "))
    guard let loss = losses.first(where: { $0.word == word.text }) else {
      throw TopologyFault.unknownWord(word, known: losses.map(\.word))
    }
    try words.end(known: [])
    if let objection = loss.objection(to: last.activation, output: last.output) {
      throw TopologyFault.pairing(word, reason: objection)
    }
    self.loss = loss
  }

  /// The layer's name: `name=`, or its kind and its running number among the layers of that kind.
  private mutating func name(_ first: Word, _ words: inout LayerWords) throws -> String {
    runningNumber[first.text, default: 0] += 1
    var name = first.text + String(runningNumber[first.text, default: 0])
    var word = first
    if let option = words.option("name") { (name, word) = option }
    func refused(_ rule: String) -> TopologyFault { .badName(word, name: name, rule: rule) }

    if name.isEmpty || name.utf8.count > Self.longestName {
      throw refused("has \(name.utf8.count) characters, expected 1 to \(Self.longestName)")
    }
    if !name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "-" || $0 == "_" }) {
      throw refused("has other characters than letters, digits, '-' and '_'")
    }
    if Self.reservedNames.contains(name) { throw refused("is reserved") }
    if let line = lineOfName[name] { throw refused("is taken by line \(line)") }
    lineOfName[name] = word.line
    return name
  }
}
