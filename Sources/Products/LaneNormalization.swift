import Kernels
import Tensors

/// Batch normalization of signals in registers, [N / lanes, C, …, lanes], in F32, and perhaps a rectifier behind it. Every
/// number is the same as that of `ChannelNormalization`, and of max(0, y) behind that.
///
/// M numbers per channel, μ [C] their mean, σ² [C] the mean of the squares of the distances to it.
public struct LaneNormalization: Sendable {
  private let kernels: LaneKernels
  private let plain: ChannelNormalization
  private let isRectified: Bool

  /// - Parameters:
  ///   - plain: what it gives the numbers of.
  ///   - isRectified: whether y is followed by max(0, y).
  public init(_ kernels: LaneKernels, as plain: ChannelNormalization, isRectified: Bool) {
    (self.kernels, self.plain, self.isRectified) = (kernels, plain, isRectified)
  }

  /// As `ChannelNormalization.forward`.
  public func forward(
    _ x: Tensor, weight: Tensor, bias: Tensor, known: (mean: Tensor, variance: Tensor)?,
    _ workers: Workers
  ) -> (y: Tensor, mean: Tensor, variance: Tensor) {
    let planes = Planes(x, kernels.lanes)
    let isKnown = known != nil
    var mean = known?.mean ?? Tensor(uninitialized: [planes.channels], .f32)
    var variance = known?.variance ?? mean
    let (weight, bias) = (weight.values(of: Float.self), bias.values(of: Float.self))
    var y = Tensor(uninitialized: x.shape, .f32)
    let kernels = kernels.compiled
    mean.withMutableValues(of: Float.self) { mean in
      variance.withMutableValues(of: Float.self) { variance in
        withPointers(x, into: &y, of: Float.self) { x, y in
          workers.run(pieces: planes.channels) { channel in
            if !isKnown {
              mean[channel] = Float(
                planes.sum(channel) { kernels.sum(x + $0, count: planes.size, into: $1) }
                  / planes.numbers)
              let shift = mean[channel]
              variance[channel] = Float(
                planes.sum(channel) {
                  kernels.sumOfSquares(x + $0, minus: shift, count: planes.size, into: $1)
                }
                  / planes.numbers)
            }
            let line = line(mean[channel], variance[channel], weight[channel], bias[channel])
            planes.forEach(channel) {
              kernels.normalize(
                x + $0, count: planes.size, mean: line.mean, scale: line.scale, bias: line.bias,
                isRectified: isRectified, into: y + $0)
            }
          }
        }
      }
    }
    return (y, mean, variance)
  }

  /// As `ChannelNormalization.backward`.
  ///
  /// - Parameters:
  ///   - error: of the rectifier's result, if there is one.
  ///   - weight: γ; nil where it is not read: with no rectifier, if ∂x is not wanted. bias: β; nil without a rectifier.
  public func backward(
    error: Tensor, input: Tensor, weight: Tensor?, bias: Tensor?, mean: Tensor, variance: Tensor,
    areOfInput: Bool, wantsInputGradient: Bool, _ workers: Workers
  ) -> ChannelNormalization.Gradients {
    let planes = Planes(input, kernels.lanes)
    var products = Tensor(uninitialized: [planes.channels], .f32)
    var sums = products
    precondition(
      (weight != nil || !wantsInputGradient && !isRectified) && (bias != nil || !isRectified),
      "a gradient without γ or β")
    let (weight, bias) = (weight?.values(of: Float.self), bias?.values(of: Float.self))
    let (mean, variance) = (mean.values(of: Float.self), variance.values(of: Float.self))
    var result = Tensor(uninitialized: wantsInputGradient ? input.shape : [0], .f32)
    let share = areOfInput ? 1 / planes.numbers : 0
    let kernels = kernels.compiled
    withPointers(error, input, of: Float.self) { error, x in
      products.withMutableValues(of: Float.self) { products in
        sums.withMutableValues(of: Float.self) { sums in
          result.withMutableValues(of: Float.self) { result in
            workers.run(pieces: planes.channels) { channel in
              let line = line(
                mean[channel], variance[channel], weight?[channel] ?? 0, bias?[channel] ?? 0)
              let (sum, product) = planes.sums(channel) {
                kernels.sumsOfErrors(
                  error + $0, x + $0, count: planes.size, mean: line.mean, scale: line.scale,
                  bias: line.bias, isRectified: isRectified, into: $1, $2)
              }
              sums[channel] = Float(sum)
              products[channel] = Float(product)
              if wantsInputGradient, let result = result.baseAddress {
                let offset = Float(share * Double(sums[channel]))
                let slope = plain.slope(products[channel], variance[channel], share)
                planes.forEach(channel) {
                  kernels.passBack(
                    error + $0, x + $0, count: planes.size, mean: line.mean, scale: line.scale,
                    bias: line.bias, isRectified: isRectified, offset: offset, slope: slope,
                    into: result + $0)
                }
              }
              products[channel] = plain.perDeviation(products[channel], variance[channel])
            }
          }
        }
      }
    }
    return .init(weight: products, bias: sums, input: result)
  }

  /// A channel's y = scale · (x − mean) + bias.
  private func line(
    _ mean: Float, _ variance: Float, _ weight: Float, _ bias: Float
  ) -> (mean: Float, scale: Float, bias: Float) {
    (mean, plain.perDeviation(weight, variance), bias)
  }
}

/// How the planes of [N / lanes, C, …, lanes] lie.
private struct Planes {
  let blocks, channels, size, lanes: Int

  init(_ signals: Tensor, _ lanes: Int) {
    (blocks, channels, self.lanes) = (signals.shape[0], signals.shape[1], lanes)
    size = signals.shape.count / (blocks * channels * lanes)
  }

  /// Of a channel.
  var numbers: Double { Double(blocks * lanes * size) }

  /// Calls `body` with the place of each of a channel's planes.
  func forEach(_ channel: Int, _ body: (Int) -> Void) {
    for block in 0..<blocks { body((block * channels + channel) * size * lanes) }
  }

  /// The sum over a channel's planes, example after example.
  ///
  /// - Parameter term: writes what a plane adds by lane.
  func sum(_ channel: Int, _ term: (Int, UnsafeMutablePointer<Double>) -> Void) -> Double {
    sums(channel) { place, first, second in
      term(place, first)
      second.update(repeating: 0, count: lanes)
    }.0
  }

  /// As `sum`, of two sums.
  func sums(
    _ channel: Int,
    _ term: (Int, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>) -> Void
  ) -> (Double, Double) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: 2 * lanes) { terms in
      guard let terms = terms.baseAddress else { return (0, 0) }
      var (first, second) = (0.0, 0.0)
      forEach(channel) { place in
        term(place, terms, terms + lanes)
        for lane in 0..<lanes {
          first += terms[lane]
          second += terms[lanes + lane]
        }
      }
      return (first, second)
    }
  }
}
