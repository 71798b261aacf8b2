import Kernels
import Layers
import Losses
import Tensors

/// What the layers of a network gave for one batch, by the layers' names.
public struct Signals: Sendable {
  /// After the activation, [N, …].
  public internal(set) var outputs: [String: Tensor] = [:]

  /// Before the activation, in the output's shape.
  public internal(set) var sums: [String: Tensor] = [:]

  /// What layers found on the way and need on the way back, as `LAYER.NAME`.
  public internal(set) var kept: [String: Tensor] = [:]

  let lastLayer: String

  /// The outputs that a node takes, of which one may be the network's input.
  func inputs(of node: Node, in network: Network, _ input: Tensor) -> [Tensor] {
    node.sources.map { source in
      source.map { outputs[needed: network.nodes[$0].name] } ?? input
    }
  }

  /// What the network answers.
  public var output: Tensor { outputs[needed: lastLayer] }

  /// What the last activation was given; nil when a trace did not carry it.
  public var sum: Tensor? { sums[lastLayer] }
}

/// What `Network.backward` finds.
public struct Gradients: Sendable {
  /// By the parameter's full name: ∂loss/∂parameter, summed over the examples; for a running statistic the sum over
  /// the examples of its change, negated.
  public fileprivate(set) var parameters: [String: Tensor] = [:]

  /// Per example, of every layer that an error reached: `LAYER.error` = ∂loss/∂output, `LAYER.derivative`
  /// of its activation, and `LAYER.delta` = ∂loss/∂sum. A layer has no derivative where its outputs depend
  /// on more than their own sums (softmax); the last one has only its delta where loss and activation are
  /// differentiated in one.
  public fileprivate(set) var deltas: [String: Tensor] = [:]
}

extension Network {
  /// Which signals outlive a forward pass.
  public enum Keeping: Sendable {
    /// All, for people to look at.
    case everything
    /// Every output, and the sums that the way back reads.
    case whatBackwardNeeds
  }

  /// The signals of the layers.
  ///
  /// - Parameters:
  ///   - input: from `prepared(input:dtype:)`.
  ///   - parameters: all of them, checked, in the input's dtype.
  public func forward(
    _ input: Tensor, parameters: [String: Tensor], keeping: Keeping = .everything, _ pass: Pass
  ) -> Signals {
    var signals = Signals(lastLayer: last.name)
    let needed = Set(sumsForBackward)
    for node in nodes {
      let inputs = signals.inputs(of: node, in: self, input)
      let own = node.layer.parameters.map(\.name)
      var found = node.layer.forward(inputs, parameters.of(node, named: own), pass.at(node.name))
      if keeping == .everything || needed.contains(node.name) {
        signals.sums[node.name] = found.sum
      }
      // In the sum's own memory, unless that was kept.
      node.activation.apply(to: &found.sum, pass.workers)
      signals.outputs[node.name] = found.sum
      for (name, tensor) in found.kept { signals.kept["\(node.name).\(name)"] = tensor }
    }
    return signals
  }

  /// What reaches a layer of which no ancestor has parameters.
  func signal(reaching index: Int, from input: Tensor, _ pass: Pass) -> Tensor {
    var signals = Signals(lastLayer: last.name)
    for node in ancestors(of: index).map({ nodes[$0] }) {
      let sum = node.layer.forward(
        signals.inputs(of: node, in: self, input), [:], pass.at(node.name)
      ).sum
      signals.outputs[node.name] = node.activation.forward(sum, pass.workers)
    }
    return signals.inputs(of: nodes[index], in: self, input)[0]
  }

  /// The loss of every example, [N].
  ///
  /// - Parameter target: from `prepared(target:examples:dtype:)`.
  public func losses(_ signals: Signals, target: Tensor, workers: Workers) -> Tensor {
    loss.values(
      output: signals.output, sum: loss.needsSum ? signals.sum : nil, target: target, workers)
  }

