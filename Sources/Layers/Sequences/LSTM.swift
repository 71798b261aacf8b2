import Kernels
import Tensors

/// Long short-term memory: `lstm UNITS [reverse] [return=last|all]`, as `RecurrentLayer` explains.
///
/// With the blocks of rows i, f, g, o in this order, and c the cell of the step before, 0 before the first:
///
///     input_gate  = sigmoid(s_i)      s_k = weight_ih[k] · features + bias_ih[k]
///     forget_gate = sigmoid(s_f)            + weight_hh[k] · state before + bias_hh[k]
///     candidate   = tanh(s_g)
///     output_gate = sigmoid(s_o)
///     cell        = forget_gate · c + input_gate · candidate
///     state       = output_gate · tanh(cell)
///
/// ONNX's order is i, o, f, g. At the start the forget gate's bias_ih is 1, so that the cell keeps most of what
/// it holds from step to step; in PyTorch it is as random as the others. Source of that: Jozefowicz, Zaremba,
/// Sutskever 2015, An empirical exploration of recurrent network architectures.
///
/// Source: Hochreiter, Schmidhuber 1997, Long short-term memory; of the forget gate: Gers, Schmidhuber, Cummins
/// 2000, Learning to forget; PyTorch's `nn.LSTM`.
public struct LSTM: RecurrentLayer {
  public static let word = "lstm"
  static let biasStart = Parameter.Start.blocks([0, 1, 0, 0])

  let form: SequenceForm

  init(form: SequenceForm) { self.form = form }

  enum Step: RecurrentStep {
    static let gates = 4
    static let kept = [
      "input_gate", "forget_gate", "candidate", "output_gate", "cell", "activated_cell", "state",
    ]
    static let separatesContributions = false

    static func forward<R: GateReal>(
      _ place: StepPlace<R>, input: UnsafePointer<R>, recurrent: UnsafePointer<R>
    ) {
      let units = place.units
      for gate in 0..<gates {
        let values = place[gate]
        let (input, recurrent) = (input + gate * units, recurrent + gate * units)
        for unit in 0..<units { values[unit] = input[unit] + recurrent[unit] }
        if gate == 2 { R.tanh(values, count: units) } else { R.sigmoid(values, count: units) }
      }
      let (inputGate, forgetGate, candidate) = (place[0], place[1], place[2])
      let (cell, before) = (place[4], place.before(4))
      for unit in 0..<units {
        cell[unit] = forgetGate[unit] * before[unit] + inputGate[unit] * candidate[unit]
      }
      let (outputGate, activated, state) = (place[3], place[5], place[6])
      activated.update(from: cell, count: units)
      R.tanh(activated, count: units)
      for unit in 0..<units { state[unit] = outputGate[unit] * activated[unit] }
    }

    static func backward<R: GateReal>(
      _ place: StepPlace<R>, state error: UnsafeMutablePointer<R>, memory: UnsafeMutablePointer<R>,
      input: UnsafeMutablePointer<R>, recurrent: UnsafeMutablePointer<R>
    ) {
      let units = place.units
      let (inputGate, forgetGate, candidate) = (place[0], place[1], place[2])
      let (outputGate, activated, before) = (place[3], place[5], place.before(4))
      // Several loops over few rows each: the compiler vectorizes no loop over many.
      for unit in 0..<units {
        memory[unit] += error[unit] * outputGate[unit] * (1 - activated[unit] * activated[unit])
      }
      let inputDelta = input
      for unit in 0..<units {
        inputDelta[unit] =
          memory[unit] * candidate[unit] * inputGate[unit] * (1 - inputGate[unit])
      }
      let forgetDelta = input + units
      for unit in 0..<units {
        forgetDelta[unit] =
          memory[unit] * before[unit] * forgetGate[unit] * (1 - forgetGate[unit])
      }
      let candidateDelta = input + 2 * units
      for unit in 0..<units {
        candidateDelta[unit] =
          memory[unit] * inputGate[unit] * (1 - candidate[unit] * candidate[unit])
      }
      let outputDelta = input + 3 * units
      for unit in 0..<units {
        outputDelta[unit] =
          error[unit] * activated[unit] * outputGate[unit] * (1 - outputGate[unit])
      }
      for unit in 0..<units { memory[unit] *= forgetGate[unit] }
      error.update(repeating: 0, count: units)
    }
  }
}
