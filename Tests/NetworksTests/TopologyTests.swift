import Layers
import Networks
import Tensors
import Testing

/// What may begin a line behind `input`, and what may follow `loss`, as messages list them.
private let lineWords =
  (layerKinds.map { $0.word } + activations.map(\.word) + ["loss"]).joined(separator: " ")
private let lossWords = losses.map { "'\($0.word)'" }.joined(separator: ", ")

struct TopologyTests {
  @Test func buildsWhatTheTextSays() throws {
    let text = """
      # Two layers — with a comment, ä and 漢

      input\t1x28x28
      scale 1/255   # bytes
      dense 10 name=first-layer_1 bias=no relu
      dense 3
      loss  squared # the end
      """
    let network = try Network(topology: text)
    #expect(network.topology == text)
    #expect(network.input == [1, 28, 28])
    #expect(network.nodes.map(\.name) == ["scale1", "first-layer_1", "dense2"])
    #expect(network.nodes.map(\.sources) == [[nil], [0], [1]])
    #expect(network.nodes.map(\.output) == [[1, 28, 28], [10], [3]])
    #expect(network.nodes.map(\.activation.word) == ["identity", "relu", "identity"])
    #expect(network.outputShape == [3])
    #expect(network.loss.word == "squared")
    #expect(
      network.parameters.map(\.name) == ["first-layer_1.weight", "dense2.weight", "dense2.bias"])
  }

  @Test func lineEndsMayBeThoseOfWindows() throws {
    let network = try Network(
      topology: "input 2\r\n\r\ndense 3 tanh\r\nloss squared # end\r\n")
    #expect(network.outputShape == [3])
    #expect(network.nodes[0].activation.word == "tanh")
  }

  @Test(arguments: [
    // Words that nobody knows
    (
      "input 2\n\ndense 3 sigmoyd\nloss squared",
      "line 3, column 9: unknown word 'sigmoyd', did you mean 'sigmoid'?"
    ),
    ("inptu 2", "line 1, column 1: unknown word 'inptu', did you mean 'input'?"),
    ("input 2\n  desne 3", "line 2, column 3: unknown word 'desne', did you mean 'dense'?"),
    ("input 2\nfoo 3", "line 2, column 1: unknown word 'foo', expected one of: \(lineWords)"),
    (
      "input 2\nDENSE 3",
      "line 2, column 1: unknown word 'DENSE', expected one of: \(lineWords)"
    ),
    ("input 2 3", "line 1, column 9: unknown word '3', expected the end of the line"),
    (
      "input 2\ndense 3 relu tanh",
      "line 2, column 14: unknown word 'tanh', expected the end of the line"
    ),
    (
      "input 2\ndense 3\nloss squard",
      "line 3, column 6: unknown word 'squard', did you mean 'squared'?"
    ),
    ("input 2\ndense 3 bais=no", "line 2, column 9: unknown word 'bais=', did you mean 'bias='?"),
    (
      "input 2\nscale 3 bias=no",
      "line 2, column 9: unknown word 'bias=', expected one of: from= offset= name="
    ),
    ("input 2 name=a", "line 1, column 9: unknown word 'name=', expected the end of the line"),
    // Order
    ("dense 3\ninput 2", "line 1, column 1: found 'dense', but 'input' stands first"),
    ("loss squared", "line 1, column 1: found 'loss', but 'input' stands first"),
    ("input 2\ninput 2", "line 2, column 1: found 'input', but it stands once"),
    (
      "input 2\ndense 1\nloss squared\ndense 1",
      "line 4, column 1: found 'dense', but 'loss' stands last"
    ),
    (
      "input 2\ndense 1\nloss squared\nloss squared",
      "line 4, column 1: found 'loss', but 'loss' stands last"
    ),
    ("input 2\nloss squared", "line 2, column 1: found 'loss', expected a layer before it"),
    (
      "input 2\nscale 2\nloss squared",
      "line 3, column 1: found 'loss', expected a layer with parameters before it"
    ),
    // What is missing
    ("", "line 1, column 1: expected 'input', found nothing"),
    ("# only a comment\n", "line 2, column 1: expected 'input', found nothing"),
    ("input 2\n", "line 2, column 1: expected a layer, found nothing"),
    ("input 2\ndense 1", "line 2, column 8: expected 'loss', found nothing"),
    ("input", "line 1, column 6: expected the shape of an example after 'input', found nothing"),
    (
      "input 2\ndense",
      "line 2, column 6: expected the number of outputs after 'dense', found nothing"
    ),
    ("input 2\nscale", "line 2, column 6: expected the factor after 'scale', found nothing"),
    (
      "input 2\ndense 1\nloss",
      "line 3, column 5: expected one of \(lossWords) after 'loss', found nothing"
    ),
    // Values
    (
      "input 2\ndense 0",
      "line 2, column 7: found '0' for the number of outputs, expected a whole number from 1 to 2147483647"
    ),
    (
      "input 2\ndense relu",
      "line 2, column 7: found 'relu' for the number of outputs, expected a whole number from 1 to 2147483647"
    ),
    (
      "input 2x0",
      "line 1, column 7: found '2x0' for the shape of an example, expected whole numbers joined by x, as in 1x28x28, of at most 2147483647 elements"
    ),
    (
      "input 2\ndense 3 bias=maybe",
      "line 2, column 9: found 'bias=maybe' for 'bias=', expected yes or no"
    ),
    ("input 2\ndense 3 bias=no bias=no", "line 2, column 17: 'bias=' a second time"),
    (
      "input 65536\ndense 65536",
      "line 2, column 1: weight of 65536x65536 elements, expected at most 2147483647"
    ),
    (
      "input 2\nscale 1/0",
      "line 2, column 7: found '1/0' for the factor, expected a decimal number or a quotient like 1/255, not 0, within F32"
    ),
    // Names
    ("input 2\ndense 1 name=loss", "line 2, column 9: name 'loss' is reserved"),
    ("input 2\ndense 1 name=", "line 2, column 9: name '' has 0 characters, expected 1 to 64"),
    (
      "input 2\ndense 1 name=a.b",
      "line 2, column 9: name 'a.b' has other characters than letters, digits, '-' and '_'"
    ),
    ("input 2\ndense 1 name=a\ndense 1 name=a", "line 3, column 9: name 'a' is taken by line 2"),
    ("input 2\ndense 1 name=dense2\ndense 1", "line 3, column 1: name 'dense2' is taken by line 2"),
    // Pairings
    (
      "input 2\ndense 3 sigmoid\nloss cross-entropy",
      "line 3, column 6: 'cross-entropy' needs 'softmax' as the last activation, found 'sigmoid'"
    ),
    (
      "input 2\ndense 3\nloss binary-cross-entropy",
      "line 3, column 6: 'binary-cross-entropy' needs 'sigmoid' as the last activation, found 'identity'"
    ),
    (
      "input 2\ndense 1 softmax\nloss squared",
      "line 2, column 9: 'softmax' of a single output is always 1"
    ),
    // Characters
    ("input 2\u{7}", "line 1, column 8: control character U+0007"),
    ("input 2\r", "line 1, column 8: control character U+000D"),
    ("input\r2", "line 1, column 6: control character U+000D"),
    ("input 2 # \u{1B}[31m", "line 1, column 11: control character U+001B"),
    (
      "\u{FEFF}input 2", "line 1, column 1: found character U+FEFF, expected ASCII outside comments"
    ),
    (
      "input 2\ndense ３",
      "line 2, column 7: found character U+FF13, expected ASCII outside comments"
    ),
  ])
  func refuses(topology: String, message: String) {
    let fault = #expect(throws: TopologyError.self) { try Network(topology: topology) }
    #expect(fault?.description == message)
  }

  @Test func refusesATextWithoutEnd() {
    let fault = #expect(throws: TopologyError.self) {
      try Network(topology: String(repeating: "#", count: 1 << 20 | 1))
    }
    #expect(fault?.description == "topology: found 1048577 bytes, expected at most 1048576")
  }

  @Test func everyReservedNameIsRefused() {
    for name in ["input", "target", "index", "output", "loss", "optimizer"] {
      #expect(throws: TopologyError.self) {
        try Network(topology: "input 2\ndense 1 name=\(name)\nloss squared")
      }
    }
  }
}
