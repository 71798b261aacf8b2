import Compute
import Tensors

/// Long short-term memory: `lstm UNITS [reverse] [return=last|all]`, as `RecurrentLayer` explains.
///
/// With the blocks of rows i, f, g, o in this order, and c the cell of the step before, 0 before
/// the first:
///
///     input_gate  = sigmoid(s_i)      s_k = weight_ih[k] · features + bias_ih[k]
///     forget_gate = sigmoid(s_f)            + weight_hh[k] · state before + bias_hh[k]
///     candidate   = tanh(s_g)
///     output_gate = sigmoid(s_o)
///     cell        = forget_gate · c + input_gate · candidate
///     state       = output_gate · tanh(cell)
///
/// ONNX's order is i, o, f, g. At the start the forget gate's bias_ih is 1, so that the cell keeps
/// most of what it holds from step to step; in PyTorch it is as random as the others. Source of
/// that: Jozefowicz, Zaremba, Sutskever 2015, An empirical exploration of recurrent network
/// architectures.
///
/// Source: Hochreiter, Schmidhuber 1997, Long short-term memory; of the forget gate: Gers,
/// Schmidhuber, Cummins 2000, Learning to forget; PyTorch's `nn.LSTM`.
public struct LSTM: RecurrentLayer {
  public static let word = "lstm"
  static let biasStart = Parameter.Start.blocks([0, 1, 0, 0])

  let form: SequenceForm

  init(form: SequenceForm) { self.form = form }

  enum Step: RecurrentStep {
    static let gates = 4
    static let saved = [
      "input_gate", "forget_gate", "candidate", "output_gate", "cell", "activated_cell", "state",
    ]
    static let separatesContributions = false

    static func forward<R: VectorReal>(
      _ place: StepPlace<R>, input: UnsafePointer<R>, recurrent: UnsafePointer<R>
    ) {
      let units = place.units
      let (inputGate, forgetGate, candidate) = (place[0], place[1], place[2])
      let (outputGate, cell, activatedCell, state) = (place[3], place[4], place[5], place[6])
      let before = place.before(4)
      forEachLanes(units) { at in
        let i = input[at].sigmoid()
        let f = (input + units)[at].sigmoid()
        let g = (input + 2 * units)[at].tanh()
        let o = (input + 3 * units)[at].sigmoid()
        let c = f * before[at] + i * g
        let activated = c.tanh()
        inputGate[at] = i
        forgetGate[at] = f
        candidate[at] = g
        outputGate[at] = o
        cell[at] = c
        activatedCell[at] = activated
        state[at] = o * activated
      }
    }

    static func backward<R: VectorReal>(
      _ place: StepPlace<R>, state gradient: UnsafeMutablePointer<R>,
      memory: UnsafeMutablePointer<R>, input: UnsafeMutablePointer<R>,
      recurrent: UnsafeMutablePointer<R>
    ) {
      let units = place.units
      let (inputGate, forgetGate, candidate) = (place[0], place[1], place[2])
      let (outputGate, activatedCell, before) = (place[3], place[5], place.before(4))
      forEachLanes(units) { at in
        let (i, f, g, o) = (inputGate[at], forgetGate[at], candidate[at], outputGate[at])
        let (error, activated) = (gradient[at], activatedCell[at])
        let cellError = memory[at] + error * o * (1 - activated * activated)
        input[at] = cellError * g * i * (1 - i)
        (input + units)[at] = cellError * before[at] * f * (1 - f)
        (input + 2 * units)[at] = cellError * i * (1 - g * g)
        (input + 3 * units)[at] = error * activated * o * (1 - o)
        memory[at] = cellError * f
        gradient[at] = SIMD8()
      }
    }
  }
}
