import Tensors

/// What is wrong with a topology, and where: line and column count from 1, the column in Unicode scalars.
public enum TopologyFault: Fault, Equatable {
  case tooLong(found: Int, limit: Int)
  case controlCharacter(line: Int, column: Int, code: UInt32)
  case characterOutsideComment(line: Int, column: Int, code: UInt32)
  case unknownWord(Word, known: [String])
  case misplaced(Word, rule: String)
  case missing(line: Int, column: Int, what: String)
  case badValue(Word, what: String, expected: String)
  case repeatedOption(Word, name: String)
  case badName(Word, name: String, rule: String)
  case tooLarge(Word, what: String, size: String)
  case pairing(Word, reason: String)
  case shapeConflict(Word, first: LayerInput, second: LayerInput, expected: String)
  case unknownLayer(Word, known: [String])
  case cycle(Word, name: String, line: Int, shape: Shape)
  case leadsNowhere(Word, name: String)

  public var description: String {
    switch self {
    case .tooLong(let found, let limit):
      "topology: found \(found) bytes, expected at most \(limit)"
    case .controlCharacter(let line, let column, let code):
      place(line, column) + "control character \(unicode(code))"
    case .characterOutsideComment(let line, let column, let code):
      place(line, column) + "found character \(unicode(code)), expected ASCII outside comments"
    case .unknownWord(let word, let known):
      place(word) + "unknown word '\(word.text)', " + suggestion(for: word.text, among: known)
    case .misplaced(let word, let rule):
      place(word) + "found '\(word.text)', \(rule)"
    case .missing(let line, let column, let what):
      place(line, column) + "expected \(what), found nothing"
    case .badValue(let word, let what, let expected):
      place(word) + "found '\(word.text)' for \(what), expected \(expected)"
    case .repeatedOption(let word, let name):
      place(word) + "'\(name)=' a second time"
    case .badName(let word, let name, let rule):
      place(word) + "name '\(name)' \(rule)"
    case .tooLarge(let word, let what, let size):
      place(word) + "\(what) of \(size) elements, expected at most \(LayerWords.largest)"
    case .pairing(let word, let reason):
      place(word) + reason
    case .shapeConflict(let word, let first, let second, let expected):
      place(word) + "'\(word.text)' of '\(first.name)' with shape \(first.shape) and "
        + "'\(second.name)' with \(second.shape), expected \(expected)"
    case .unknownLayer(let word, let known):
      place(word) + "no layer '\(word.text)', " + suggestion(for: word.text, among: known)
    case .cycle(let word, let name, let line, let shape):
      place(word) + "layer '\(name)' of line \(line) stands at or behind this line, which \(shape) reaches: "
        + "that would be a cycle"
    case .leadsNowhere(let word, let name):
      place(word) + "nothing takes the output of layer '\(name)'"
    }
  }
}

private func place(_ line: Int, _ column: Int) -> String { "line \(line), column \(column): " }

private func place(_ word: Word) -> String { place(word.line, word.column) }

private func unicode(_ code: UInt32) -> String {
  let digits = String(code, radix: 16, uppercase: true)
  return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}

private func suggestion(for word: String, among known: [String]) -> String {
  if let nearest = nearestWord(to: word, among: known) { return "did you mean '\(nearest)'?" }
  if known.isEmpty { return "expected the end of the line" }
  return "expected one of: " + known.joined(separator: " ")
}
