import Compute
import Tensors

/// Σ over k ≠ c of max(0, margin − outputᶜ + outputₖ), where c is the class of the example: what other outputs lack of
/// lying `margin` below that of the class. A single output s stands for class 1 above 0 and for class 0 below:
/// max(0, margin − t s), where t is 1 for class 1 and −1 for class 0.
///
/// `hinge [margin=1]`, above 0. Targets are classes: ids, or rows of a 1 among zeros. PyTorch's MultiMarginLoss
/// is the same divided by the number of classes.
///
/// Source: Weston, Watkins 1999, Support vector machines for multi-class pattern recognition, section 3; for a
/// single output Cortes, Vapnik 1995, Support-vector networks.
public struct Hinge: Loss {
  private let margin: Double

  public init(margin: Double = 1) { self.margin = margin }

  public var word: String { "hinge" }

  public func configured(_ words: inout LayerWords, output: Shape) throws -> any Loss {
    Self(
      margin: try words.number("margin", otherwise: margin, "above 0, within F32") {
        Float($0) > 0
      })
  }

  public func objection(to activation: any Activation, output: Shape) -> String? {
    output.rank == 1
      ? nil : "'\(word)' needs outputs along one axis, found \(output.topologyText)"
  }

  public func check(target: Tensor) throws {
    try check(target: target) { $0 == 0 || $0 == 1 ? nil : "0 or 1" }
    let width = target.shape.perExample.count
    if width == 1 { return }
    let values = target.doubles()
    for row in 0..<target.shape[0] {
      let sum = values[row * width..<(row + 1) * width].reduce(0, +)
      if sum != 1 { throw LossError.noSingleClass(row: row, found: Int(sum), loss: word) }
    }
  }

  public func values(
    output: Tensor, sum: Tensor?, target: Tensor, into losses: inout Tensor, _ workers: ThreadPool
  ) {
    output.perExample(target, by: MarginLoss(margin: margin), into: &losses, workers)
  }

  /// ∂loss/∂outputₖ = 1 where k ≠ c falls short, ∂loss/∂outputᶜ = −(how many do); −t for a single output that falls
  /// short. Exactly at the margin it is 0.
  public func derivative(
    output: Tensor, target: Tensor, into result: inout Tensor, _ workers: ThreadPool
  ) {
    output.combineRows(
      width: output.shape.perExample.count, with: target, into: &result, output.shape,
      by: MarginSlope(margin: margin), workers)
  }
}

/// What every output lacks: positive where it counts.
private struct Lacks<R: Real> {
  private let x: UnsafeBufferPointer<R>
  private let margin: R
  /// The column of the class; for a single output the class itself.
  let column: Int

  init(_ x: UnsafeBufferPointer<R>, _ target: UnsafeBufferPointer<R>, _ margin: Double) {
    (self.x, self.margin) = (x, R(margin))
    if x.count == 1 {
      column = target[0] == 1 ? 1 : 0
    } else {
      guard let one = target.firstIndex(of: 1) else { preconditionFailure("no class") }
      column = one
    }
  }

  subscript(k: Int) -> R {
    if x.count == 1 { return column == 1 ? margin - x[0] : margin + x[0] }
    return k == column ? 0 : margin - x[column] + x[k]
  }
}

private struct MarginLoss: RowPairFunction {
  let margin: Double

  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, _ target: UnsafeBufferPointer<R>,
    into loss: UnsafeMutableBufferPointer<R>
  ) {
    let lacks = Lacks(x, target, margin)
    var sum: R = 0
    // Written so that NaN is not passed over.
    for k in x.indices where !(lacks[k] <= 0) { sum += lacks[k] }
    loss[0] = sum
  }
}

private struct MarginSlope: RowPairFunction {
  let margin: Double

  func callAsFunction<R: Real>(
    _ x: UnsafeBufferPointer<R>, _ target: UnsafeBufferPointer<R>,
    into slope: UnsafeMutableBufferPointer<R>
  ) {
    let lacks = Lacks(x, target, margin)
    if x.count == 1 {
      slope[0] = lacks[0] > 0 ? (lacks.column == 1 ? -1 : 1) : 0
      return
    }
    var falling: R = 0
    for k in x.indices {
      slope[k] = lacks[k] > 0 ? 1 : 0
      falling += slope[k]
    }
    slope[lacks.column] = 0 - falling
  }
}
