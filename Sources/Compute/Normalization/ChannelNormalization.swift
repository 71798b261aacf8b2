import Tensors

/// The arithmetic of batch normalization over tensors [N, C, …], a channel at a time: what is read for a channel's sums is
/// still in the cache when its elements are computed.
///
/// M = N · S numbers per channel, μ [C] their mean, σ² [C] the mean of the squares of the distances to it.
public struct ChannelNormalization: Sendable {
  /// What is added to a variance before its root is divided by.
  public let epsilon: Double

  public init(epsilon: Double) { self.epsilon = epsilon }

  /// y = γ (x − μ) / √(σ² + ε) + β
  ///
  /// - Parameters:
  ///   - weight, bias: γ and β, [C].
  ///   - known: μ and σ²; nil for those of x.
  /// - Returns: y in the shape of x, and the μ and σ² that it was computed with.
  public func forward(
    _ x: Tensor, weight: Tensor, bias: Tensor, known: (mean: Tensor, variance: Tensor)?,
    _ workers: ThreadPool
  ) -> (y: Tensor, mean: Tensor, variance: Tensor) {
    var y = Tensor(uninitialized: x.shape, x.dtype)
    var mean = known?.mean ?? Tensor(uninitialized: [x.shape[1]], x.dtype)
    var variance = known?.variance ?? mean
    let isKnown = known != nil
    dispatch(
      x.dtype,
      f32: { normalize(x, weight, bias, isKnown, &mean, &variance, &y, of: Float.self, workers) },
      f64: { normalize(x, weight, bias, isKnown, &mean, &variance, &y, of: Double.self, workers) })
    return (y, mean, variance)
  }

  private func normalize<R: Real>(
    _ x: Tensor, _ weight: Tensor, _ bias: Tensor, _ isKnown: Bool, _ mean: inout Tensor,
    _ variance: inout Tensor,
    _ y: inout Tensor, of type: R.Type, _ workers: ThreadPool
  ) {
    let planes = Planes(x.shape)
    let (weight, bias) = (weight.values(of: type), bias.values(of: type))
    x.withValues(of: type) { x in
      mean.withMutableValues(of: type) { mean in
        variance.withMutableValues(of: type) { variance in
          y.withMutableValues(of: type) { y in
            guard let y = y.baseAddress else { return }
            planes.overChannels(x, workers) { channels, planes in
              if !isKnown { planes.statistics(channels, into: mean, variance) }
              planes.forEach(channels.range) { elements, channel in
                let scale = perDeviation(weight[channel], variance[channel])
                let (x, mean, bias) = (channels.x, mean[channel], bias[channel])
                for index in elements { y[index] = scale * (x[index] - mean) + bias }
              }
            }
          }
        }
      }
    }
  }

  /// What `backward` finds: with x̂ = (x − μ) / √(σ² + ε), ∂γ = Σ δ x̂, ∂β = Σ δ, and ∂x = γ / √(σ² + ε) ·
  /// (δ − Σδ / M − x̂ Σ(δ x̂) / M), or γ / √(σ² + ε) · δ where μ and σ² do not depend on x.
  public struct Gradients {
    public internal(set) var weight, bias: Tensor
    /// Empty where it was not asked for.
    public internal(set) var input: Tensor

    public init(weight: Tensor, bias: Tensor, input: Tensor) {
      (self.weight, self.bias, self.input) = (weight, bias, input)
    }
  }

  /// - Parameters:
  ///   - weight: γ; nil where ∂x is not wanted.
  ///   - areOfInput: whether μ and σ² are those of x.
  public func backward(
    delta: Tensor, input: Tensor, weight: Tensor?, mean: Tensor, variance: Tensor,
    areOfInput: Bool, _ workers: ThreadPool
  ) -> Gradients {
    let none = Tensor(uninitialized: [0], delta.dtype)
    var found = Gradients(
      weight: Tensor(uninitialized: mean.shape, delta.dtype),
      bias: Tensor(uninitialized: mean.shape, delta.dtype),
      input: weight == nil ? none : Tensor(uninitialized: input.shape, delta.dtype))
    let pass = BackwardPass(
      delta: delta, input: input, weight: weight, mean: mean, variance: variance,
      areOfInput: areOfInput)
    dispatch(
      delta.dtype,
      f32: { differentiate(pass, into: &found, of: Float.self, workers) },
      f64: { differentiate(pass, into: &found, of: Double.self, workers) })
    return found
  }

  private struct BackwardPass {
    let delta, input: Tensor
    let weight: Tensor?
    let mean, variance: Tensor
    let areOfInput: Bool
  }

  private func differentiate<R: Real>(
    _ pass: BackwardPass, into found: inout Gradients, of type: R.Type, _ workers: ThreadPool
  ) {
    let planes = Planes(pass.delta.shape)
    let weight = pass.weight?.values(of: type)
    let (mean, variance) = (pass.mean.values(of: type), pass.variance.values(of: type))
    let share = pass.areOfInput ? 1 / planes.elementsOfChannel : 0
    pass.delta.withValues(of: type) { delta in
      pass.input.withValues(of: type) { x in
        found.weight.withMutableValues(of: type) { products in
          found.bias.withMutableValues(of: type) { sums in
            found.input.withMutableValues(of: type) { result in
              guard let x = x.baseAddress else { return }
              planes.overChannels(delta, workers) { channels, planes in
                planes.sums(channels) { delta, start, channel in
                  laneSumAndProducts(delta + start, x + start, minus: mean[channel], planes.size)
                } store: {
                  sums[$0] = R($1.x)
                  products[$0] = R($1.y)
                }
                if let weight, let result = result.baseAddress {
                  let delta = channels.x
                  planes.forEach(channels.range) { elements, channel in
                    let scale = perDeviation(weight[channel], variance[channel])
                    let offset = R(share * Double(sums[channel]))
                    let slope = slope(products[channel], variance[channel], share)
                    let mean = mean[channel]
                    for index in elements {
                      result[index] = scale * (delta[index] - offset - slope * (x[index] - mean))
                    }
                  }
                }
                for channel in channels.range {
                  products[channel] = perDeviation(products[channel], variance[channel])
                }
              }
            }
          }
        }
      }
    }
  }

  /// x / √(σ² + ε)
  public func perDeviation<R: Real>(_ x: R, _ variance: R) -> R {
    R(Double(x) / (Double(variance) + epsilon).squareRoot())
  }

  /// What is taken from δ for every x − μ, of Σ δ (x − μ): that of all numbers' share, by σ² + ε.
  public func slope<R: Real>(_ product: R, _ variance: R, _ share: Double) -> R {
    R(share * Double(product) / (Double(variance) + epsilon))
  }
}
