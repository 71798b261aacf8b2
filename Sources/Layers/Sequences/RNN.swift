import Compute
import Tensors

/// A simple recurrent layer: `rnn UNITS [reverse] [return=last|all]`, as `RecurrentLayer` explains.
///
/// state = tanh(weight_ih · features + bias_ih + weight_hh · state before + bias_hh); one block of
/// rows.
///
/// Source: Elman 1990, Finding structure in time; PyTorch's `nn.RNN` with tanh.
public struct RNN: RecurrentLayer {
  public static let word = "rnn"

  let form: SequenceForm

  init(form: SequenceForm) { self.form = form }

  enum Step: RecurrentStep {
    static let gates = 1
    static let saved = ["state"]
    static let separatesContributions = false

    static func forward<R: VectorReal>(
      _ place: StepPlace<R>, input: UnsafePointer<R>, recurrent: UnsafePointer<R>
    ) {
      let state = place[0]
      forEachLanes(place.units) { state[$0] = input[$0].tanh() }
    }

    static func backward<R: VectorReal>(
      _ place: StepPlace<R>, state gradient: UnsafeMutablePointer<R>,
      memory: UnsafeMutablePointer<R>, input: UnsafeMutablePointer<R>,
      recurrent: UnsafeMutablePointer<R>
    ) {
      let state = place[0]
      forEachLanes(place.units) { at in
        input[at] = gradient[at] * (1 - state[at] * state[at])
        gradient[at] = SIMD8()
      }
    }
  }
}
