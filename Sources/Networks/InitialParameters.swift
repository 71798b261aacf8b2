import Kernels
import Layers
import Random
import Tensors

extension Network {
  /// The parameters before the first step, by their full names.
  ///
  /// A spread parameter's element i is limit · (2uᵢ − 1), where uᵢ is number i in [0, 1) for the purpose
  /// that is the parameter's full name; it is computed in F64 and rounded to the dtype. So a layer's start
  /// does not depend on the layers around it, and both dtypes start from the same numbers.
  ///
  /// - Parameter dtype: F32 or F64.
  public func initialParameters(seed: UInt64, dtype: DType) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for node in nodes {
      for parameter in node.layer.parameters {
        let name = "\(node.name).\(parameter.name)"
        let numbers = RandomNumbers(seed: seed, purpose: name)
        let limit: Double
        switch parameter.start {
        case .constant(let value):
          result[name] = tensor(parameter.shape, dtype) { _ in value }
          continue
        case .blocks(let values):
          let length = parameter.shape.count / values.count
          result[name] = tensor(parameter.shape, dtype) { values[$0 / length] }
          continue
        case .spread(let fanIn, let fanOut):
          limit = node.activation.spread.limit(fanIn: fanIn, fanOut: fanOut)
        }
        result[name] = tensor(parameter.shape, dtype) { index in
          limit * (2 * numbers.uniform(at: UInt64(index)) - 1)
        }
      }
    }
    return result
  }
}

private func tensor(_ shape: Shape, _ dtype: DType, _ value: (Int) -> Double) -> Tensor {
  dispatch(
    dtype,
    f32: { Tensor((0..<shape.count).map { Float(value($0)) }, shape: shape) },
    f64: { Tensor((0..<shape.count).map(value), shape: shape) })
}
