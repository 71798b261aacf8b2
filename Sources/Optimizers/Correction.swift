import Kernels
import Products
import Tensors

/// What becomes of a gradient on its way into a rule, element by element, g being the gradient's and p the
/// parameter's element:
///
///     g ← factor · clamp(g / divisor, −bound, bound)
///     g ← g + l2 · p + l1 · sign(p)
///     p ← kept · p − step(g)
///
/// A setting that is left as it is changes nothing.
public struct Preparation: Sendable, Equatable {
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

/// All that a rule needs to correct one parameter, and what becomes of it.
public struct Correction: Sendable {
  public private(set) var parameter: Tensor
  /// In the order of the rule's `stateNames`.
  public private(set) var state: [Tensor]
  /// Whether all elements that the correction left are finite numbers.
  public private(set) var isFinite = true
  let gradient: Tensor
  let preparation: Preparation

  /// - Parameters:
  ///   - gradient: summed over the examples, in the parameter's shape and dtype.
  ///   - state: a tensor of the parameter's shape and dtype for each of the rule's `stateNames`.
  public init(
    of parameter: Tensor, by gradient: Tensor, state: [Tensor], _ preparation: Preparation
  ) {
    func requireMatch(_ tensor: Tensor) {
      precondition(
        tensor.shape == parameter.shape && tensor.dtype == parameter.dtype,
        "a parameter of shape \(parameter.shape) corrected by one of \(tensor.shape)")
    }
    requireMatch(gradient)
    for tensor in state { requireMatch(tensor) }
    (self.parameter, self.gradient) = (parameter, gradient)
    (self.state, self.preparation) = (state, preparation)
  }

  /// Corrects the parameter and moves the state, in one pass over all of them, in place unless others hold them: a loop that
  /// reads and writes few arrays is one that the compiler turns into vector instructions.
  mutating func apply(_ step: some StepFunction, _ workers: Workers) {
    switch parameter.dtype {
    case .f32: apply(step, of: Float.self, workers)
    case .f64: apply(step, of: Double.self, workers)
    default: preconditionFailure("a parameter of type \(parameter.dtype.rawValue)")
    }
  }

  private mutating func apply<R: Real>(
    _ step: some StepFunction, of type: R.Type, _ workers: Workers
  ) {
    if let mean = Mean<R>(preparation) {
      apply(step, mean, workers)
    } else {
      apply(step, Pass<R>(preparation), workers)
    }
  }

  private mutating func apply<R: Real>(
    _ step: some StepFunction, _ pass: some Preparing<R>, _ workers: Workers
  ) {
    let type = R.self
    isFinite = allPieces(of: parameter.shape.count) { areFinite in
      gradient.withValues(of: type) { g in
        _ = parameter.withRenewal(of: type) { old, new in
          let p = UnsafeMutableBufferPointer(start: new, count: g.count)
          switch state.count {
          case 0:
            workers.run(cutting: g.count, into: elementsPerPiece) { range in
              each(range, old, new) { i, p in
                var none = (R.zero, R.zero)
                return pass(p, g[i], &none.0, &none.1, step)
              }
              areFinite[range.lowerBound / elementsPerPiece] = p.isFinite(range)
            }
          case 1:
            state[0].withMutableValues(of: type) { s in
              workers.run(cutting: g.count, into: elementsPerPiece) { range in
                each(range, old, new) { i, p in
                  var none = R.zero
                  return pass(p, g[i], &s[i], &none, step)
                }
                areFinite[range.lowerBound / elementsPerPiece] =
                  p.isFinite(range) && s.isFinite(range)
              }
            }
          case 2:
            var last = state.removeLast()
            state[0].withMutableValues(of: type) { s in
              last.withMutableValues(of: type) { t in
                workers.run(cutting: g.count, into: elementsPerPiece) { range in
                  each(range, old, new) { i, p in pass(p, g[i], &s[i], &t[i], step) }
                  areFinite[range.lowerBound / elementsPerPiece] =
                    p.isFinite(range) && s.isFinite(range) && t.isFinite(range)
                }
              }
            }
            state.append(last)
          default: preconditionFailure("a rule with \(state.count) tensors for a parameter")
          }
        }
      }
    }
  }

  /// As `LaneMicrokernels.descend`, of all elements.
  mutating func descend(rate: Float, share: Float, _ workers: Workers, _ kernels: LaneKernels) {
    isFinite = allPieces(of: parameter.shape.count) { areFinite in
      gradient.withValues(of: Float.self) { g in
        guard let start = g.baseAddress else { return }
        _ = parameter.withRenewal(of: Float.self) { old, new in
          workers.run(cutting: g.count, into: elementsPerPiece) { range in
            let first = range.lowerBound
            areFinite[first / elementsPerPiece] = kernels.compiled.descend(
              old + first, by: start + first, count: range.count, share: share, rate: rate,
              into: new + first)
          }
        }
      }
    }
  }
}

/// Calls `correct` with room for what it finds of every piece of so many elements.
///
/// - Returns: whether it found all to be true.
private func allPieces(
  of count: Int, _ correct: (UnsafeMutableBufferPointer<Bool>) -> Void
) -> Bool {
  let pieces = (count + elementsPerPiece - 1) / elementsPerPiece
  return withUnsafeTemporaryAllocation(of: Bool.self, capacity: pieces) { areTrue in
    correct(areTrue)
    return areTrue.allSatisfy { $0 }
  }
}

/// new[i] = f(i, old[i]). The loop is written out twice: of two places the compiler does not know that they may be one, and of one not
/// that it is two.
@inline(__always)
private func each<R: Real>(
  _ range: Range<Int>, _ old: UnsafePointer<R>, _ new: UnsafeMutablePointer<R>,
  _ f: (Int, R) -> R
) {
  if old == UnsafePointer(new) {
    for i in range { new[i] = f(i, new[i]) }
  } else {
    for i in range { new[i] = f(i, old[i]) }
  }
}

extension UnsafeMutableBufferPointer where Element: Real {
  /// Whether the elements of a range, just written and so at hand, are finite numbers.
  fileprivate func isFinite(_ range: Range<Int>) -> Bool {
    Tensor.areFinite(
      UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: self[range])), Element.dtype)
  }
}

/// What a rule subtracts from one element of a parameter. It may change the element's state, as far as the rule keeps one;
/// what it needs beyond the gradient it computes once, in Double, and rounds to R.
protocol StepFunction: Sendable {
  func callAsFunction<R: Real>(_ gradient: R, _ first: inout R, _ second: inout R) -> R
}

/// A preparation, rounded to the type that is computed in.
protocol Preparing<R>: Sendable {
  associatedtype R: Real

  /// The parameter after the step.
  func callAsFunction(
    _ parameter: R, _ gradient: R, _ first: inout R, _ second: inout R, _ step: some StepFunction
  ) -> R
}

/// Any preparation.
private struct Pass<R: Real>: Preparing {
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

/// The most frequent preparation, which does nothing but divide by a power of two: the same numbers as `Pass` gives, in
/// a third of the time.
struct Mean<R: Real>: Preparing {
  let share: R

  init?(_ preparation: Preparation) {
    let plain = Preparation(divisor: preparation.divisor)
    guard preparation == plain, preparation.divisor.nonzeroBitCount == 1 else { return nil }
    share = 1 / R(preparation.divisor)
  }

  @inline(__always)
  func callAsFunction(
    _ parameter: R, _ gradient: R, _ first: inout R, _ second: inout R, _ step: some StepFunction
  ) -> R {
    // As there, −0 becomes 0.
    parameter - step(gradient * share + 0, &first, &second)
  }
}
