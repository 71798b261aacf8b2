import Safetensors
import Tensors

/// What the batches of an epoch have lost so far, before their corrections.
///
/// A model carries that of the epoch that it is in, or has just finished, so that whether a loss is reached does not depend on
/// how often the training was interrupted.
public struct EpochLoss: Sendable, Equatable {
  /// Over all examples.
  public private(set) var sum = 0.0
  public private(set) var examples = 0

  init() {}

  /// - Throws: `DocumentError` when only one of `nn.loss` and `nn.examples` is there, or one is malformed.
  init?(_ model: Document) throws {
    if model[.loss] == nil && model[.examples] == nil { return nil }
    sum = try model.number(.loss)
    examples = try model.integer(.examples)
    guard examples > 0 else { throw TrainingError.noExamples }
  }

  public var mean: Double { sum / Double(examples) }

  mutating func add(_ loss: Double, of examples: Int) throws {
    sum += loss
    guard sum.isFinite else { throw TrainingError.lossOverflow }
    self.examples += examples
  }

  func write(to model: inout Document) {
    model[.loss] = decimal(sum)
    model[.examples] = String(examples)
  }
}

extension Model {
  /// Moves the model's place to behind a batch that it has learned.
  ///
  /// - Parameters:
  ///   - number: the batch's epoch, from 1.
  ///   - step: its number within that, from 1 to `steps`.
  ///   - loss: the sum over the batch's examples; nil where nobody knows it, and then the epoch's is not known either.
  /// - Throws: `TrainingError.lossOverflow`.
  public mutating func advance(
    to number: Int, behind step: Int, of steps: Int, loss: Double?, examples: Int
  ) throws {
    let goesOn = step > 1 && position != nil && number == epoch + 1
    var sum = goesOn ? epochLoss : EpochLoss()
    if let loss { try sum?.add(loss, of: examples) } else { sum = nil }
    epochLoss = sum
    let isFinished = step >= steps
    epoch = isFinished ? number : max(number - 1, 0)
    position = isFinished ? nil : step
  }
}
