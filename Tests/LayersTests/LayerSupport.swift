import Comparison
import Compute
import Layers
import Tensors
import Testing

/// The layer of a topology line without activation and name.
func layer<L: Layer>(_ kind: L.Type, _ line: String, input: Shape) throws -> L {
  try layer(kind, line, inputs: [LayerInput(name: "input", shape: input)])
}

/// The layer of a topology line that takes several inputs, without the names behind its word.
func layer<L: Layer>(_ kind: L.Type, _ line: String, inputs: [LayerInput]) throws -> L {
  try #require(try layer(line, inputs: inputs) as? L)
}

/// The layer of a topology line, whatever its kind is.
func layer(_ line: String, inputs: [LayerInput]) throws -> any Layer {
  let words = words(line)
  let kind = try #require(layerKinds.first { $0.word == words[0].text })
  var rest = try LayerWords(words)
  let layer = try kind.make(&rest, inputs)
  try rest.end(known: [])
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
func checkByDifferences(_ layer: some Layer, inputs shapes: [Shape], _ pass: Context) throws {
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
  #expect(kept.keys.sorted() == layer.saved(pass.mode).map(\.name).sorted())
  for signal in layer.saved(pass.mode) {
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

// A layer by itself: tensors under names, in memory of their own.
extension Layer {
  /// What forward gives: the output, and what it saves by name.
  func forward(
    _ inputs: [Tensor], _ parameters: [String: Tensor], _ context: Context
  ) -> (sum: Tensor, kept: [String: Tensor]) {
    let names = saved(context.mode).map(\.name)
    let none = Tensor(uninitialized: [0], dtype(parameters, inputs))
    let own = self.parameters.map { parameters[$0.name] ?? none }
    let made = withTensors(
      [inputs, own, [Tensor](repeating: none, count: outputs.count), names.map { _ in none }]
    ) {
      forward(
        ForwardCall(inputs: $0[0], parameters: $0[1], outputs: $0[2], saved: $0[3], context))
    }
    return (made[2][0], Dictionary(uniqueKeysWithValues: zip(names, made[3])))
  }

  /// As above, of a layer with one input.
  func forward(
    _ input: Tensor, _ parameters: [String: Tensor], _ context: Context
  ) -> (sum: Tensor, kept: [String: Tensor]) {
    forward([input], parameters, context)
  }

  /// What backward gives: the gradients of parameters by name, and those of inputs that are wanted.
  func backward(
    delta: Tensor, inputs: [Tensor], kept: [String: Tensor], _ parameters: [String: Tensor],
    wanted: [Bool], _ context: Context
  ) -> (parameters: [String: Tensor], inputs: [Tensor?]) {
    let none = Tensor(uninitialized: [0], delta.dtype)
    let own = self.parameters
    let made = withTensors([
      [delta], inputs, own.map { parameters[$0.name] ?? none },
      saved(context.mode).map { kept[$0.name] ?? none },
      own.map { Tensor(uninitialized: $0.shape, delta.dtype) }, inputs.map { _ in none },
    ]) {
      backward(
        BackwardCall(
          outputGradients: $0[0], inputs: $0[1], parameters: $0[2], saved: $0[3],
          parameterGradients: $0[4], inputGradients: $0[5], wanted: wanted, context))
    }
    return (
      Dictionary(uniqueKeysWithValues: zip(own.map(\.name), made[4])),
      zip(wanted, made[5]).map { $0 ? $1 : nil }
    )
  }

  /// As above, of a layer with one input.
  func backward(
    delta: Tensor, input: Tensor, kept: [String: Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool, _ context: Context
  ) -> (parameters: [String: Tensor], inputs: [Tensor?]) {
    backward(
      delta: delta, inputs: [input], kept: kept, parameters, wanted: [wantsInputGradient], context)
  }

  /// The names of the parameters whose values backward reads.
  func parametersForBackward(_ mode: Mode, wantsInputGradient: Bool) -> [String] {
    backwardReads(mode, wantsInputGradient: wantsInputGradient).parameters
      .map { parameters[$0].name }
  }

  private func dtype(_ parameters: [String: Tensor], _ inputs: [Tensor]) -> DType {
    parameters.first?.value.dtype ?? inputs[0].dtype
  }
}

/// Calls `body` with several lists of tensors, and gives them as it has left them.
func withTensors(_ lists: [[Tensor]], _ body: ([TensorList]) -> Void) -> [[Tensor]] {
  var all = lists.flatMap { $0 }
  all.append(Tensor(zeros: [1], .f32))
  var places: [[Int]] = []
  for list in lists {
    let start = places.reduce(0) { $0 + $1.count }
    places.append(Array(start..<start + list.count))
  }
  all.withUnsafeMutableBufferPointer { all in
    guard let base = all.baseAddress else { return }
    body(places.map { TensorList(base, $0) })
  }
  return places.map { $0.map { all[$0] } }
}

extension Activation {
  /// As `makeDelta`, leaving the error as it is.
  func delta(error: Tensor, sum: Tensor?, output: Tensor, _ workers: ThreadPool) -> Tensor {
    var delta = error
    makeDelta(of: &delta, sum: sum, output: output, workers)
    return delta
  }
}
