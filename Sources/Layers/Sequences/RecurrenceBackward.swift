import Kernels
import Products
import Tensors

/// At most so many partial sums of the parameters' gradients: a constant, never a matter of the
/// threads.
private let mostParts = 64

extension Recurrence {
  /// Backpropagation through time: the gradients of the parameters, summed over the examples, and
  /// of the input.
  ///
  /// A part of the examples adds up its chunks in the dtype, its biases in double precision; the
  /// parts are added in double precision, in their order.
  ///
  /// Source: Werbos 1990, Backpropagation through time: what it does and how to do it.
  ///
  /// - Parameters:
  ///   - outputGradient: [N, U] or [N, T, U].
  ///   - parameters: as for `forward`; weight_hh, and weight_ih where the input's gradient is
  ///     wanted, hold values.
  ///   - saved: what `forward` saved.
  ///   - gradients: become those of the parameters, in their order and shapes.
  ///   - inputGradient: becomes that, in the input's shape, where it is wanted.
  func backward(
    _ outputGradient: Tensor, _ input: Tensor, _ parameters: [Tensor], saved: [Tensor],
    into gradients: inout [Tensor], _ inputGradient: inout Tensor, wantsInputGradient: Bool
  ) {
    let dtype = input.dtype
    for (index, shape) in form.parameterShapes(gates: Step.gates).enumerated() {
      gradients[index].become(uninitialized: shape, dtype)
    }
    if wantsInputGradient { inputGradient.become(uninitialized: input.shape, dtype) }
    // Where weight_ih is not there, its place is not read.
    let reads = [outputGradient, input, parameters[1], parameters[wantsInputGradient ? 0 : 1]]
    dispatch(
      dtype,
      f32: {
        compute(reads + saved, &gradients, &inputGradient, wantsInputGradient, of: Float.self)
      },
      f64: {
        compute(reads + saved, &gradients, &inputGradient, wantsInputGradient, of: Double.self)
      })
  }

  private func compute<R: VectorReal & ProductReal>(
    _ reads: [Tensor], _ gradients: inout [Tensor], _ inputGradient: inout Tensor,
    _ wantsInputGradient: Bool, of type: R.Type
  ) {
    let parts = Parts(examples: reads[1].shape[0])
    let sizes = gradients.map(\.shape.count)
    let length = sizes.reduce(0, +)
    withScratch(of: type, [parts.count * length]) { scratch in
      let sums = scratch[0]
      func run(_ inputGradient: UnsafeMutablePointer<R>?) {
        withPointers(reads, of: type) { reads in
          let pass = BackwardPass<Step, R>(
            form: form, outputGradient: reads[0], input: reads[1], stateWeight: reads[2],
            inputWeight: reads[3],
            // Never written to.
            saved: reads[4...].map { UnsafeMutablePointer(mutating: $0) },
            inputGradient: inputGradient)
          workers.run(pieces: parts.count) { pass.run(parts[$0], into: sums + $0 * length) }
        }
      }
      if wantsInputGradient {
        inputGradient.withMutableValues(of: type) { run($0.baseAddress) }
      } else {
        run(nil)
      }
      withMutablePointers(&gradients, of: type) { gradients in
        parts.add(sums, length, into: Array(zip(gradients, sizes)), workers)
      }
    }
  }

  /// The most bytes that `forward` or `backward` takes for a time.
  ///
  /// - Parameter threads: those that compute at once.
  static func scratchBytes(
    _ form: SequenceForm, examples: Int, _ dtype: DType, threads: Int
  ) -> Double {
    let chunk = Double(min(examples, examplesPerPiece))
    let (steps, features) = (Double(form.steps), Double(form.features))
    let (units, width) = (Double(form.units), Double(Step.gates * form.units))
    let separate: Double = Step.separatesContributions ? 1 : 0
    let forward =
      chunk * (steps * (features + width) + separate * width + Double(Step.saved.count) * units)
      + width + units
    let backward =
      chunk * (steps * (2 * features + (1 + separate) * width + units) + 2 * units) + units
    let chunks = Double((examples + examplesPerPiece - 1) / examplesPerPiece)
    let partialSums = min(chunks, Double(mostParts)) * width * (features + units + 2)
    let numbers = max(forward, backward) * min(Double(threads), chunks) + partialSums
    return numbers * Double(dtype.byteCount(of: 1) ?? 0)
  }
}

