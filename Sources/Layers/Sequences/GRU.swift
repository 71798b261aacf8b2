import Compute
import Tensors

/// Gated recurrent units: `gru UNITS [reverse] [return=last|all]`, as `RecurrentLayer` explains.
///
/// With the blocks of rows r, z, n in this order, x the step's features and h the state of the step
/// before:
///
///     reset_gate  = sigmoid(x_r + h_r)      x_g = weight_ih[g] · x + bias_ih[g]
///     update_gate = sigmoid(x_z + h_z)      h_g = weight_hh[g] · h + bias_hh[g]
///     recurrent   = h_n
///     candidate   = tanh(x_n + reset_gate · recurrent)
///     state       = (1 − update_gate) · candidate + update_gate · h
///
/// The reset gate acts on the product with its bias, as in PyTorch and in ONNX with
/// linear_before_reset = 1, not on the state before the product, as in the paper and by ONNX's
/// default of 0. ONNX's order is z, r, n.
///
/// Source: Cho et al. 2014, Learning phrase representations using RNN encoder–decoder, section 2.3;
/// PyTorch's `nn.GRU`.
public struct GRU: RecurrentLayer {
  public static let word = "gru"

  let form: SequenceForm

  init(form: SequenceForm) { self.form = form }

  enum Step: RecurrentStep {
    static let gates = 3
    static let saved = ["reset_gate", "update_gate", "recurrent", "candidate", "state"]
    static let separatesContributions = true

    static func forward<R: VectorReal>(
      _ place: StepPlace<R>, input: UnsafePointer<R>, recurrent: UnsafePointer<R>
    ) {
      let units = place.units
      let (resetGate, updateGate, product) = (place[0], place[1], place[2])
      let (candidate, state, before) = (place[3], place[4], place.before(4))
      forEachLanes(units) { at in
        let reset = (input[at] + recurrent[at]).sigmoid()
        let update = ((input + units)[at] + (recurrent + units)[at]).sigmoid()
        let contribution = (recurrent + 2 * units)[at]
        let new = ((input + 2 * units)[at] + reset * contribution).tanh()
        resetGate[at] = reset
        updateGate[at] = update
        product[at] = contribution
        candidate[at] = new
        state[at] = new + update * (before[at] - new)
      }
    }

    static func backward<R: VectorReal>(
      _ place: StepPlace<R>, state gradient: UnsafeMutablePointer<R>,
      memory: UnsafeMutablePointer<R>, input: UnsafeMutablePointer<R>,
      recurrent: UnsafeMutablePointer<R>
    ) {
      let units = place.units
      let (resetGate, updateGate, product) = (place[0], place[1], place[2])
      let (candidate, before) = (place[3], place.before(4))
      forEachLanes(units) { at in
        let (reset, update, new) = (resetGate[at], updateGate[at], candidate[at])
        let error = gradient[at]
        let candidateDelta = error * (1 - update) * (1 - new * new)
        let updateDelta = error * (before[at] - new) * update * (1 - update)
        let productDelta = candidateDelta * reset
        let resetDelta = productDelta * product[at] * (1 - reset)
        input[at] = resetDelta
        recurrent[at] = resetDelta
        (input + units)[at] = updateDelta
        (recurrent + units)[at] = updateDelta
        (input + 2 * units)[at] = candidateDelta
        (recurrent + 2 * units)[at] = productDelta
        gradient[at] = error * update
      }
    }
  }
}
