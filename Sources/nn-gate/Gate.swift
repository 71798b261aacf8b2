import ArgumentParser
import Tensors
import ToolSupport
import Training

@main
struct GateTool: Stage {
  static let configuration = CommandConfiguration(
    commandName: "nn-gate",
    abstract: "Decide whether a new model may take the place of the one in use.",
    discussion: """
      Reads the predictions of two models for the same examples, which neither has learned, and prints one line, \
      tab-separated: promote or keep; the number of examples; the champion's loss, the challenger's, what it falls by, and the \
      bounds of that by a bootstrap; the accuracy of both; the class whose share of right answers falls most, and by how much; \
      the reason. "-" stands where targets name no class. The challenger is promoted when the lower bound is above --margin \
      and no class falls by more than --class-limit.

        nn-forward -m champion.safetensors.gz test.safetensors.gz -o old.gz
        nn-forward -m challenger.safetensors.gz test.safetensors.gz \\
        | nn-gate old.gz -

      Exit: 0 done, 64 usage, 65 bad data or other examples, 66 file missing, 71 no memory, \
      73/74 output, 80 NaN or infinity, 1 keep the champion.
      """,
    version: version)

  @Argument(help: ArgumentHelp("Predictions of the model in use.", valueName: "champion"))
  var champion: String

  @Argument(
    help: ArgumentHelp(
      "Predictions of the new one; - or none for standard input.", valueName: "challenger"))
  var challenger: String?

  @OptionGroup var options: GateOptions

  @Option(
    name: [.short, .customLong("output")],
    help: ArgumentHelp("Write the line here instead of to standard output.", valueName: "file"))
  var output: String?

  func run() throws {
    let text = try TextOutput(output)
    let (champion, _) = try predictions(champion, as: "the champion's predictions")
    let (challenger, input) = try predictions(challenger, as: "the challenger's predictions")
    let verdict = try locating(input.name) {
      try options.gate.verdict(champion: champion, challenger: challenger)
    }
    let figures = [
      verdict.isPromotion ? "promote" : "keep", String(champion.count), decimal(champion.loss),
      decimal(challenger.loss), decimal(verdict.gain), decimal(verdict.low), decimal(verdict.high),
      champion.accuracy.map { decimal($0) } ?? "-", challenger.accuracy.map { decimal($0) } ?? "-",
      verdict.worstClass.map { String($0.id) } ?? "-",
      verdict.worstClass.map { decimal($0.fall) } ?? "-", verdict.reason,
    ]
    try text.write(figures.joined(separator: "\t") + "\n")
    try text.finish()
    if !verdict.isPromotion { throw PredicateNo(verdict.reason) }
  }

  private func predictions(
    _ path: String?, as role: String
  ) throws -> (HoldoutPredictions, DocumentInput) {
    let input = try openInput(path, as: role)
    var predictions = HoldoutPredictions()
    while let document = try input.next() {
      try input.locating { try predictions.add(document) }
    }
    try input.locating { try predictions.requireExamples() }
    return (predictions, input)
  }
}
