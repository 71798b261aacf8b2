import Networks
import Safetensors
import Tensors

/// Where a new model's parameters come from.
public enum StartValues: Sendable {
  /// Drawn by the generator.
  case drawn(Initializer = .auto)
  /// Taken by name from a document, whose hash names it in the lineage.
  case given(Document, digest: String)
}

/// A model of a network that has learned nothing yet.
///
/// - Throws: with given values `NetworkError` or `DocumentError` when one is missing, misshapen or not
///   finite, or belongs to no parameter.
public func startModel(
  of network: Network, seed: UInt64, dtype: DType, _ values: StartValues
) throws -> Model {
  let parameters: [String: Tensor]
  var lineage = "start seed=\(seed) dtype=\(dtype.rawValue.lowercased())"
  switch values {
  case .drawn(let rule):
    parameters = network.initialParameters(seed: seed, dtype: dtype, rule)
    if rule != .auto { lineage += " rule=\(rule.rawValue)" }
  case .given(let document, let digest):
    lineage = "start weights=\(digest) dtype=\(dtype.rawValue.lowercased())"
    var given = [String: Tensor]()
    for (name, tensor) in document.tensors where !name.hasPrefix("optimizer.") {
      guard tensor.dtype != .c64 else {
        throw DocumentError.wrongDType(name, found: tensor.dtype, expected: "real numbers")
      }
      given[name] = tensor.converted(to: dtype)
    }
    try network.checkParameters(given)
    for name in given.keys.sorted() { try given[name]?.requireFinite(name) }
    parameters = given
  }
  return Model(
    topology: network.topology, parameters: parameters, dtype: dtype, seed: seed,
    lineage: Lineage(lineage))
}
