import Kernels
import Products
import Tensors

/// At most so many partial sums of the parameters' gradients: a constant, never a matter of the threads.
private let mostParts = 64

extension Recurrence {
  /// The gradients of the parameters, and where wanted of the input, [N, T, F].
  ///
  /// A part of the examples adds its pieces up in the model's type, its biases in double precision; the parts
  /// are added in double precision, in their order.
  func backward(
    delta: Tensor, input: Tensor, kept: [Tensor], _ parameters: [String: Tensor],
    wantsInputGradient: Bool
  ) -> (parameters: [String: Tensor], input: Tensor?) {
    let examples = input.shape[0]
    let pieces = (examples + examplesPerPiece - 1) / examplesPerPiece
    let partLength = (pieces + mostParts - 1) / mostParts * examplesPerPiece
    let shapes: [(String, Shape)] = [
      ("weight_ih", [width, form.features]), ("weight_hh", [width, form.units]),
      ("bias_ih", [width]), ("bias_hh", [width]),
    ]
    var sums = Tensor(
      zeros: [(examples + partLength - 1) / partLength, shapes.reduce(0) { $0 + $1.1.count }],
      input.dtype)
    var inputGradient = Tensor(
      uninitialized: wantsInputGradient ? input.shape : [0], input.dtype)
    // Where nobody asks for the input's gradient weight_ih is not there, and its place is not read.
    let weights = ["weight_hh", wantsInputGradient ? "weight_ih" : "weight_hh"]
    let reads = [delta, input] + weights.map { parameters.named($0) } + kept
    dispatch(
      input.dtype,
      f32: { goBack(&sums, &inputGradient, reads, partLength, of: Float.self) },
      f64: { goBack(&sums, &inputGradient, reads, partLength, of: Double.self) })

    let summed = sums.summedOverExamples(workers)
    var gradients: [String: Tensor] = [:]
    var start = 0
    for (name, shape) in shapes {
      gradients[name] = summed.rows(start..<start + shape.count).reshaped(shape)
      start += shape.count
    }
    return (gradients, wantsInputGradient ? inputGradient : nil)
  }

  private func goBack<R: GateReal>(
    _ sums: inout Tensor, _ inputGradient: inout Tensor, _ reads: [Tensor], _ partLength: Int,
    of type: R.Type
  ) {
    let (examples, length) = (reads[0].shape[0], sums.shape[1])
    sums.withMutableValues(of: type) { sums in
      inputGradient.withMutableValues(of: type) { inputGradient in
        withPointers(reads, of: type) { reads in
          guard let start = sums.baseAddress else { preconditionFailure("no gradients") }
          workers.run(cutting: examples, into: partLength) { part in
            let way = BackwardWay(
              recurrence: self, delta: reads[0], input: reads[1], stateWeight: reads[2],
              inputWeight: inputGradient.isEmpty ? nil : reads[3],
              // Never written to.
              kept: reads[4...].map { UnsafeMutablePointer(mutating: $0) },
              inputGradient: inputGradient.baseAddress)
            way.go(part, into: start + part.lowerBound / partLength * length)
          }
        }
      }
    }
  }
}

/// What a thread needs to take a part of the examples back through the steps.
private struct BackwardWay<Step: RecurrentStep, R: GateReal> {
  let recurrence: Recurrence<Step>
  let delta, input, stateWeight: UnsafePointer<R>
  /// Nil where nobody asks for the input's gradient.
  let inputWeight: UnsafePointer<R>?
  let kept: [UnsafeMutablePointer<R>]
  let inputGradient: UnsafeMutablePointer<R>?

  private var form: SequenceForm { recurrence.form }
  private var width: Int { recurrence.width }

