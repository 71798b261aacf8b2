import Compute
import Tensors

/// What is wrong with a topology, and where: line and column count from 1, the column in Unicode scalars.
public enum TopologyError: Fault, Equatable {
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
  case noPicture(Word, found: Shape)
  case windowTooLarge(Word, Window, picture: Shape)
  case tooMuchPadding(Word, Window)
  case unequalGroups(Word, groups: Int, inputs: Int, outputs: Int)

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
      place(word)
        + "layer '\(name)' of line \(line) stands at or behind this line, which \(shape) reaches: "
        + "that would be a cycle"
    case .leadsNowhere(let word, let name):
      place(word) + "nothing takes the output of layer '\(name)'"
    case .noPicture(let word, let found):
      place(word) + "'\(word.text)' of shape \(found), expected channels x height x width; "
        + "'reshape \(picture(of: found))' before it would make that"
    case .windowTooLarge(let word, let window, let picture):
      place(word) + "window \(size(of: window)) is larger than the "
        + paddedPicture(picture, under: window)
    case .tooMuchPadding(let word, let window):
      place(word) + "padding \(window.height.padding)x\(window.width.padding) of window "
        + "\(size(of: window)), expected at most half of the window"
    case .unequalGroups(let word, let groups, let inputs, let outputs):
      place(word) + "\(groups) groups of \(inputs) input and \(outputs) output channels, "
        + "expected a number that divides both"
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

/// As a topology writes it, with what it covers where it has gaps: `5x5 (dilation 2: 9x9)`.
private func size(of window: Window) -> String {
  let (height, width) = (window.height, window.width)
  let size = "\(height.length)x\(width.length)"
  if height.dilation == 1 && width.dilation == 1 { return size }
  let dilation =
    height.dilation == width.dilation
    ? "\(height.dilation)" : "\(height.dilation)x\(width.dilation)"
  return size + " (dilation \(dilation): \(height.span)x\(width.span))"
}

/// The arithmetic of a padded picture: `padded picture 7x7 (3+2·2 x 3+2·2)`.
private func paddedPicture(_ picture: Shape, under window: Window) -> String {
  let axes = [(picture[1], window.height.padding), (picture[2], window.width.padding)]
  func joined(_ text: (Int, Int) -> String, by separator: String) -> String {
    axes.map(text).joined(separator: separator)
  }
  if axes.allSatisfy({ $0.1 == 0 }) { return "picture " + joined({ "\($0 + $1)" }, by: "x") }
  return "padded picture " + joined({ "\($0 + 2 * $1)" }, by: "x") + " ("
    + joined({ "\($0)+2·\($1)" }, by: " x ") + ")"
}

/// The shape of a picture with the elements of `shape`: square if that is possible, grey or of three colours.
private func picture(of shape: Shape) -> String {
  if shape.rank == 2 { return "1x" + shape.topologyText }
  for channels in [1, 3] where shape.count % channels == 0 {
    let side = Int(Double(shape.count / channels).squareRoot())
    if side > 1 && side * side * channels == shape.count { return "\(channels)x\(side)x\(side)" }
  }
  return "CHANNELSxHEIGHTxWIDTH"
}
