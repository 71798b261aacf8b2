import Foundation
import Safetensors
import Tensors
import Testing

@testable import Training

/// Predictions of three classes: the answers, of the ids `target`, with their losses.
private func prediction(
  _ losses: [Double], answers: [Int], target: [Int], loss: String = "cross-entropy",
  rows: [Int64]? = nil
) -> Document {
  var document = Document(kind: .prediction)
  document[.topology] = "input 2\ndense 3 softmax\nloss \(loss) # at the end\n"
  document.tensors["loss"] = Tensor(losses)
  document.tensors["target"] = Tensor(target.map { Int64($0) })
  document.tensors["output"] = Tensor(
    answers.flatMap { answer in (0..<3).map { $0 == answer ? 0.5 : 0.25 } },
    shape: [answers.count, 3])
  document.tensors["index"] = rows.map { Tensor($0) }
  return document
}

private func predictions(_ documents: Document...) throws -> HoldoutPredictions {
  var predictions = HoldoutPredictions()
  for document in documents { try predictions.add(document) }
  return predictions
}

/// Predictions of numbers, which name no class.
private func numbers(_ losses: [Double], target: [Double]) throws -> HoldoutPredictions {
  var document = Document(kind: .prediction)
  document.tensors["loss"] = Tensor(losses)
  document.tensors["target"] = Tensor(target, shape: [target.count, 1])
  document.tensors["output"] = Tensor(target, shape: [target.count, 1])
  return try predictions(document)
}

@Suite struct GateTests {
  private let gate = Gate()

  @Test func aLossThatFallsEverywhereIsPromoted() throws {
    let target = [0, 1, 2, 0]
    let champion = try predictions(prediction([4, 3, 2, 1], answers: target, target: target))
    let challenger = try predictions(
      prediction([3.5, 2.5, 1.5, 0.5], answers: target, target: target))
    // Every resample of equal gains has their mean.
    let verdict = try gate.verdict(champion: champion, challenger: challenger)
    #expect(verdict.isPromotion)
    #expect(verdict.gain == 0.5 && verdict.low == 0.5 && verdict.high == 0.5)
    #expect(verdict.reason == "the loss falls by 0.5 or more with confidence 0.95")
    #expect(verdict.worstClass?.id == 0 && verdict.worstClass?.fall == 0)
    #expect(champion.loss == 2.5 && champion.accuracy == 1 && champion.count == 4)
  }

  @Test func theBoundMustBeAboveTheMargin() throws {
    let target = [0, 1]
    let champion = try predictions(prediction([1, 1], answers: target, target: target))
    let challenger = try predictions(prediction([0.75, 0.75], answers: target, target: target))
    for (margin, isPromotion) in [(0.25, false), (0.2499, true), (0, true), (-1, true), (1, false)]
    {
      var gate = gate
      gate.margin = margin
      let verdict = try gate.verdict(champion: champion, challenger: challenger)
      #expect(verdict.isPromotion == isPromotion, "\(margin)")
    }
    // The same predictions are no better, and as good.
    #expect(try !gate.verdict(champion: champion, challenger: champion).isPromotion)
    var lenient = gate
    lenient.margin = -0.01
    #expect(try lenient.verdict(champion: champion, challenger: champion).isPromotion)
  }

