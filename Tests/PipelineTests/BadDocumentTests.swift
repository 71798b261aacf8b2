import Foundation
import Safetensors
import Scratch
import Tensors
import Testing

/// A file that is no document, and what is said about it behind its name.
private struct BadFile: CustomTestStringConvertible, Sendable {
  let what: String
  let bytes: [UInt8]
  let message: String
  var testDescription: String { what }
}

private let own = #""__metadata__":{"nn.format":"1","nn.kind":"dataset"}"#

private func tensor(
  _ name: String, shape: String = "[4]", _ begin: Int, _ end: Int
) -> String {
  #""\#(name)":{"dtype":"U8","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
}

private let badFiles = [
  BadFile(what: "nothing", bytes: [], message: "empty input, expected a document"),
  BadFile(
    what: "seven bytes", bytes: [1, 0, 0, 0, 0, 0, 0],
    message: "input ended inside the header length: found 7 of 8 bytes"),
  BadFile(
    what: "a header length of 2^63", bytes: rawDocument("{}", length: 1 << 63),
    message: "header length: found 9223372036854775808 bytes, expected at most 100000000"),
  BadFile(
    what: "a header length of 2^64 - 1", bytes: rawDocument("{}", length: .max),
    message: "header length: found 18446744073709551615 bytes, expected at most 100000000"),
  BadFile(
    what: "a header longer than the file", bytes: rawDocument("{}", length: 99_999_999),
    message: "input ended inside the header: found 2 of 99999999 bytes"),
  BadFile(
    what: "an empty header", bytes: rawDocument(""),
    message: "header length: found 0 bytes, expected a JSON object"),
  BadFile(
    what: "text", bytes: Array("loss\taccuracy\texamples\n".utf8),
    message: #"header length: found the text 'loss\tacc', no safetensors document, "#
      + "expected at most 100000000"),
  BadFile(
    what: "overlapping offsets",
    bytes: rawDocument("{\(tensor("a", 0, 4)),\(tensor("b", 2, 6))}", data: 6),
    message: "tensor 'b': found data beginning at byte 2, expected 4, where tensor 'a' ends"),
  BadFile(
    what: "a hole between tensors",
    bytes: rawDocument("{\(tensor("a", 0, 4)),\(tensor("b", 5, 9))}", data: 9),
    message: "tensor 'b': found a hole before it: data begins at byte 5, expected 4, "
      + "where tensor 'a' ends"),
  BadFile(
    what: "a duplicate tensor name",
    bytes: rawDocument("{\(tensor("a", 0, 4)),\(tensor("a", 4, 8))}", data: 8),
    message: "header byte 53: found tensor 'a' a second time"),
  BadFile(
    what: "a shape product that overflows",
    bytes: rawDocument("{\(tensor("a", shape: "[4294967296,4294967296]", 0, 4))}", data: 4),
    message: "tensor 'a': found U8 [4294967296, 4294967296], expected fewer than 2^63 bits"),
  BadFile(
    what: "a shape of more bytes than the offsets",
    bytes: rawDocument("{\(tensor("a", shape: "[5]", 0, 4))}", data: 4),
    message: "tensor 'a': data_offsets: found 4 bytes, expected 5 for U8 [5]"),
  BadFile(
    what: "a claim of 2^60 bytes",
    bytes: rawDocument("{\(tensor("a", shape: "[1099511627776]", 0, 1_099_511_627_776))}", data: 4),
    message: "input ended inside tensor 'a': found 4 of 1099511627776 bytes of data"),
  BadFile(
    what: "an unknown dtype",
    bytes: rawDocument(#"{"a":{"dtype":"F33","shape":[],"data_offsets":[0,4]}}"#, data: 4),
    message: "tensor 'a': found dtype 'F33', expected BOOL, F4, F6_E2M3, F6_E3M2, U8, I8, F8_E5M2, "
      + "F8_E4M3, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I16, U16, F16, BF16, I32, U32, F32, C64, F64, "
      + "I64, U64"),
  BadFile(
    what: "metadata that is no string", bytes: rawDocument(#"{"__metadata__":{"a":1}}"#),
    message: "header byte 21: metadata 'a': found 1, expected a string"),
  BadFile(
    what: "bytes behind the last tensor",
    bytes: rawDocument("{\(own),\(tensor("input", shape: "[4,3]", 0, 12))}", data: 13),
    message: "input ended inside the header length: found 1 of 8 bytes"),
  BadFile(
    what: "two documents",
    bytes: rawDocument("{\(own),\(tensor("input", shape: "[4,3]", 0, 12))}", data: 12)
      + rawDocument("{\(own),\(tensor("input", shape: "[4,3]", 0, 12))}", data: 12),
    message: "a second stand-alone document, expected one or a stream of frames"),
  BadFile(
    what: "nn.format 2", bytes: rawDocument(#"{"__metadata__":{"nn.format":"2"}}"#),
    message: "nn.format: found '2', this program reads 1"),
  BadFile(
    what: "no nn.format", bytes: rawDocument(#"{"__metadata__":{"nn.kind":"dataset"}}"#),
    message: "metadata: 'nn.format' is missing"),
  BadFile(
    what: "an unknown nn. key",
    bytes: rawDocument(#"{"__metadata__":{"nn.format":"1","nn.colour":"red"}}"#),
    message: "metadata: unknown key 'nn.colour'"),
  BadFile(
    what: "an unknown kind",
    bytes: rawDocument(#"{"__metadata__":{"nn.format":"1","nn.kind":"modle"}}"#),
    message: "nn.kind: unknown kind 'modle'"),
]

@Suite struct BadDocumentTests {
  @Test(arguments: badFiles) private func isRefused(_ file: BadFile) throws {
    let folder = try Step.folder()
    try folder.write("bad.safetensors", file.bytes)
    try expectRefusal(
      "nn-forward", ["-m", "model.safetensors.gz", "bad.safetensors", "-o", "out.safetensors.gz"],
      65, "bad.safetensors: \(file.message)", in: folder)
    try expectRefusal(
      "nn-update",
      ["-m", "bad.safetensors", "--rate", "1", "gradient.safetensors.gz", "-o", "out.safetensors"],
      65, "bad.safetensors: \(file.message)", in: folder)
    try expectRefusal(
      "nn-split", ["bad.safetensors", "--fraction", "0.5", "-o", "a.gz", "--rest", "b.gz"],
      65, "bad.safetensors: \(file.message)", in: folder)
  }

  @Test(arguments: badFiles.dropFirst()) private func isRefusedCompressed(_ file: BadFile) throws {
    let folder = try Scratch()
    try folder.write("bad.safetensors.gz", compressed(file.bytes))
    try expectRefusal(
      "nn-batch", ["bad.safetensors.gz", "-o", "out.safetensors.gz"],
      65, "bad.safetensors.gz: \(file.message)", in: folder)
  }

  @Test(arguments: ["nn-inspect", "nn-batch", "nn-sum", "nn-eval", "nn-backprop"])
  func emptyInputIsRefused(_ tool: String) throws {
    let folder = try Scratch()
    try folder.write("empty", "")
    try expectRefusal(tool, ["empty"], 65, "empty: empty input, expected a document", in: folder)
    try expectRefusal(tool, [], 65, "<stdin>: empty input, expected a document", in: folder)
    try expectRefusal(
      tool, [], 65, "<stdin>: upstream ended early: no document", input: [], in: folder)
  }

  @Test func garbageBehindGzipIsRefused() throws {
    let folder = try Step.folder()
    let batch = try folder.read("batch.safetensors.gz")
    for garbage in [Array("garbage".utf8), [0, 0, 0, 0], [0x1f]] {
      try folder.write("bad.gz", batch + garbage)
      let problem =
        garbage.count == 1
        ? "byte \(batch.count + 1): found end of input inside a gzip member, expected the rest of it"
        : "byte \(batch.count): found trailing garbage, expected another gzip member or the end"
      try expectRefusal(
        "nn-forward", ["-m", "model.safetensors.gz", "bad.gz", "-o", "out.gz"], 65,
        "bad.gz: \(problem)", in: folder)
    }
  }

  @Test func aBombIsRefusedAtTheLimit() throws {
    let folder = try Step.folder()
    let zeros = Document.dataset(["input": Tensor(zeros: [3000, 100], .f64)])
    try folder.write("bomb.safetensors.gz", zeros)
    try folder.write("bomb.safetensors", zeros)
    #expect(try folder.read("bomb.safetensors.gz").count < 20_000)
    let limit = ["NN_MAX_DOCUMENT_BYTES": "100000"]
    for name in ["bomb.safetensors.gz", "bomb.safetensors"] {
      let message =
        "\(name): found more than 100000 decompressed bytes, expected at most that many "
        + "(NN_MAX_DOCUMENT_BYTES sets the limit)"
      try expectRefusal(
        "nn-batch", [name, "-o", "out.gz"], 65, message, in: folder, environment: limit)
      try expectRefusal(
        "nn-init", [name, "-o", "out.gz"], 65, message, in: folder, environment: limit)
    }
    try expectRefusal(
      "nn-batch", ["bomb.safetensors"], 64,
      "NN_MAX_DOCUMENT_BYTES: found 'much', expected a whole number above 0", in: folder,
      environment: ["NN_MAX_DOCUMENT_BYTES": "much"])
    let enough = try Tool.run(
      "nn-split", ["bomb.safetensors", "--fraction", "0.5", "-o", "a", "--rest", "b"], in: folder,
      environment: ["NN_MAX_DOCUMENT_BYTES": "\(folder.read("bomb.safetensors").count)"])
    #expect(enough.status == 0 && enough.message == "")
  }

  @Test func controlCharactersInMessagesAreEscaped() throws {
    let folder = try Scratch()
    let kind = #"{"__metadata__":{"nn.format":"1","nn.kind":"a\u001b[2J\nb"}}"#
    try folder.write("red\u{1B}[31m\nbatch", rawDocument(kind))
    try expectRefusal(
      "nn-inspect", ["red\u{1B}[31m\nbatch"], 65,
      #"red\u{1B}[31m\nbatch: nn.kind: unknown kind 'a\u{1B}[2J\nb'"#, in: folder)
    try expectRefusal(
      "nn-inspect", ["\u{1B}]0;\u{7}\u{202e}"], 66,
      #"\u{1B}]0;\u{07}\u{202E}: no such file or directory"#, in: folder)
    try folder.write(
      "overlap",
      rawDocument(#"{\#(tensor(#"a\u001b"#, 0, 4)),\#(tensor(#"b\n"#, 2, 6))}"#, data: 6))
    try expectRefusal(
      "nn-inspect", ["overlap"], 65,
      #"overlap: tensor 'b\n': found data beginning at byte 2, expected 4, "#
        + #"where tensor 'a\u{1B}' ends"#, in: folder)
  }
}
