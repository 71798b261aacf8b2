import Comparison
import Kernels
import Layers
import Tensors
import Testing

/// The layer of a topology line without activation and name.
func layer<L: Layer>(_ kind: L.Type, _ line: String, input: Shape) throws -> L {
  var words = try LayerWords(words(line))
  let layer = try L(&words, input: input)
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
func checkByDifferences(_ layer: some Layer, input: Shape, _ workers: Workers) throws {
  let x = numbers(input, seed: 1)
  var parameters: [String: Tensor] = [:]
  for (index, parameter) in layer.parameters.enumerated() {
    parameters[parameter.name] = numbers(parameter.shape, seed: UInt64(10 + index))
  }
  let weights = numbers(layer.output.batched(input[0]), seed: 2)
  func objective(_ x: Tensor, _ parameters: [String: Tensor]) -> Double {
    zip(layer.forward(x, parameters, workers).doubles(), weights.doubles())
      .reduce(0) { $0 + $1.0 * $1.1 }
  }

  let found = layer.backward(
    delta: weights, input: x, parameters, wantsInputGradient: true, workers)
  let inputGradient = try #require(found.input)
  #expect(inputGradient.doubles().contains { abs($0) > 0.01 })
  #expect(
    mismatch(
      inputGradient, differences(x) { objective($0, parameters) }, relative: 1e-7, absolute: 1e-10)
      == nil)
  #expect(found.parameters.keys.sorted() == parameters.keys.sorted())
  for (name, gradient) in found.parameters {
    #expect(gradient.doubles().contains { abs($0) > 0.01 })
    let expected = differences(parameters[name]!) { value in
      objective(x, parameters.merging([name: value]) { $1 })
    }
    #expect(mismatch(gradient, expected, relative: 1e-7, absolute: 1e-10) == nil)
  }
}
