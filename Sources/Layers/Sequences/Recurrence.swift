import Kernels
import Products
import Tensors

/// The forward pass of a batch through a recurrent layer; `RecurrenceBackward.swift` holds the
/// backward pass.
///
/// N examples, T steps, F features, U units, G gates. A chunk of `examplesPerPiece` examples, n,
/// goes through all steps on one thread. Scratch has the step first, in the order of reading, [T,
/// n, …]: a step's rows are one block, and what does not depend on the step before is one product
/// over T · n rows.
struct Recurrence<Step: RecurrentStep> {
  let form: SequenceForm
  let workers: Workers

  /// Rows of the weights: G · U.
  var width: Int { Step.gates * form.units }

  /// Computes the output, [N, U] or [N, T, U], and what backward reads again.
  ///
  /// - Parameters:
  ///   - input: [N, T, F], or images [N, C, H, W].
  ///   - parameters: weight_ih, weight_hh, bias_ih, bias_hh.
  ///   - saved: become [N, T, U] each, by the order of `Step.saved`; none where no backward pass
  ///     follows.
  ///   - output: where it is the state of every step and that is saved, both share their memory.
  func forward(
    _ input: Tensor, _ parameters: [Tensor], saved: inout [Tensor], output: inout Tensor
  ) {
    let (examples, dtype) = (input.shape[0], input.dtype)
    precondition(saved.isEmpty || saved.count == Step.saved.count, "\(saved.count) saved tensors")
    let isSavedState = form.returnsAll && !saved.isEmpty
    output.become(
      uninitialized: isSavedState ? [0] : form.output.batched(examples), dtype)
    for index in saved.indices {
      saved[index].become(uninitialized: [examples, form.steps, form.units], dtype)
    }
    dispatch(
      dtype,
      f32: { compute(input, parameters, &saved, &output, of: Float.self) },
      f64: { compute(input, parameters, &saved, &output, of: Double.self) })
    if isSavedState { output = saved[saved.count - 1] }
  }

  private func compute<R: VectorReal & ProductReal>(
    _ input: Tensor, _ parameters: [Tensor], _ saved: inout [Tensor], _ output: inout Tensor,
    of type: R.Type
  ) {
    withPointers([input] + parameters, of: type) { reads in
      withMutablePointers(&saved, of: type) { saved in
        output.withMutableValues(of: type) { output in
          let pass = ForwardPass<Step, R>(
            form: form, input: reads[0], inputWeight: reads[1], stateWeight: reads[2],
            inputBias: reads[3], stateBias: reads[4], saved: saved,
            output: output.isEmpty ? nil : output.baseAddress)
          workers.run(cutting: input.shape[0], into: examplesPerPiece) { pass.run($0) }
        }
      }
    }
  }
}

/// What a thread needs to take examples forward through the steps.
private struct ForwardPass<Step: RecurrentStep, R: VectorReal & ProductReal> {
  let form: SequenceForm
  let input, inputWeight, stateWeight, inputBias, stateBias: UnsafePointer<R>
  /// Empty where nothing is saved.
  let saved: [UnsafeMutablePointer<R>]
  /// Nil where it is the saved state.
  let output: UnsafeMutablePointer<R>?

  private var width: Int { Step.gates * form.units }

  func run(_ chunk: Range<Int>) {
    let (units, steps, features, count) = (form.units, form.steps, form.features, chunk.count)
    let separate = Step.separatesContributions
    let own = saved.isEmpty ? Step.saved.count * count * units : 0
    withScratch(
      of: R.self,
      [count * steps * features, count * steps * width, separate ? count * width : 0, width, units]
        + [own]
    ) { scratch in
      let (rows, sums, bias, zeros) = (scratch[0], scratch[1], scratch[3], scratch[4])
      let signals = Signals(form, chunk, saved: saved, Step.saved.count, zeros, own: scratch[5])
      zeros.update(repeating: 0, count: units)
      form.gather(input, chunk, into: rows)
      bias.update(from: inputBias, count: width)
      if !separate { forEachLanes(width) { bias[$0] += stateBias[$0] } }
      fill(sums, count * steps, with: bias)
      R.multiply(
        .plain(Matrix(rows, rows: count * steps, columns: features, stride: features)),
        .transposed(Matrix(inputWeight, rows: width, columns: features, stride: features)),
        into: sums, adding: true)
      for number in 0..<steps {
        let input = sums + number * count * width
        let recurrent = separate ? scratch[2] : input
        if separate { fill(recurrent, count, with: stateBias) }
        if number > 0 {
          R.multiply(
            .plain(signals.states(after: number - 1)),
            .transposed(Matrix(stateWeight, rows: width, columns: units, stride: units)),
            into: recurrent, adding: true)
        }
        for row in 0..<count {
          Step.forward(
            signals[row, number], input: input + row * width, recurrent: recurrent + row * width)
        }
        write(signals, chunk, number)
      }
    }
  }

  private func fill(
    _ rows: UnsafeMutablePointer<R>, _ count: Int, with row: UnsafePointer<R>
  ) {
    for number in 0..<count { (rows + number * width).update(from: row, count: width) }
  }

  /// Writes the states after a step to the output, where they belong there.
  private func write(_ signals: Signals<R>, _ chunk: Range<Int>, _ number: Int) {
    guard let output, form.returnsAll || number == form.steps - 1 else { return }
    for (row, example) in chunk.enumerated() {
      let place = form.returnsAll ? example * form.steps + form.step(number) : example
      (output + place * form.units).update(
        from: signals[row, number][Step.saved.count - 1], count: form.units)
    }
  }
}

/// Calls `body` with the elements of several tensors of one dtype, none of them empty.
func withPointers<R: Real>(
  _ tensors: [Tensor], of type: R.Type, _ body: ([UnsafePointer<R>]) -> Void
) {
  func open(_ rest: ArraySlice<Tensor>, _ opened: [UnsafePointer<R>]) {
    guard let first = rest.first else { return body(opened) }
    first.withValues(of: type) { values in
      guard let start = values.baseAddress else { preconditionFailure("an empty tensor") }
      open(rest.dropFirst(), opened + [start])
    }
  }
  open(tensors[...], [])
}

/// Calls `body` with the elements of several tensors of one dtype for writing, none of them empty.
func withMutablePointers<R: Real>(
  _ tensors: inout [Tensor], of type: R.Type, _ body: ([UnsafeMutablePointer<R>]) -> Void
) {
  tensors.withUnsafeMutableBufferPointer { buffer in
    let tensors = buffer
    func open(_ opened: [UnsafeMutablePointer<R>]) {
      guard opened.count < tensors.count else { return body(opened) }
      tensors[opened.count].withMutableValues(of: type) { values in
        guard let start = values.baseAddress else { preconditionFailure("an empty tensor") }
        open(opened + [start])
      }
    }
    open([])
  }
}

/// Calls `body` with uninitialized memory for as many numbers as each size says.
func withScratch<R: Real>(
  of type: R.Type, _ sizes: [Int], _ body: ([UnsafeMutablePointer<R>]) -> Void
) {
  // Each starts at a multiple of 64 bytes.
  let whole = sizes.map { ($0 + 15) & ~15 }
  Scratch.with(whole.reduce(0, +), of: type) { memory in
    var start = memory
    body(
      whole.map { size in
        defer { start += size }
        return start
      })
  }
}
