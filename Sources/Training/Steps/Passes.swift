import Compute
import Layers
import Networks
import Safetensors
import Tensors

/// What `nn.signals` says of a trace that carries only what the way back needs.
let briefSignals = "brief"

extension Document {
  /// Whether a trace is brief.
  ///
  /// - Throws: `DocumentError.malformed`.
  func isBrief() throws -> Bool {
    guard let text = self[.signals] else { return false }
    if text == briefSignals { return true }
    throw DocumentError.malformed(.signals, found: text, expected: briefSignals)
  }

  /// What a batch's or trace's pass through a network depends on.
  ///
  /// - Throws: `PropagationError.cannotDraw` when a layer is to draw random numbers and the document does not say by what:
  ///   `nn.seed`, `nn.epoch`, `nn.step` and the rows' `index`.
  func context(
    _ mode: Mode, of network: Network, _ workers: ThreadPool
  ) throws -> Context {
    guard mode == .training && network.isRandom else { return Context(mode, workers) }
    do {
      let seed = try text(.seed)
      guard let seed = UInt64(seed) else {
        throw DocumentError.malformed(.seed, found: seed, expected: "a whole number below 2^64")
      }
      let rows = try rows(count: tensor(Role.input).shape.dimensions.first ?? 0)
      return Context(
        mode,
        draws: Draws(seed: seed, epoch: try integer(.epoch), step: try integer(.step), rows: rows),
        workers)
    } catch let error as DocumentError {
      let layer = network.nodes.first(where: \.layer.isRandom)?.name ?? ""
      throw PropagationError.cannotDraw(layer: layer, reason: error)
    }
  }

  /// Whether a trace was made to learn from.
  ///
  /// - Throws: `DocumentError.missingKey`, `.malformed`.
  func mode() throws -> Mode {
    let text = try text(.mode)
    guard let mode = Mode(rawValue: text) else {
      throw DocumentError.malformed(
        .mode, found: text, expected: Mode.allCases.map(\.rawValue).joined(separator: " or "))
    }
    return mode
  }
}
