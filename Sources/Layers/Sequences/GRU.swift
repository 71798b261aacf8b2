import Kernels
import Tensors

/// Gated recurrent units: `gru UNITS [reverse] [return=last|all]`, as `RecurrentLayer` explains.
///
/// With the blocks of rows r, z, n in this order, x the step's features and h the state of the step before:
///
///     reset_gate  = sigmoid(x_r + h_r)      x_g = weight_ih[g] · x + bias_ih[g]
///     update_gate = sigmoid(x_z + h_z)      h_g = weight_hh[g] · h + bias_hh[g]
///     recurrent   = h_n
///     candidate   = tanh(x_n + reset_gate · recurrent)
///     state       = (1 − update_gate) · candidate + update_gate · h
///
/// The reset gate acts on the product with its bias, as in PyTorch and in ONNX with linear_before_reset = 1,
/// not on the state before the product, as in the paper and by ONNX's default of 0. ONNX's order is z, r, n.
///
/// Source: Cho et al. 2014, Learning phrase representations using RNN encoder–decoder, section 2.3;
/// PyTorch's `nn.GRU`.
public struct GRU: RecurrentLayer {
  public static let word = "gru"

  let form: SequenceForm

  init(form: SequenceForm) { self.form = form }

  enum Step: RecurrentStep {
    static let gates = 3
    static let kept = ["reset_gate", "update_gate", "recurrent", "candidate", "state"]
    static let separatesContributions = true

    static func forward<R: GateReal>(
      _ place: StepPlace<R>, input: UnsafePointer<R>, recurrent: UnsafePointer<R>
    ) {
      let units = place.units
      for gate in 0..<2 {
        let values = place[gate]
        let (input, recurrent) = (input + gate * units, recurrent + gate * units)
        for unit in 0..<units { values[unit] = input[unit] + recurrent[unit] }
        R.sigmoid(values, count: units)
      }
      let (reset, update, product, candidate) = (place[0], place[1], place[2], place[3])
      product.update(from: recurrent + 2 * units, count: units)
      let features = input + 2 * units
      for unit in 0..<units { candidate[unit] = features[unit] + reset[unit] * product[unit] }
      R.tanh(candidate, count: units)
      let (state, before) = (place[4], place.before(4))
      for unit in 0..<units {
        state[unit] = candidate[unit] + update[unit] * (before[unit] - candidate[unit])
      }
    }

    static func backward<R: GateReal>(
      _ place: StepPlace<R>, state error: UnsafeMutablePointer<R>, memory: UnsafeMutablePointer<R>,
      input: UnsafeMutablePointer<R>, recurrent: UnsafeMutablePointer<R>
    ) {
      let units = place.units
      let (reset, update, product, candidate) = (place[0], place[1], place[2], place[3])
      let before = place.before(4)
      let (resetDelta, updateDelta, delta) = (input, input + units, input + 2 * units)
      let productDelta = recurrent + 2 * units
      // Several loops over few rows each: the compiler vectorizes no loop over many.
      for unit in 0..<units {
        delta[unit] = error[unit] * (1 - update[unit]) * (1 - candidate[unit] * candidate[unit])
      }
      for unit in 0..<units {
        updateDelta[unit] =
          error[unit] * (before[unit] - candidate[unit]) * update[unit] * (1 - update[unit])
      }
      for unit in 0..<units { productDelta[unit] = delta[unit] * reset[unit] }
      for unit in 0..<units {
        resetDelta[unit] = productDelta[unit] * product[unit] * (1 - reset[unit])
      }
      recurrent.update(from: input, count: 2 * units)
      for unit in 0..<units { error[unit] *= update[unit] }
    }
  }
}