  /// Adds the part's gradients to `sums`: of weight_ih, weight_hh, bias_ih, bias_hh, one behind the other.
  func go(_ part: Range<Int>, into sums: UnsafeMutablePointer<R>) {
    let (units, features) = (form.units, form.features)
    let rows = min(examplesPerPiece, part.count) * form.steps
    let separate = Step.separatesContributions
    let biases = sums + width * (features + units)
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * width) { biasSums in
      biasSums.initialize(repeating: 0)
      let sizes = [rows * width, separate ? rows * width : 0, rows * units]
      withScratch(of: R.self, sizes) { scratch in
        let (ofInput, before) = (scratch[0], scratch[2])
        let ofState = separate ? scratch[1] : ofInput
        for start in stride(from: part.lowerBound, to: part.upperBound, by: examplesPerPiece) {
          let piece = start..<min(start + examplesPerPiece, part.upperBound)
          goThroughSteps(piece, ofInput, ofState)
          collectStatesBefore(piece, into: before)
          addGradients(piece, ofInput, ofState, before, into: sums)
          addRows(ofInput, piece.count * form.steps, to: biasSums.baseAddress)
          addRows(ofState, piece.count * form.steps, to: biasSums.baseAddress.map { $0 + width })
        }
      }
      for index in biasSums.indices { biases[index] = R(biasSums[index]) }
    }
  }

  /// Fills ∂loss/∂contribution of features and of states to the gates, [examples, T, G·U] each.
  private func goThroughSteps(
    _ piece: Range<Int>, _ ofInput: UnsafeMutablePointer<R>, _ ofState: UnsafeMutablePointer<R>
  ) {
    let (units, steps) = (form.units, form.steps)
    let weight = Matrix(stateWeight, rows: width, columns: units, stride: units)
    withScratch(of: R.self, [piece.count * units, piece.count * units, units]) { scratch in
      let (error, memory, zeros) = (scratch[0], scratch[1], scratch[2])
      for rows in [error, memory] { rows.update(repeating: 0, count: piece.count * units) }
      zeros.update(repeating: 0, count: units)
      for number in (0..<steps).reversed() {
        let step = form.step(number)
        for row in 0..<piece.count {
          let example = piece.lowerBound + row
          let own = error + row * units
          if form.returnsAll {
            let outer = delta + (example * steps + step) * units
            for unit in 0..<units { own[unit] += outer[unit] }
          } else if number == steps - 1 {
            own.update(from: delta + example * units, count: units)
          }
          let gates = (row * steps + step) * width
          Step.backward(
            recurrence.place(example, number, kept, zeros), state: own,
            memory: memory + row * units, input: ofInput + gates, recurrent: ofState + gates)
        }
        if number > 0 {
          R.multiply(
            .plain(
              Matrix(
                ofState + step * width, rows: piece.count, columns: width, stride: steps * width)),
            .plain(weight), into: error, adding: true)
        }
      }
    }
  }

  /// The state that each step found, [examples, T, U].
  private func collectStatesBefore(_ piece: Range<Int>, into rows: UnsafeMutablePointer<R>) {
    let (units, steps) = (form.units, form.steps)
    let states = kept[kept.count - 1] + piece.lowerBound * steps * units
    for first in stride(from: 0, to: piece.count * steps, by: steps) {
      (rows + (first + form.step(0)) * units).update(repeating: 0, count: units)
      for number in 1..<steps {
        (rows + (first + form.step(number)) * units).update(
          from: states + (first + form.step(number - 1)) * units, count: units)
      }
    }
  }

  /// The products over all steps of a piece.
  private func addGradients(
    _ piece: Range<Int>, _ ofInput: UnsafeMutablePointer<R>, _ ofState: UnsafeMutablePointer<R>,
    _ before: UnsafeMutablePointer<R>, into sums: UnsafeMutablePointer<R>
  ) {
    let features = form.features
    let rows = piece.count * form.steps
    let firstInput = piece.lowerBound * form.steps * features
    func matrix(_ start: UnsafePointer<R>, _ columns: Int) -> Matrix<R> {
      Matrix(start, rows: rows, columns: columns, stride: columns)
    }
    R.multiply(
      .transposed(matrix(ofInput, width)), .plain(matrix(input + firstInput, features)),
      into: sums, adding: true)
    R.multiply(
      .transposed(matrix(ofState, width)), .plain(matrix(before, form.units)),
      into: sums + width * features, adding: true)
    if let inputWeight, let inputGradient {
      R.multiply(
        .plain(matrix(ofInput, width)),
        .plain(Matrix(inputWeight, rows: width, columns: features, stride: features)),
        into: inputGradient + firstInput, adding: false)
    }
  }

  private func addRows(
    _ rows: UnsafeMutablePointer<R>, _ count: Int, to sums: UnsafeMutablePointer<Double>?
  ) {
    guard let sums else { return }
    for row in 0..<count {
      let values = rows + row * width
      for column in 0..<width { sums[column] += Double(values[column]) }
    }
  }
}
