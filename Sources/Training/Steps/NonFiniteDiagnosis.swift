import Compute
import Layers
import Networks
import Safetensors
import Tensors

/// Where a step left the finite numbers: the layer, as far as one is to blame, and the examples.
struct NonFiniteDiagnosis: Sendable, Equatable, CustomStringConvertible {
  let layer: String?
  /// Of the dataset, in the batch's order; of the batch where it does not say which they are.
  let rows: [Int64]

  private static let shownRows = 8

  var description: String {
    let shown = rows.prefix(Self.shownRows).map(String.init).joined(separator: ", ")
    let more = rows.count > Self.shownRows ? " and \(rows.count - Self.shownRows) more" : ""
    return (layer.map { "layer '\($0)', " } ?? "")
      + (rows.count == 1 ? "row \(shown)" : "rows \(shown)\(more)")
  }

  /// Makes the step once more, this time looking at every signal.
  ///
  /// - Parameters:
  ///   - fault: what was found wrong first.
  ///   - model: before the step.
  /// - Returns: nil for a step that cannot be made again.
  init?(_ fault: any Fault, of model: Model, on batch: Document, _ workers: ThreadPool) {
    guard let network = try? Network(topology: model.topology),
      let examples = try? ExampleBatch(batch, for: network, dtype: model.dtype),
      let context = try? batch.context(.training, of: network, workers)
    else { return nil }
    let all =
      (try? batch.rows(count: examples.count).map { Int64(clamping: $0) })
      ?? (0..<Int64(examples.count)).map { $0 }
    func rows(_ found: [Int]) -> [Int64] { found.map { all[$0] } }

    var executor = Executor(network, .training, model.dtype, keeping: .everything)
    executor.use(model.parameters)
    executor.forward(examples.input, target: examples.target, context)
    for (index, node) in network.nodes.enumerated() {
      let tensors = executor.tensors(of: index)
      for tensor in [tensors.sum, tensors.output] {
        let found = tensor.nonFiniteExamples()
        if found.isEmpty { continue }
        (layer, self.rows) = (node.name, rows(found))
        return
      }
    }
    if examples.target != nil {
      let found = executor.losses.nonFiniteExamples()
      if !found.isEmpty {
        (layer, self.rows) = (network.nodes[network.nodes.count - 1].name, rows(found))
        return
      }
    }
    // What is finite for every example alone, or cannot be had for one alone, all have brought about together.
    let alone = (0..<examples.count).filter {
      Self.fails(on: batch.example($0, of: examples.count), model, workers)
    }
    layer = tensor(of: fault).flatMap { tensor in
      network.nodes.map(\.name).first { tensor.contains($0 + ".") }
    }
    self.rows = alone.isEmpty ? all : rows(alone)
  }

  /// Whether a single example leaves the finite numbers.
  private static func fails(on batch: Document, _ model: Model, _ workers: ThreadPool) -> Bool {
    do {
      var backprop = Backprop(workers)
      var forward = try Forward(model, workers)
      _ = try backprop.gradient(of: forward.trace(of: batch))
      return false
    } catch let fault as any Fault {
      return fault.isNumerical
    } catch {
      return false
    }
  }
}

extension Forward {
  /// A numerical fault of `trace` with the layer and the rows at fault.
  public func explained(_ fault: any Fault, by batch: Document) -> any Fault {
    guard fault.isNumerical,
      let diagnosis = NonFiniteDiagnosis(fault, of: model, on: batch, workers)
    else {
      return fault
    }
    return DiagnosedError(cause: fault, diagnosis: diagnosis)
  }
}

/// A numerical fault, and what is known of where it comes from.
struct DiagnosedError: Fault {
  let cause: any Fault
  let diagnosis: NonFiniteDiagnosis

  var isNumerical: Bool { cause.isNumerical }
  var description: String { "\(cause): \(diagnosis)" }
}

/// The tensor that a numerical fault is about.
private func tensor(of fault: any Fault) -> String? {
  switch fault {
  case DocumentError.notFinite(let name, _, _, _, _): name
  case TrainingError.overflow(let fault, _): tensor(of: fault)
  default: nil
  }
}

extension Document {
  /// A batch of one of its examples.
  fileprivate func example(_ number: Int, of count: Int) -> Document {
    var result = self
    for (name, tensor) in tensors where tensor.shape.dimensions.first == count {
      result.tensors[name] = tensor.rows(number..<number + 1)
    }
    return result
  }
}

extension Tensor {
  /// The places along the first axis where not all is finite.
  fileprivate func nonFiniteExamples() -> [Int] {
    guard shape.rank > 0, firstNonFinite() != nil else { return [] }
    let (values, size) = (doubles(), shape.count / shape[0])
    return (0..<shape[0]).filter { example in
      values[example * size..<(example + 1) * size].contains { !$0.isFinite }
    }
  }
}
