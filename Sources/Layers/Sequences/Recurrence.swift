import Kernels
import Products
import Tensors

/// The way of a batch through the steps of a recurrent layer; `RecurrenceBackward.swift` holds the way back.
///
/// Examples have nothing to do with each other, so a thread takes `examplesPerPiece` of them through all steps
/// without waiting for another. What does not depend on the step before is one product over all steps.
/// N examples, T steps, F features, U units, G gates.
struct Recurrence<Step: RecurrentStep> {
  let form: SequenceForm
  let workers: Workers

  var width: Int { Step.gates * form.units }

  /// What the steps keep, each [N, T, U], by the order of `Step.kept`.
  ///
  /// - Parameter input: [N, T, F].
  func forward(_ input: Tensor, _ parameters: [String: Tensor]) -> [Tensor] {
    let shape = Shape([input.shape[0], form.steps, form.units])
    var kept = Tensor(uninitialized: shape.batched(Step.kept.count), input.dtype)
    let reads =
      [input] + ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map { parameters.named($0) }
    dispatch(
      input.dtype,
      f32: { fill(&kept, reads, of: Float.self) },
      f64: { fill(&kept, reads, of: Double.self) })
    return Step.kept.indices.map { kept.rows($0..<$0 + 1).reshaped(shape) }
  }

  private func fill<R: GateReal>(_ kept: inout Tensor, _ reads: [Tensor], of type: R.Type) {
    let examples = reads[0].shape[0]
    let length = examples * form.steps * form.units
    kept.withMutableValues(of: type) { memory in
      guard let start = memory.baseAddress else { preconditionFailure("a batch of no examples") }
      let kept = Step.kept.indices.map { start + $0 * length }
      withPointers(reads, of: type) { reads in
        workers.run(cutting: examples, into: examplesPerPiece) { fill(kept, reads, $0) }
      }
    }
  }

  private func fill<R: GateReal>(
    _ kept: [UnsafeMutablePointer<R>], _ reads: [UnsafePointer<R>], _ piece: Range<Int>
  ) {
    let (units, steps, features) = (form.units, form.steps, form.features)
    let (input, inputBias, stateBias) = (reads[0], reads[3], reads[4])
    let inputWeight = Matrix(reads[1], rows: width, columns: features, stride: features)
    let stateWeight = Matrix(reads[2], rows: width, columns: units, stride: units)
    withScratch(
      of: R.self, [piece.count * steps * width, piece.count * width, units]
    ) { scratch in
      let (sums, recurrent, zeros) = (scratch[0], scratch[1], scratch[2])
      zeros.update(repeating: 0, count: units)
      fillRows(sums, piece.count * steps, with: inputBias)
      R.multiply(
        .plain(
          Matrix(
            input + piece.lowerBound * steps * features, rows: piece.count * steps,
            columns: features, stride: features)),
        .transposed(inputWeight), into: sums, adding: true)
      for number in 0..<steps {
        fillRows(recurrent, piece.count, with: stateBias)
        if number > 0 {
          let before = (piece.lowerBound * steps + form.step(number - 1)) * units
          R.multiply(
            .plain(
              Matrix(
                kept[kept.count - 1] + before, rows: piece.count, columns: units,
                stride: steps * units)),
            .transposed(stateWeight), into: recurrent, adding: true)
        }
        for row in 0..<piece.count {
          Step.forward(
            place(piece.lowerBound + row, number, kept, zeros),
            input: sums + (row * steps + form.step(number)) * width,
            recurrent: recurrent + row * width)
        }
      }
    }
  }

  private func fillRows<R>(
    _ rows: UnsafeMutablePointer<R>, _ count: Int, with row: UnsafePointer<R>
  ) {
    for number in 0..<count { (rows + number * width).update(from: row, count: width) }
  }

  /// - Parameter number: of the step in the order of reading.
  func place<R>(
    _ example: Int, _ number: Int, _ kept: [UnsafeMutablePointer<R>], _ zeros: UnsafePointer<R>
  ) -> StepPlace<R> {
    let (units, first) = (form.units, example * form.steps)
    return StepPlace(
      units: units, kept: kept, start: (first + form.step(number)) * units,
      startBefore: number > 0 ? (first + form.step(number - 1)) * units : nil, zeros: zeros)
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

/// Calls `body` with uninitialized memory for as many numbers as each size says.
func withScratch<R: Real>(
  of type: R.Type, _ sizes: [Int], _ body: ([UnsafeMutablePointer<R>]) -> Void
) {
  let memory = UnsafeMutablePointer<R>.allocate(capacity: sizes.reduce(0, +))
  defer { memory.deallocate() }
  var start = memory
  body(
    sizes.map { size in
      defer { start += size }
      return start
    })
}