  /// The gradients of the loss, summed over the batch, from the last layer back to the first ones that have
  /// learned parameters.
  ///
  /// - Parameters:
  ///   - input: what `forward` was given.
  ///   - target: from `prepared(target:examples:dtype:)`.
  ///   - signals: what `forward` gave, at least all outputs, the sums of `sumsForBackward` and what layers kept.
  ///   - parameters: at least those of `parameterNamesForBackward`.
  ///   - keepingDeltas: whether the result holds the errors, derivatives and deltas of each layer.
  ///   - pass: as `forward` was given it.
  /// - Throws: `NetworkFault.noDerivative`.
  public func backward(
    input: Tensor, target: Tensor, signals: Signals, parameters: [String: Tensor],
    keepingDeltas: Bool, _ pass: Pass
  ) throws -> Gradients {
    try checkDerivatives()
    var gradients = Gradients()
    // ∂loss/∂output of every node, added up over those that take from it, the latest first.
    var errors = [Tensor?](repeating: nil, count: nodes.count)
    for index in nodes.indices.reversed() where carriesError[index] {
      let node = nodes[index]
      let sum = node.activation.backwardNeedsSum ? signals.sums[node.name] : nil
      let output = signals.outputs[needed: node.name]

      // First ∂loss/∂output, then in its memory, unless that is kept, ∂loss/∂sum.
      var arrived: Tensor? = nil
      swap(&arrived, &errors[index])
      var isDelta = false
      if index == nodes.count - 1 {
        switch loss.derivative(output: output, target: target, pass.workers) {
        case .delta(let fused): (arrived, isDelta) = (fused, true)
        case .error(let found): arrived = found
        }
      }
      guard var delta = arrived.take() else {
        preconditionFailure("no error reaches layer '\(node.name)'")
      }
      if !isDelta {
        if keepingDeltas {
          gradients.deltas["\(node.name).error"] = delta
          gradients.deltas["\(node.name).derivative"] = node.activation.derivative(
            sum: sum, output: output, pass.workers)
        }
        node.activation.makeDelta(of: &delta, sum: sum, output: output, pass.workers)
      }
      if keepingDeltas { gradients.deltas["\(node.name).delta"] = delta }

      let wanted = node.sources.map { $0.map { carriesError[$0] } ?? false }
      let names = node.layer.parametersForBackward(
        pass.mode, wantsInputGradient: wanted.contains(true))
      let found = node.layer.backward(
        delta: delta,
        inputs: signals.inputs(of: node, in: self, input),
        kept: signals.kept.of(node, named: node.layer.kept(in: pass.mode).map(\.name)),
        parameters.of(node, named: names), wanted: wanted, pass.at(node.name))
      for (name, gradient) in found.parameters {
        gradients.parameters["\(node.name).\(name)"] = gradient
      }
      for (source, error) in zip(node.sources, found.inputs) {
        guard let source, let error else { continue }
        let shaped = error.reshaped(signals.outputs[needed: nodes[source].name].shape)
        errors[source] =
          errors[source]?.combined(with: shaped, by: Addition(), pass.workers) ?? shaped
      }
    }
    return gradients
  }

  /// Refuses a network that cannot learn, before anything is computed.
  ///
  /// - Throws: `NetworkFault.noDerivative`.
  public func checkDerivatives() throws {
    for (node, carriesError) in zip(nodes, carriesError) where carriesError {
      if let reason = node.activation.reasonWithoutDerivative {
        throw NetworkFault.noDerivative(layer: node.name, reason: reason)
      }
    }
  }

  /// Refuses batches of a size that a layer cannot be trained on.
  ///
  /// - Parameter batch: which one has so many examples.
  /// - Throws: `NetworkFault.tooFewExamples`.
  public func checkTraining(on examples: Int, of batch: String = "the batch") throws {
    for node in nodes {
      if let reason = node.layer.objection(toTrainingOn: examples) {
        throw NetworkFault.tooFewExamples(layer: node.name, batch: batch, reason: reason)
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

  /// The tensors of one layer under their names within it.
  fileprivate func of(_ node: Node, named names: [String]) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for name in names { result[name] = self["\(node.name).\(name)"] }
    return result
  }
}
