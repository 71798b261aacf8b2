import Documents
import Networks
import Safetensors
import Tensors
import Training

/// A trainer as it was before one of the last steps. A correction changes weights where they lie; what it made of them
/// before it left the finite numbers cannot be undone, but the steps from here on can be made again.
///
/// A class, since every step asks whether there is one.
final class TrainerSnapshot: Sendable {
  let parameters: [[Tensor]]
  let corrector: Corrector
  let model: Model
  let isNoted: Bool

  init(parameters: [[Tensor]], corrector: Corrector, model: Model, isNoted: Bool) {
    (self.parameters, self.corrector) = (parameters, corrector)
    (self.model, self.isNoted) = (model, isNoted)
  }

  /// The steps between two: the weights are copied once in so many.
  static let interval = 64
}

/// A fault with the step it stopped.
struct StepFault: Fault {
  let epoch: Int
  let step: Int
  let cause: any Fault

  var isNumerical: Bool { cause.isNumerical }
  var description: String { "epoch \(epoch): step \(step): \(cause)" }
}
