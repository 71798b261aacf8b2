import Compute

/// Where a chunk's steps find what they save: in the saved tensors, or, where nothing is saved, in
/// memory for one step, which the next step uses again.
struct Signals<R: Real> {
  private let form: SequenceForm
  private let count: Int
  /// Of the chunk's first example, by the order of `RecurrentStep.saved`.
  private let starts: [UnsafeMutablePointer<R>]
  /// Numbers from an example to the next, and from a step to the next.
  private let (exampleStride, stepStride): (Int, Int)
  private let zeros: UnsafePointer<R>

  /// - Parameters:
  ///   - saved: [N, T, U] each, or none.
  ///   - signals: how many a step saves.
  ///   - zeros: U of them.
  ///   - own: [signals, n, U], where none are saved.
  init(
    _ form: SequenceForm, _ chunk: Range<Int>, saved: [UnsafeMutablePointer<R>], _ signals: Int,
    _ zeros: UnsafePointer<R>, own: UnsafeMutablePointer<R>? = nil
  ) {
    (self.form, self.zeros, count) = (form, zeros, chunk.count)
    if saved.isEmpty, let own {
      (exampleStride, stepStride) = (form.units, 0)
      starts = (0..<signals).map { own + $0 * chunk.count * form.units }
    } else {
      (exampleStride, stepStride) = (form.steps * form.units, form.units)
      starts = saved.map { $0 + chunk.lowerBound * form.steps * form.units }
    }
  }

  /// - Parameters:
  ///   - row: of the chunk's examples.
  ///   - number: of the step in the order of reading.
  subscript(row: Int, number: Int) -> StepPlace<R> {
    let first = row * exampleStride
    return StepPlace(
      units: form.units, signals: starts, start: first + form.step(number) * stepStride,
      startBefore: number > 0 ? first + form.step(number - 1) * stepStride : nil, zeros: zeros)
  }

  /// The chunk's states after a step, [n, U].
  func states(after number: Int) -> Matrix<R> {
    Matrix(
      starts[starts.count - 1] + form.step(number) * stepStride, rows: count,
      columns: form.units, stride: exampleStride)
  }
}
