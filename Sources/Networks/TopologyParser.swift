import Layers
import Tensors

/// Reads a topology line by line and builds its layers.
struct TopologyParser {
  private var input: Shape?
  private var nodes: [Node] = []
  private var loss: (any Loss)?

  private var names = LayerNames()
  private var end = (line: 1, column: 1)

  mutating func read(_ text: String) throws {
    let scanner = try TopologyScanner(text, mostBytes: Network.mostTopologyBytes)
    end = scanner.end
    names = LayerNames(of: scanner.lines)
    for line in scanner.lines { try read(line) }
  }

  func finished() throws -> (Shape, [Node], any Loss) {
    guard let input else { throw missing("'input'") }
    if nodes.isEmpty { throw missing("a layer") }
    guard let loss else { throw missing("'loss'") }
    return (input, nodes, loss)
  }

  private func missing(_ what: String) -> TopologyError {
    .missing(line: end.line, column: end.column, what: what)
  }

  private mutating func read(_ line: [Word]) throws {
    let first = line[0]
    var words = try LayerWords(line)
    if loss != nil { throw TopologyError.misplaced(first, rule: "but 'loss' stands last") }
    if first.text == "input" {
      if input != nil { throw TopologyError.misplaced(first, rule: "but it stands once") }
      input = try words.shape("the shape of an example")
      try words.end(known: [])
      return
    }
    let kind = layerKinds.first { $0.word == first.text }
    let activation = activations.first { $0.word == first.text }
    if kind == nil && activation == nil && first.text != "loss" {
      let known =
        (input == nil ? ["input"] : []) + layerKinds.map(\.word) + activations.map(\.word)
        + ["loss"]
      throw TopologyError.unknownWord(first, known: known)
    }
    guard input != nil else {
      throw TopologyError.misplaced(first, rule: "but 'input' stands first")
    }
    if first.text == "loss" {
      try readLoss(first, &words)
    } else {
      try readLayer(kind ?? PassThrough.kind, first, activation, &words)
    }
  }

  /// - Parameter activation: the one that the line begins with; nil when it begins with a layer.
  private mutating func readLayer(
    _ kind: LayerKind, _ first: Word, _ activation: (any Activation)?,
    _ words: inout LayerWords
  ) throws {
    let sources = try sources(of: kind, first, &words)
    let inputs = sources.map { source in
      LayerInput(
        name: source.map { nodes[$0].name } ?? "input",
        shape: source.map { nodes[$0].output } ?? input ?? [])
    }
    let layer = try kind.make(&words, inputs)
    try words.check(elements: layer.output.dimensions, of: "output")

    var chosen: any Activation = Identity()
    var known = activation == nil ? activations.map(\.word) : []
    var word = first
    if let activation {
      chosen = try activation.configured(&words)
    } else if let found = words.word(if: known.contains),
      let activation = activations.first(where: { $0.word == found.text })
    {
      chosen = try activation.configured(&words)
      (word, known) = (found, [])
    }
    if let objection = chosen.objection(to: layer.output) {
      throw TopologyError.pairing(word, reason: objection)
    }
    let name = try names.next(first, &words)
    try words.end(known: known)
    nodes.append(
      Node(name: name, place: first, layer: layer, activation: chosen, sources: sources))
  }

  /// The nodes that a line takes from: the one that `from=` names, else the one before it; then those that `add`
  /// and its kin name.
  private func sources(
    of kind: LayerKind, _ first: Word, _ words: inout LayerWords
  ) throws -> [Int?] {
    var sources = [nodes.isEmpty ? nil : nodes.count - 1]
    if let (value, word) = words.option("from") {
      sources = [try source(Word(value, line: word.line, column: word.column + 5))]
    }
    guard kind.joinsOthers else { return sources }
    sources.append(try source(try words.word("the name of an earlier layer")))
    while let word = words.word(if: { name in !activations.contains { $0.word == name } }) {
      sources.append(try source(word))
    }
    return sources
  }

  private func source(_ word: Word) throws -> Int? {
    if word.text == "input" { return nil }
    if let index = nodes.firstIndex(where: { $0.name == word.text }) { return index }
    if let line = names.lineOfAll[word.text] {
      throw TopologyError.cycle(
        word, name: word.text, line: line, shape: nodes.last?.output ?? input ?? [])
    }
    throw TopologyError.unknownLayer(word, known: nodes.map(\.name) + ["input"])
  }

  private mutating func readLoss(_ first: Word, _ words: inout LayerWords) throws {
    guard let last = nodes.last else {
      throw TopologyError.misplaced(first, rule: "expected a layer before it")
    }
    if !nodes.contains(where: { $0.layer.parameters.contains(where: \.isLearned) }) {
      throw TopologyError.misplaced(first, rule: "expected a layer with parameters before it")
    }
    try refuseDeadEnds()
    let word = try words.word("one of " + losses.map { "'\($0.word)'" }.joined(separator: ", "))
    guard let kind = losses.first(where: { $0.word == word.text }) else {
      throw TopologyError.unknownWord(word, known: losses.map(\.word))
    }
    let loss = try kind.configured(&words, output: last.output)
    try words.end(known: [])
    if let objection = loss.objection(to: last.activation, output: last.output) {
      throw TopologyError.pairing(word, reason: objection)
    }
    self.loss = loss
  }

  /// Refuses layers whose output neither another layer nor the loss takes.
  private func refuseDeadEnds() throws {
    let used = Set(nodes.flatMap { $0.sources.compactMap(\.self) })
    for index in nodes.indices.dropLast() where !used.contains(index) {
      throw TopologyError.leadsNowhere(nodes[index].place, name: nodes[index].name)
    }
  }
}
