import Compute
import Tensors

/// A loss that is a sum over the outputs, each compared with its own target, after any activation.
protocol PairLoss: Loss {
  associatedtype Term: PairFunction
  associatedtype Slope: PairFunction

  /// Of an output and its target, what the loss adds up.
  var term: Term { get }
  /// ∂term/∂output
  var slope: Slope { get }
}

extension PairLoss {
  public func values(
    output: Tensor, sum: Tensor?, target: Tensor, into losses: inout Tensor, _ workers: ThreadPool
  ) {
    output.perExample(target, by: SumOfTerms(term: term), into: &losses, workers)
  }

  public func derivative(
    output: Tensor, target: Tensor, into result: inout Tensor, _ workers: ThreadPool
  ) {
    output.combine(with: target, by: slope, into: &result, workers)
  }
}