/// The examples of a batch in parts of whole chunks, each of which has a sum of its own.
private struct Parts {
  let examples: Int
  private let length: Int

  init(examples: Int) {
    self.examples = examples
    let chunks = (examples + examplesPerPiece - 1) / examplesPerPiece
    length = (chunks + mostParts - 1) / mostParts * examplesPerPiece
  }

  var count: Int { (examples + length - 1) / length }

  subscript(part: Int) -> Range<Int> { part * length..<min(examples, (part + 1) * length) }

  /// Adds up the sums of all parts, in their order.
  ///
  /// - Parameters:
  ///   - sums: of the parts, `length` numbers each.
  ///   - results: take the sums, one behind the other, so many numbers each.
  func add<R: Real>(
    _ sums: UnsafePointer<R>, _ length: Int, into results: [(UnsafeMutablePointer<R>, Int)],
    _ workers: Workers
  ) {
    let chunk = 4096
    var work: [(from: UnsafePointer<R>, to: UnsafeMutablePointer<R>, count: Int)] = []
    var sums = sums
    for (result, count) in results {
      for start in stride(from: 0, to: count, by: chunk) {
        work.append((sums + start, result + start, min(chunk, count - start)))
      }
      sums += count
    }
    workers.run(pieces: work.count) { piece in
      let (from, to, count) = work[piece]
      forEachLanes(count) { at in
        var sum = SIMD8<Double>()
        for part in 0..<self.count { sum += SIMD8<Double>((from + part * length)[at]) }
        to[at] = SIMD8<R>(sum)
      }
    }
  }
}

/// What a thread needs to take examples back through the steps.
private struct BackwardPass<Step: RecurrentStep, R: VectorReal & ProductReal> {
  let form: SequenceForm
  let outputGradient, input, stateWeight, inputWeight: UnsafePointer<R>
  let saved: [UnsafeMutablePointer<R>]
  /// Nil where it is not wanted.
  let inputGradient: UnsafeMutablePointer<R>?

  private var width: Int { Step.gates * form.units }