  @Test func aMeanThatOneExampleMakesIsNotTrusted() throws {
    // Better on average by (10 − 9 · 1) / 10 = 0.1; a sample misses the one example with (9/10)¹⁰ = 0.35.
    let target = [Int](repeating: 0, count: 10)
    let champion = try predictions(
      prediction([11] + [Double](repeating: 1, count: 9), answers: target, target: target))
    let challenger = try predictions(
      prediction([1] + [Double](repeating: 2, count: 9), answers: target, target: target))
    let verdict = try gate.verdict(champion: champion, challenger: challenger)
    #expect(abs(verdict.gain - 0.1) < 1e-12)
    // No such example in a sample: a mean of −1.
    #expect(verdict.low == -1)
    #expect(!verdict.isPromotion)
    #expect(
      verdict.reason == "the loss falls by -1 or more with confidence 0.95, expected more than 0")
  }

  @Test func noClassMayFallByMoreThanTheLimit() throws {
    // Class 1: 3 of 4 right, then 2; class 2: 0 of 1, then 1.
    let target = [0, 1, 1, 1, 1, 2]
    let champion = try predictions(
      prediction([2, 2, 2, 2, 2, 2], answers: [0, 1, 1, 1, 0, 0], target: target))
    let challenger = try predictions(
      prediction([1, 1, 1, 1, 1, 1], answers: [0, 1, 1, 0, 0, 2], target: target))
    var gate = gate
    let refused = try gate.verdict(champion: champion, challenger: challenger)
    #expect(!refused.isPromotion)
    #expect(refused.worstClass?.id == 1 && refused.worstClass?.fall == 0.25)
    #expect(
      refused.reason == "class 1: 2 of 4 right, 3 before: worse by 0.25, expected at most 0.1")
    gate.classLimit = 0.25
    #expect(try gate.verdict(champion: champion, challenger: challenger).isPromotion)
    gate.classLimit = 0.2499
    #expect(try !gate.verdict(champion: champion, challenger: challenger).isPromotion)
  }

  @Test func targetsThatNameNoClassHaveNoClassLimit() throws {
    let verdict = try gate.verdict(
      champion: numbers([2, 3], target: [0.5, 7]), challenger: numbers([1, 2], target: [0.5, 7]))
    #expect(verdict.isPromotion && verdict.worstClass == nil)
    #expect(try numbers([1], target: [0.5]).accuracy == nil)
  }

  @Test func aStreamIsJudgedAsItsDocumentsTogether() throws {
    let parts = try predictions(
      prediction([2, 1], answers: [0, 1], target: [0, 1], rows: [4, 5]),
      prediction([3], answers: [2], target: [1], rows: [0]))
    let whole = try predictions(
      prediction([2, 1, 3], answers: [0, 1, 2], target: [0, 1, 1], rows: [4, 5, 0]))
    #expect(parts.accuracy == 2.0 / 3 && parts.loss == 2)
    #expect(try gate.verdict(champion: whole, challenger: parts).gain == 0)
  }

  @Test func otherExamplesAreRefused() throws {
    let champion = prediction([1, 1], answers: [0, 1], target: [0, 1], rows: [0, 1])
    let cases: [(Document, TrainingError)] = [
      (
        prediction([1], answers: [0], target: [0], rows: [0]), .otherPredictions(1, champion: 2)
      ),
      (
        prediction([1, 1], answers: [0, 1], target: [0, 2], rows: [0, 1]),
        .otherExample("target", row: 1)
      ),
      (
        prediction([1, 1], answers: [0, 1], target: [0, 1], rows: [0, 2]),
        .otherExample("index", row: 1)
      ),
      (prediction([1, 1], answers: [0, 1], target: [0, 1]), .otherExample("index", row: 0)),
      (
        prediction([1, 1], answers: [0, 1], target: [0, 1], loss: "squared", rows: [0, 1]),
        .otherLoss(found: "squared", expected: "cross-entropy")
      ),
    ]
    for (challenger, error) in cases {
      #expect(throws: error) {
        try gate.verdict(champion: predictions(champion), challenger: predictions(challenger))
      }
    }
    var real = prediction([1, 1], answers: [0, 1], target: [0, 1], rows: [0, 1])
    real.tensors["target"] = Tensor([Int32(0), 1])
    #expect(throws: TrainingError.otherExample("target", row: 0)) {
      try gate.verdict(champion: predictions(champion), challenger: predictions(real))
    }
  }

  @Test func predictionsWithoutLossOrWithNaNAreRefused() throws {
    var bare = prediction([1], answers: [0], target: [0])
    bare.tensors["loss"] = nil
    #expect(throws: DocumentError.missingTensor("loss", kind: .prediction)) {
      try predictions(bare)
    }
    #expect(throws: DocumentError.self) {
      try predictions(prediction([.nan], answers: [0], target: [0]))
    }
    #expect(throws: TrainingError.noPredictions) { try HoldoutPredictions().requireExamples() }
  }

  struct Case: Decodable, CustomTestStringConvertible {
    let seed: UInt64
    let samples: Int
    let confidence, gain, low, high: Double
    let champion, challenger: [Double]
    var testDescription: String { "\(champion.count) examples, \(samples) samples" }
  }

  static func cases() throws -> [Case] {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../Oracles/gate.json")
    return try JSONDecoder().decode([Case].self, from: Data(contentsOf: file))
  }

  @Test(arguments: try cases()) func boundsAreNumPys(_ expected: Case) throws {
    let target = expected.champion.map { _ in 0.5 }
    var gate = gate
    (gate.seed, gate.samples, gate.confidence) = (
      expected.seed, expected.samples, expected.confidence
    )
    let found = try gate.verdict(
      champion: numbers(expected.champion, target: target),
      challenger: numbers(expected.challenger, target: target))
    for (found, expected) in [
      (found.gain, expected.gain), (found.low, expected.low), (found.high, expected.high),
    ] {
      #expect(abs(found - expected) <= 1e-12 * max(1, abs(expected)))
    }
  }

  @Test func anotherSeedDrawsOtherSamples() throws {
    let cases = try Self.cases()
    let expected = try #require(cases.last)
    let target = expected.champion.map { _ in 0.5 }
    var gate = gate
    gate.seed = 99
    let found = try gate.verdict(
      champion: numbers(expected.champion, target: target),
      challenger: numbers(expected.challenger, target: target))
    #expect(found.low != expected.low)
  }
}
