import Kernels
import Tensors

/// A simple recurrent layer: `rnn UNITS [reverse] [return=last|all]`, as `RecurrentLayer` explains.
///
/// state = tanh(weight_ih · features + bias_ih + weight_hh · state before + bias_hh); one block of rows.
///
/// Source: Elman 1990, Finding structure in time; PyTorch's `nn.RNN` with tanh.
public struct RNN: RecurrentLayer {
  public static let word = "rnn"

  let form: SequenceForm

  init(form: SequenceForm) { self.form = form }

  enum Step: RecurrentStep {
    static let gates = 1
    static let kept = ["state"]
    static let separatesContributions = false

    static func forward<R: GateReal>(
      _ place: StepPlace<R>, input: UnsafePointer<R>, recurrent: UnsafePointer<R>
    ) {
      let state = place[0]
      for unit in 0..<place.units { state[unit] = input[unit] + recurrent[unit] }
      R.tanh(state, count: place.units)
    }

    static func backward<R: GateReal>(
      _ place: StepPlace<R>, state error: UnsafeMutablePointer<R>, memory: UnsafeMutablePointer<R>,
      input: UnsafeMutablePointer<R>, recurrent: UnsafeMutablePointer<R>
    ) {
      let state = place[0]
      for unit in 0..<place.units { input[unit] = error[unit] * (1 - state[unit] * state[unit]) }
      error.update(repeating: 0, count: place.units)
    }
  }
}