  /// Writes the part's gradients of weight_ih, weight_hh, bias_ih, bias_hh, one behind the other.
  func run(_ part: Range<Int>, into sums: UnsafeMutablePointer<R>) {
    let biases = sums + width * (form.features + form.units)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * width) { biasSums in
      guard let start = biasSums.baseAddress else { return }
      biasSums.initialize(repeating: 0)
      for first in stride(from: part.lowerBound, to: part.upperBound, by: examplesPerPiece) {
        let chunk = first..<min(first + examplesPerPiece, part.upperBound)
        run(chunk, adding: first > part.lowerBound, to: sums, biases: start)
      }
      let states = Step.separatesContributions ? width : 0
      for index in 0..<width {
        biases[index] = R(start[index])
        biases[width + index] = R(start[states + index])
      }
    }
  }

  /// - Parameter adding: whether the weights' gradients are added to `sums`, or written there.
  private func run(
    _ chunk: Range<Int>, adding: Bool, to sums: UnsafeMutablePointer<R>,
    biases: UnsafeMutablePointer<Double>
  ) {
    let (units, features) = (form.units, form.features)
    let rows = chunk.count * form.steps
    let separate = Step.separatesContributions
    let sizes = [
      rows * width, separate ? rows * width : 0, rows * max(features, units),
      inputGradient == nil ? 0 : rows * features, 2 * chunk.count * units, units,
    ]
    withScratch(of: R.self, sizes) { scratch in
      // ∂loss/∂contribution of features and of states to the gates, [T, n, G·U] each.
      let ofInput = scratch[0]
      let ofState = separate ? scratch[1] : ofInput
      let (errors, zeros) = (scratch[4], scratch[5])
      errors.update(repeating: 0, count: sizes[4])
      zeros.update(repeating: 0, count: units)
      let signals = Signals(form, chunk, saved: saved, Step.saved.count, zeros)
      goThroughSteps(chunk, signals, ofInput, ofState, errors, biases)

      form.gather(input, chunk, into: scratch[2])
      R.multiply(
        .transposed(matrix(ofInput, rows, width)), .plain(matrix(scratch[2], rows, features)),
        into: sums, adding: adding)
      if let inputGradient {
        R.multiply(
          .plain(matrix(ofInput, rows, width)), .plain(matrix(inputWeight, width, features)),
          into: scratch[3], adding: false)
        form.scatter(scratch[3], chunk, into: inputGradient)
      }
      // The first step finds a state of 0.
      let later = rows - chunk.count
      let stateSums = sums + width * features
      if later > 0 {
        collectStatesBefore(chunk, signals, into: scratch[2])
        R.multiply(
          .transposed(matrix(ofState + chunk.count * width, later, width)),
          .plain(matrix(scratch[2], later, units)), into: stateSums, adding: adding)
      } else if !adding {
        stateSums.update(repeating: 0, count: width * units)
      }
    }
  }

  /// Fills `ofInput` and `ofState`, and adds their rows to `biases`.
  ///
  /// - Parameter errors: [2, n, U], of states and of a second state that a layer may have; 0.
  private func goThroughSteps(
    _ chunk: Range<Int>, _ signals: Signals<R>, _ ofInput: UnsafeMutablePointer<R>,
    _ ofState: UnsafeMutablePointer<R>, _ errors: UnsafeMutablePointer<R>,
    _ biases: UnsafeMutablePointer<Double>
  ) {
    let (units, steps, count) = (form.units, form.steps, chunk.count)
    for number in (0..<steps).reversed() {
      let first = number * count * width
      for (row, example) in chunk.enumerated() {
        let error = errors + row * units
        if form.returnsAll || number == steps - 1 {
          let place = form.returnsAll ? example * steps + form.step(number) : example
          let outer = outputGradient + place * units
          forEachLanes(units) { error[$0] += outer[$0] }
        }
        Step.backward(
          signals[row, number], state: error, memory: error + count * units,
          input: ofInput + first + row * width, recurrent: ofState + first + row * width)
      }
      addRows(ofInput + first, count, to: biases)
      if Step.separatesContributions { addRows(ofState + first, count, to: biases + width) }
      if number > 0 {
        R.multiply(
          .plain(matrix(ofState + first, count, width)), .plain(matrix(stateWeight, width, units)),
          into: errors, adding: true)
      }
    }
  }

  /// The state that each step after the first finds, [T − 1, n, U].
  private func collectStatesBefore(
    _ chunk: Range<Int>, _ signals: Signals<R>, into rows: UnsafeMutablePointer<R>
  ) {
    var target = rows
    for number in 0..<form.steps - 1 {
      for row in 0..<chunk.count {
        target.update(from: signals[row, number][Step.saved.count - 1], count: form.units)
        target += form.units
      }
    }
  }

  private func addRows(
    _ rows: UnsafeMutablePointer<R>, _ count: Int, to sums: UnsafeMutablePointer<Double>
  ) {
    for row in 0..<count {
      let values = rows + row * width
      for column in 0..<width { sums[column] += Double(values[column]) }
    }
  }

  private func matrix(_ start: UnsafePointer<R>, _ rows: Int, _ columns: Int) -> Matrix<R> {
    Matrix(start, rows: rows, columns: columns, stride: columns)
  }
}
