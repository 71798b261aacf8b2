import Kernels
import Layers
import Losses
import Tensors

/// What the layers of a network gave for one batch, by the layers' names.
public struct Signals: Sendable {
  /// After the activation, [N, …].
  public let outputs: [String: Tensor]

  /// Before the activation, in the output's shape.
  public let sums: [String: Tensor]

  let lastLayer: String

  /// What the network answers.
  public var output: Tensor { outputs[needed: lastLayer] }

  /// What the last activation was given; nil when a trace did not carry it.
  public var sum: Tensor? { sums[lastLayer] }
}

/// What `Network.backward` finds.
public struct Gradients: Sendable {
  /// ∂loss/∂parameter, summed over the examples, by the parameter's full name.
  public fileprivate(set) var parameters: [String: Tensor] = [:]

  /// Per example, of every layer that an error reached: `LAYER.error` = ∂loss/∂output, `LAYER.derivative`
  /// of its activation, and `LAYER.delta` = ∂loss/∂sum. A layer has no derivative where its outputs depend
  /// on more than their own sums (softmax); the last one has only its delta where loss and activation are
  /// differentiated in one.
  public fileprivate(set) var deltas: [String: Tensor] = [:]
}

extension Network {
  /// The signals of all layers.
  ///
  /// - Parameters:
  ///   - input: from `prepared(input:dtype:)`.
  ///   - parameters: all of them, checked, in the input's dtype.
  public func forward(
    _ input: Tensor, parameters: [String: Tensor], workers: Workers
  ) -> Signals {
    var outputs: [String: Tensor] = [:]
    var sums: [String: Tensor] = [:]
    var signal = input
    for node in nodes {
      let own = node.layer.parameters.map(\.name)
      let sum = node.layer.forward(signal, parameters.of(node, named: own), workers)
      signal = node.activation.forward(sum, workers)
      (sums[node.name], outputs[node.name]) = (sum, signal)
    }
    return Signals(outputs: outputs, sums: sums, lastLayer: last.name)
  }

  /// The loss of every example, [N].
  ///
  /// - Parameter target: from `prepared(target:examples:dtype:)`.
  public func losses(_ signals: Signals, target: Tensor, workers: Workers) -> Tensor {
    loss.values(
      output: signals.output, sum: loss.needsSum ? signals.sum : nil, target: target, workers)
  }

  /// The gradients of the loss, summed over the batch, from the last layer back to the first that has
  /// parameters.
  ///
  /// - Parameters:
  ///   - input: what `forward` was given.
  ///   - target: from `prepared(target:examples:dtype:)`.
  ///   - signals: what `forward` gave, at least all outputs and the sums of `sumsForBackward`.
  ///   - parameters: at least those of `parameterNamesForBackward`.
  ///   - keepingDeltas: whether the result holds the errors, derivatives and deltas of each layer.
  /// - Throws: `NetworkFault.noDerivative`.
  public func backward(
    input: Tensor, target: Tensor, signals: Signals, parameters: [String: Tensor],
    keepingDeltas: Bool, workers: Workers
  ) throws -> Gradients {
    try checkDerivatives()
    var gradients = Gradients()
    var derivative = loss.derivative(output: signals.output, target: target, workers)
    for index in (firstTrainable..<nodes.count).reversed() {
      let node = nodes[index]
      let sum = node.activation.backwardNeedsSum ? signals.sums[node.name] : nil
      let output = signals.outputs[needed: node.name]

      let delta: Tensor
      switch derivative {
      case .delta(let fused): delta = fused
      case .error(let error):
        delta = node.activation.delta(error: error, sum: sum, output: output, workers)
        if keepingDeltas {
          gradients.deltas["\(node.name).error"] = error
          gradients.deltas["\(node.name).derivative"] = node.activation.derivative(
            sum: sum, output: output, workers)
        }
      }
      if keepingDeltas { gradients.deltas["\(node.name).delta"] = delta }

      let isLast = index == firstTrainable
      let found = node.layer.backward(
        delta: delta, input: index == 0 ? input : signals.outputs[needed: nodes[index - 1].name],
        parameters.of(node, named: isLast ? [] : node.layer.parametersForBackward),
        wantsInputGradient: !isLast, workers)
      for (name, gradient) in found.parameters {
        gradients.parameters["\(node.name).\(name)"] = gradient
      }
      if let error = found.input { derivative = .error(error) }
    }
    return gradients
  }

  /// Refuses a network that cannot learn, before anything is computed.
  ///
  /// - Throws: `NetworkFault.noDerivative`.
  public func checkDerivatives() throws {
    for node in nodes[firstTrainable...] {
      if let reason = node.activation.reasonWithoutDerivative {
        throw NetworkFault.noDerivative(layer: node.name, reason: reason)
      }
    }
  }
}

extension [String: Tensor] {
  /// The tensor of this name, which the caller promised.
  fileprivate subscript(needed name: String) -> Tensor {
    guard let tensor = self[name] else { preconditionFailure("no tensor of layer '\(name)'") }
    return tensor
  }

  /// The parameters of one layer under their names within it.
  fileprivate func of(_ node: Node, named names: [String]) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for name in names { result[name] = self["\(node.name).\(name)"] }
    return result
  }
}
