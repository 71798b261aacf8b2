import Kernels
import Tensors

/// What becomes of a gradient on its way into a rule, element by element, g being the gradient's and p the
/// parameter's element:
///
///     g ← factor · clamp(g / divisor, −bound, bound)
///     g ← g + l2 · p + l1 · sign(p)
///     p ← kept · p − step(g)
///
/// A setting that is left as it is changes nothing.
public struct Preparation: Sendable {
  /// 1, or the examples that the gradient was summed over.
  public var divisor = 1
  /// The largest amount of an element.
  public var bound = Double.infinity
  /// What clipping by norm leaves of the gradient.
  public var factor = 1.0
  public var l1 = 0.0
  public var l2 = 0.0
  /// What decoupled decay leaves of the parameter: 1 − rate · decay.
  public var kept = 1.0

  public init(divisor: Int = 1) {
    precondition(divisor >= 1, "a gradient over \(divisor) examples")
    self.divisor = divisor
  }
}

/// All that a rule needs to correct one parameter.
public struct Correction: Sendable {
  let parameter: Tensor
  let gradient: Tensor
  let state: [Tensor]
  let preparation: Preparation

  /// - Parameters:
  ///   - gradient: summed over the examples, in the parameter's shape and dtype.
  ///   - state: a tensor of the parameter's shape and dtype for each of the rule's `stateNames`.
  public init(
    of parameter: Tensor, by gradient: Tensor, state: [Tensor], _ preparation: Preparation
  ) {
    for tensor in [gradient] + state {
      precondition(
        tensor.shape == parameter.shape && tensor.dtype == parameter.dtype,
        "a parameter of shape \(parameter.shape) corrected by one of \(tensor.shape)")
    }
    (self.parameter, self.gradient) = (parameter, gradient)
    (self.state, self.preparation) = (state, preparation)
  }

  /// The parameter and the state after `step`, in one pass over all of them.
  func corrected(by step: some StepFunction, _ workers: Workers) -> Corrected {
    var next = Tensor(uninitialized: parameter.shape, parameter.dtype)
    var kept = state.map { Tensor(uninitialized: $0.shape, $0.dtype) }
    dispatch(
      parameter.dtype,
      f32: { fill(&next, &kept, of: Float.self, by: step, workers) },
      f64: { fill(&next, &kept, of: Double.self, by: step, workers) })
    return Corrected(parameter: next, state: kept)
  }

  /// Piece by piece the old values are copied and then changed in place: a loop that reads and writes few arrays is one
  /// that the compiler turns into vector instructions.
  private func fill<R: Real>(
    _ next: inout Tensor, _ kept: inout [Tensor], of type: R.Type, by step: some StepFunction,
    _ workers: Workers
  ) {
    let pass = Pass<R>(preparation)
    gradient.withValues(of: type) { g in
      copying(parameter, into: &next, of: type) { p, copyP in
        switch state.count {
        case 0:
          workers.run(cutting: g.count, into: elementsPerPiece) { range in
            copyP(range)
            for i in range {
              var none = (R.zero, R.zero)
              p[i] = pass(p[i], g[i], &none.0, &none.1, step)
            }
          }
        case 1:
          copying(state[0], into: &kept[0], of: type) { s, copyS in
            workers.run(cutting: g.count, into: elementsPerPiece) { range in
              copyP(range)
              copyS(range)
              for i in range {
                var none = R.zero
                p[i] = pass(p[i], g[i], &s[i], &none, step)
              }
            }
          }
        case 2:
          var last = kept.removeLast()
          copying(state[0], into: &kept[0], of: type) { s, copyS in
            copying(state[1], into: &last, of: type) { t, copyT in
              workers.run(cutting: g.count, into: elementsPerPiece) { range in
                copyP(range)
                copyS(range)
                copyT(range)
                for i in range { p[i] = pass(p[i], g[i], &s[i], &t[i], step) }
              }
            }
          }
          kept.append(last)
        default: preconditionFailure("a rule with \(state.count) tensors for a parameter")
        }
      }
    }
  }

  /// Calls `body` with the elements of `result` and with what copies those of a range there from `before`.
  private func copying<R: Real>(
    _ before: Tensor, into result: inout Tensor, of type: R.Type,
    _ body: (UnsafeMutableBufferPointer<R>, (Range<Int>) -> Void) -> Void
  ) {
    before.withValues(of: type) { before in
      result.withMutableValues(of: type) { result in
        body(result) { range in
          _ = UnsafeMutableBufferPointer(rebasing: result[range])
            .update(fromContentsOf: before[range])
        }
      }
    }
  }
}

/// A parameter and a rule's state for it, after a step.
public struct Corrected: Sendable {
  public let parameter: Tensor
  /// In the order of the rule's `stateNames`.
  public let state: [Tensor]
}

/// What a rule subtracts from one element of a parameter. It may change the element's state, as far as the rule keeps one;
/// what it needs beyond the gradient it computes once, in Double, and rounds to R.
protocol StepFunction: Sendable {
  func callAsFunction<R: Real>(_ gradient: R, _ first: inout R, _ second: inout R) -> R
}

/// A preparation, rounded to the type that is computed in.
private struct Pass<R: Real> {
  let divisor, bound, factor, l1, l2, kept: R

  init(_ preparation: Preparation) {
    divisor = R(preparation.divisor)
    bound = R(preparation.bound)
    factor = R(preparation.factor)
    (l1, l2) = (R(preparation.l1), R(preparation.l2))
    kept = R(preparation.kept)
  }

  @inline(__always)
  func callAsFunction(
    _ parameter: R, _ gradient: R, _ first: inout R, _ second: inout R, _ step: some StepFunction
  ) -> R {
    let clipped = factor * min(max(gradient / divisor, -bound), bound)
    let sign: R = parameter > 0 ? l1 : parameter < 0 ? -l1 : 0
    return kept * parameter - step(clipped + l2 * parameter + sign, &first, &second)
  }
}
