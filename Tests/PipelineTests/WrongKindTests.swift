import Foundation
import Testing

/// A tool's command line with a place for one input, and the kinds that it takes there.
private struct Reader: CustomTestStringConvertible, Sendable {
  let command: [String]
  let takes: [String]
  let expected: String

  var testDescription: String { command.joined(separator: " ") }

  /// - Parameter command: `%` stands for the input.
  init(_ command: String, takes: String..., expected: String) {
    self.command = command.split(separator: " ").map(String.init)
    self.takes = takes
    self.expected = expected
  }
}

private let dataset = "a dataset (nn-import writes one)"
private let model = "a model (nn-init writes one)"
private let gradient = "a gradient (nn-backprop writes one)"

private let readers = [
  Reader("nn-split % --fraction 0.5 -o out.gz --rest b", takes: "dataset", expected: dataset),
  Reader("nn-batch % -o out.gz", takes: "dataset", expected: dataset),
  Reader(
    "nn-forward -m model.safetensors.gz % -o out.gz", takes: "batch", "dataset",
    expected: "a batch (nn-batch writes one) or \(dataset)"),
  Reader("nn-forward -m % batch.safetensors.gz -o out.gz", takes: "model", expected: model),
  Reader(
    "nn-backprop % -o out.gz", takes: "trace",
    expected: "a trace (nn-forward --trace writes one)"),
  Reader("nn-sum % -o out.gz", takes: "gradient", expected: gradient),
  Reader(
    "nn-update -m model.safetensors.gz --rate 1 % -o out.gz", takes: "gradient",
    expected: gradient),
  Reader(
    "nn-update -m % --rate 1 gradient.safetensors.gz -o out.gz", takes: "model", expected: model),
  Reader(
    "nn-eval % -o out.gz", takes: "prediction", expected: "a prediction (nn-forward writes one)"),
  Reader(
    "nn-train -m model.safetensors.gz --rate 1 --epochs 1 % -o out.gz", takes: "dataset",
    expected: dataset),
  Reader(
    "nn-train -m % --rate 1 --epochs 1 data.safetensors -o out.gz", takes: "model",
    expected: model),
  Reader(
    "nn-gate % prediction.safetensors.gz --margin -1 -o out.gz", takes: "prediction",
    expected: "a prediction (nn-forward writes one)"),
  Reader(
    "nn-gate prediction.safetensors.gz % --margin -1 -o out.gz", takes: "prediction",
    expected: "a prediction (nn-forward writes one)"),
  Reader(
    "nn-check -m model.safetensors.gz % -o out.gz", takes: "dataset", expected: dataset),
  Reader("nn-check -m % data.safetensors -o out.gz", takes: "model", expected: model),
  Reader(
    "nn-check -m model.safetensors.gz data.safetensors --learned % -o out.gz", takes: "dataset",
    expected: dataset),
  Reader(
    "nn-check -m model.safetensors.gz data.safetensors --holdout % --leaked 1 -o out.gz",
    takes: "dataset", expected: dataset),
]

private let kinds = [
  "dataset": "data.safetensors", "batch": "batch.safetensors.gz", "trace": "trace.safetensors.gz",
  "prediction": "prediction.safetensors.gz", "gradient": "gradient.safetensors.gz",
  "model": "model.safetensors.gz",
]

@Suite struct WrongKindTests {
  @Test(arguments: readers) private func isRefusedByName(_ reader: Reader) throws {
    let folder = try Step.folder()
    for (kind, file) in kinds.sorted(by: { $0.key < $1.key }) {
      let arguments = reader.command.dropFirst().map { $0 == "%" ? file : $0 }
      if reader.takes.contains(kind) {
        let outcome = try Tool.run(reader.command[0], arguments, in: folder)
        #expect(outcome.status == 0 && outcome.message == "", "\(kind): \(outcome.message)")
        try FileManager.default.removeItem(atPath: folder.path("out.gz"))
      } else {
        try expectRefusal(
          reader.command[0], arguments, 65,
          "\(file): found a \(kind), expected \(reader.expected)", in: folder)
      }
    }
  }

  @Test func aDocumentOfNoKindIsRefusedWhereOneIsNeeded() throws {
    let folder = try Step.folder()
    try folder.write("other.gz", from: "trace.safetensors.gz") { $0.metadata = [:] }
    try expectRefusal(
      "nn-backprop", ["other.gz", "-o", "out.gz"], 65,
      "other.gz: found a document without nn.kind, expected a trace "
        + "(nn-forward --trace writes one)", in: folder)
  }
}
