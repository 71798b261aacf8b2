import Layers

/// Cuts a topology into lines of words, without comments and empty lines.
struct TopologyScanner {
  private(set) var lines: [[Word]] = []

  /// Behind the last character.
  private(set) var end = (line: 1, column: 1)

  private var words: [Word] = []
  private var word = ""
  private var isInComment = false
  private var isAfterReturn = false

  init(_ text: String, mostBytes: Int) throws {
    if text.utf8.count > mostBytes {
      throw TopologyError.tooLong(found: text.utf8.count, limit: mostBytes)
    }
    for scalar in text.unicodeScalars { try read(scalar) }
    if isAfterReturn { throw controlCharacter("\r", column: end.column - 1) }
    endLine()
  }

  private mutating func read(_ scalar: Unicode.Scalar) throws {
    // A carriage return belongs to a line's end, or is a control character like any other.
    if isAfterReturn && scalar != "\n" { throw controlCharacter("\r", column: end.column - 1) }
    isAfterReturn = scalar == "\r"
    switch scalar {
    case "\n":
      endLine()
      end = (end.line + 1, 1)
      return
    case "\r", "\t", " ":
      endWord()
    case "#":
      endWord()
      isInComment = true
    case _ where scalar.properties.generalCategory == .control:
      throw controlCharacter(scalar, column: end.column)
    case _ where isInComment:
      break
    case _ where !scalar.isASCII:
      throw TopologyError.characterOutsideComment(
        line: end.line, column: end.column, code: scalar.value)
    default:
      word.unicodeScalars.append(scalar)
    }
    end.column += 1
  }

  private mutating func endWord() {
    if !word.isEmpty {
      words.append(Word(word, line: end.line, column: end.column - word.unicodeScalars.count))
    }
    word = ""
  }

  private mutating func endLine() {
    endWord()
    if !words.isEmpty { lines.append(words) }
    words = []
    isInComment = false
  }

  private func controlCharacter(_ scalar: Unicode.Scalar, column: Int) -> TopologyError {
    .controlCharacter(line: end.line, column: column, code: scalar.value)
  }
}
