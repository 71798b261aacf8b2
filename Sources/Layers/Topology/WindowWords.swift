import Compute
import Tensors

/// The words of a layer that moves a window over pictures.
extension LayerWords {
  /// A window and the word that gives its size.
  struct WindowWord {
    let window: Window
    let word: Word
  }

  /// The next plain word as a window's size, `HEIGHTxWIDTH`, with the options `stride`, `pad` and, where it
  /// may have gaps, `dilation`; each is one number or, as `2x3`, one for the height and one for the width.
  ///
  /// - Parameters:
  ///   - strideIsSize: whether the window moves by its own size when no stride is given; else by 1.
  ///   - picture: [C, H, W], which the window must fit into when it is padded.
  mutating func window(
    strideIsSize: Bool, mayHaveGaps: Bool, over picture: Shape
  ) throws -> WindowWord {
    let word = try word("the window's height x width")
    guard let size = Self.pair(word.text, from: 1), word.text.contains("x") else {
      throw TopologyError.badValue(
        word, what: "the window's height x width",
        expected: "two whole numbers of at least 1, as in 3x3")
    }
    let stride = try pair("stride", from: 1, otherwise: strideIsSize ? size : (1, 1))
    let padding = try pair("pad", from: 0, otherwise: (0, 0))
    let dilation = mayHaveGaps ? try pair("dilation", from: 1, otherwise: (1, 1)) : (1, 1)
    let window = Window(
      height: Window.Axis(
        size.height, stride: stride.height, padding: padding.height, dilation: dilation.0),
      width: Window.Axis(
        size.width, stride: stride.width, padding: padding.width, dilation: dilation.1))
    if window.height.places(over: picture[1]) == 0 || window.width.places(over: picture[2]) == 0 {
      throw TopologyError.windowTooLarge(word, window, picture: picture)
    }
    return WindowWord(window: window, word: word)
  }

  /// The window of a pooling: it moves by its own size unless told otherwise, has no gaps and is padded by at
  /// most half of it, so that it never lies on padding alone.
  mutating func poolingWindow(over picture: Shape) throws -> Window {
    let found = try window(strideIsSize: true, mayHaveGaps: false, over: picture)
    let window = found.window
    if [window.height, window.width].contains(where: { 2 * $0.padding > $0.length }) {
      throw TopologyError.tooMuchPadding(found.word, window)
    }
    return window
  }

  /// The value of the option `key` as one number for both axes or, as `2x3`, one for the height and one for the
  /// width.
  mutating func pair(
    _ key: String, from lowest: Int, otherwise: (height: Int, width: Int)
  ) throws -> (height: Int, width: Int) {
    guard let (value, word) = option(key) else { return otherwise }
    guard let pair = Self.pair(value, from: lowest) else {
      throw TopologyError.badValue(
        word, what: "'\(key)='",
        expected: "a whole number of at least \(lowest), or two as in 2x3")
    }
    return pair
  }

  /// The value of the option `key` as a number of things, at least 1, with the word that it stands in, or the
  /// line's first where the line does not have it.
  mutating func count(_ key: String, otherwise: Int) throws -> (count: Int, word: Word) {
    guard let (value, word) = option(key) else { return (otherwise, first) }
    guard let count = Self.count(value) else {
      throw TopologyError.badValue(
        word, what: "'\(key)='", expected: "a whole number from 1 to \(Self.largest)")
    }
    return (count, word)
  }

  /// Refuses an input that is no picture of channels, height and width.
  func checkPicture(_ input: Shape) throws {
    if input.rank != 3 { throw TopologyError.noPicture(first, found: input) }
  }

  private static func pair(_ text: String, from lowest: Int) -> (height: Int, width: Int)? {
    let numbers = text.split(separator: "x", omittingEmptySubsequences: false)
      .map { count(String($0), from: lowest) }
    guard numbers.count <= 2, let height = numbers[0], let width = numbers[numbers.count - 1]
    else { return nil }
    return (height, width)
  }
}
