import Layers
import Tensors

extension Network {
  /// The parameters before the first step, by their full names.
  ///
  /// A parameter with a spread is drawn by the rule from the numbers whose purpose is its full name; it is
  /// computed in F64 and rounded to the dtype. So a layer's start does not depend on the layers around it, and
  /// both dtypes start from the same numbers.
  ///
  /// - Parameter dtype: F32 or F64.
  public func initialParameters(
    seed: UInt64, dtype: DType, _ rule: Initializer = .auto
  ) -> [String: Tensor] {
    var result: [String: Tensor] = [:]
    for node in nodes {
      for parameter in node.layer.parameters {
        let name = "\(node.name).\(parameter.name)"
        let count = parameter.shape.count
        let values: [Double]
        switch parameter.start {
        case .constant(let value):
          values = [Double](repeating: value, count: count)
        case .blocks(let blocks):
          let length = count / blocks.count
          values = (0..<count).map { blocks[$0 / length] }
        case .spread(let fanIn, let fanOut):
          values = rule.values(
            count: count, rows: parameter.shape.dimensions.first ?? 1, fanIn: fanIn,
            fanOut: fanOut, node.activation.spread, RandomNumbers(seed: seed, purpose: name))
        }
        result[name] = Tensor(values, shape: parameter.shape).converted(to: dtype)
      }
    }
    return result
  }
}
