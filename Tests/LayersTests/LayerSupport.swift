import Comparison
import Kernels
import Layers
import Tensors
import Testing

/// The layer of a topology line without activation and name.
func layer<L: Layer>(_ kind: L.Type, _ line: String, input: Shape) throws -> L {
  try layer(kind, line, inputs: [LayerInput(name: "input", shape: input)])
}

/// The layer of a topology line that takes several inputs, without the names behind its word.
func layer<L: Layer>(_ kind: L.Type, _ line: String, inputs: [LayerInput]) throws -> L {
  var words = try LayerWords(words(line))
  let layer = try L(&words, inputs: inputs)
  try words.end(known: [])
  return layer
}

/// The words of a line, single spaces between them.
func words(_ line: String) -> [Word] {
  var column = 1
  return line.split(separator: " ").map { text in
    defer { column += text.count + 1 }
    return Word(String(text), line: 1, column: column)
  }
}

/// Numbers in [−1, 1) that look random.
func numbers(_ shape: Shape, seed: UInt64) -> Tensor {
  var state = seed
  return Tensor(
    (0..<shape.count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(Int64(bitPattern: state) >> 11) * 0x1p-52
    }, shape: shape)
}

/// ∂f/∂x for every element by central differences of fourth order, whose error is about 1e-12.
func differences(_ x: Tensor, of f: (Tensor) -> Double) -> Tensor {
  let h = 1e-3
  let values = x.doubles()
  return Tensor(
    values.indices.map { index in
      func moved(by step: Double) -> Double {
        var values = values
        values[index] += step
        return f(Tensor(values, shape: x.shape))
      }
      return (8 * (moved(by: h) - moved(by: -h)) - (moved(by: 2 * h) - moved(by: -2 * h)))
        / (12 * h)
    }, shape: x.shape)
}

/// Compares a layer's gradients with numerical ones of Σ weightᵢ outputᵢ, for random weights.
///
/// - Parameter inputs: the shapes of the batches that reach it.
func checkByDifferences(_ layer: some Layer, inputs shapes: [Shape], _ pass: Pass) throws {
  let inputs = shapes.indices.map { numbers(shapes[$0], seed: UInt64(1 + 100 * $0)) }
  var parameters: [String: Tensor] = [:]
  for (index, parameter) in layer.parameters.enumerated() {
    let random = numbers(parameter.shape, seed: UInt64(10 + index))
    // Statistics may be variances, which are positive.
    parameters[parameter.name] =
      parameter.isLearned
      ? random : Tensor(random.doubles().map { $0 * $0 + 0.5 }, shape: random.shape)
  }
  let weights = numbers(layer.output.batched(shapes[0][0]), seed: 2)
  func objective(_ inputs: [Tensor], _ parameters: [String: Tensor]) -> Double {
    zip(layer.forward(inputs, parameters, pass).sum.doubles(), weights.doubles())
      .reduce(0) { $0 + $1.0 * $1.1 }
  }

  let names = layer.parametersForBackward(pass.mode, wantsInputGradient: true)
  let kept = layer.forward(inputs, parameters, pass).kept
  #expect(kept.keys.sorted() == layer.kept(in: pass.mode).map(\.name).sorted())
  for signal in layer.kept(in: pass.mode) {
    let expected = signal.isPerExample ? signal.shape.batched(shapes[0][0]) : signal.shape
    #expect(kept[signal.name]?.shape == expected)
  }
  let found = layer.backward(
    delta: weights, inputs: inputs, kept: kept, parameters.filter { names.contains($0.key) },
    wanted: inputs.map { _ in true }, pass)
  #expect(found.inputs.count == inputs.count)
  for index in inputs.indices {
    let gradient = try #require(found.inputs[index])
    #expect(gradient.doubles().contains { abs($0) > 0.01 })
    let expected = differences(inputs[index]) { value in
      var moved = inputs
      moved[index] = value
      return objective(moved, parameters)
    }
    #expect(mismatch(gradient, expected, relative: 1e-7, absolute: 1e-10) == nil)
  }
  #expect(found.parameters.keys.sorted() == parameters.keys.sorted())
  for parameter in layer.parameters where parameter.isLearned {
    let gradient = try #require(found.parameters[parameter.name])
    #expect(gradient.doubles().contains { abs($0) > 0.01 })
    let expected = differences(parameters[parameter.name]!) { value in
      objective(inputs, parameters.merging([parameter.name: value]) { $1 })
    }
    #expect(mismatch(gradient, expected, relative: 1e-7, absolute: 1e-10) == nil)
  }
}

extension Activation {
  /// As `makeDelta`, leaving the error as it is.
  func delta(error: Tensor, sum: Tensor?, output: Tensor, _ workers: Workers) -> Tensor {
    var delta = error
    makeDelta(of: &delta, sum: sum, output: output, workers)
    return delta
  }
}
