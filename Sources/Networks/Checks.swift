import Compute
import Layers
import Tensors

extension Network {
  /// Refuses anything but exactly the network's parameters in one real type.
  ///
  /// - Returns: the type, F32 or F64, that the network computes in.
  /// - Throws: `NetworkError`, about the first parameter in the topology's order that does not fit.
  @discardableResult
  public func checkParameters(_ tensors: [String: Tensor]) throws -> DType {
    let expected = parameters
    let dtype = try check(expected, in: tensors)
    for parameter in expected where parameter.isVariance {
      if let tensor = tensors[parameter.name], let (value, position) = tensor.firstNegative() {
        throw NetworkError.negativeVariance(
          tensor: parameter.name, value: value, position: position)
      }
    }
    let names = Set(expected.map(\.name))
    if let surplus = tensors.keys.filter({ !names.contains($0) }).min() {
      throw NetworkError.unexpected(tensor: surplus)
    }
    return dtype
  }

  @discardableResult
  private func check(
    _ expected: [Parameter], in tensors: [String: Tensor], dtype: DType? = nil
  ) throws -> DType {
    var common = dtype
    for parameter in expected {
      guard let tensor = tensors[parameter.name] else {
        throw NetworkError.missing(tensor: parameter.name, expected: parameter.shape)
      }
      try check(tensor, parameter.name, parameter.shape, &common)
    }
    return common ?? .f32
  }

  /// A tensor that was read, refused unless it is there in this shape and type.
  ///
  /// - Throws: `NetworkError`.
  func required(
    _ tensor: Tensor?, _ name: String, _ shape: Shape, _ dtype: DType
  ) throws -> Tensor {
    guard let tensor else { throw NetworkError.missing(tensor: name, expected: shape) }
    var common: DType? = dtype
    try check(tensor, name, shape, &common)
    return tensor
  }

  private func check(
    _ tensor: Tensor, _ name: String, _ shape: Shape, _ common: inout DType?
  ) throws {
    if tensor.shape != shape {
      throw NetworkError.wrongShape(
        tensor: name, found: tensor.shape, expected: shape, layer: nil)
    }
    if let common {
      if tensor.dtype == common { return }
      let others = common.isComputable ? " like the others" : ""
      throw NetworkError.wrongDType(
        tensor: name, found: tensor.dtype, expected: common.rawValue + others)
    }
    if !tensor.dtype.isComputable {
      throw NetworkError.wrongDType(tensor: name, found: tensor.dtype, expected: "F32 or F64")
    }
    common = tensor.dtype
  }

  /// A batch or data set as an executor takes it: in the network's shape, and in its parameters' dtype or another one that all
  /// layers accept which take it.
  ///
  /// - Parameters:
  ///   - input: [N, …] of any real dtype, where … is the network's input up to axes of length 1, or flat and of the right
  ///     length.
  /// - Throws: `NetworkError` for another shape or dtype, no examples, NaN and infinity; `LayerError` for values that a layer
  ///   is not defined for.
  public func prepared(
    input: Tensor, dtype: DType
  ) throws -> Tensor {
    let examples = input.shape.dimensions.first ?? 0
    // Axes of length 0 allow others whose product overflows.
    let found = Shape(checking: Array(input.shape.dimensions.dropFirst()))
    guard input.shape.rank > 0, let found,
      found.squeezed == self.input.squeezed || found == [self.input.count]
    else {
      let expected = Shape(checking: [examples] + self.input.dimensions)
      throw NetworkError.wrongShape(
        tensor: "input", found: input.shape, expected: expected ?? self.input.batched(1),
        layer: nodes[0].name)
    }
    let shape = self.input.batched(examples)
    let result = try converted(input, "input", accepts(input.dtype) ? input.dtype : dtype)
    try checkValues(of: input.reshaped(shape))
    return result.reshaped(shape)
  }

  /// Refuses values of the input that a layer which takes it is not defined for.
  ///
  /// - Throws: `LayerError`.
  public func checkValues(of input: Tensor) throws {
    for node in nodes where node.sources.contains(nil) { try node.layer.check(input: input) }
  }

  /// Refuses so many targets whose class ids, written out as rows of outputs, would take more than `limit` bytes.
  ///
  /// - Throws: `NetworkError.tooMuchMemory`.
  public func checkMemory(ofTargets examples: Int, _ dtype: DType, limit: Int) throws {
    if outputShape.count == 1 { return }
    let bytes = Double(examples) * Double(outputShape.count) * Double(dtype.bitWidth / 8)
    try ExecutionMemory(largest: last.name, bytesOfLargest: bytes, bytes: bytes)
      .check(for: examples, limit: limit)
  }

  /// The targets as an executor takes them: [examples] + `outputShape` in `dtype`.
  ///
  /// - Parameter target: class ids, [N] integers, of which 0 and 1 stand for themselves where there is a
  ///   single output; or real numbers (or BOOL) of the outputs' shape up to axes of length 1.
  /// - Throws: `NetworkError`; `LossError` for ids out of range and numbers that the loss has no use for.
  public func prepared(target: Tensor, examples: Int, dtype: DType) throws -> Tensor {
    let shape = outputShape.batched(examples)
    let found = target.shape
    func refused(_ expected: Shape) -> NetworkError {
      .wrongShape(tensor: "target", found: found, expected: expected, layer: last.name)
    }
    guard found.rank > 0, found[0] == examples else { throw refused(shape) }
    if target.dtype.isInteger {
      guard found.count == examples && outputShape.squeezed.rank <= 1 else {
        throw refused([examples])
      }
      if examples == 0 { throw NetworkError.noExamples(tensor: "target") }
      let classes = outputShape.count
      if classes > 1 {
        return try oneHot(ids: target, classes: classes, dtype: dtype).reshaped(shape)
      }
      _ = try classColumns(target, classes: 2)
      return target.converted(to: dtype).reshaped(shape)
    }
    guard found.perExample.squeezed == outputShape.squeezed else { throw refused(shape) }
    let result = try converted(target, "target", dtype).reshaped(shape)
    try loss.check(target: result)
    return result
  }

  private func converted(_ tensor: Tensor, _ name: String, _ dtype: DType) throws -> Tensor {
    if tensor.dtype == .c64 {
      throw NetworkError.wrongDType(tensor: name, found: .c64, expected: "real numbers")
    }
    if tensor.shape[0] == 0 { throw NetworkError.noExamples(tensor: name) }
    let result = tensor.converted(to: dtype)
    // Every integer is finite in both types.
    guard !tensor.dtype.isInteger, let element = result.firstNonFinite() else { return result }
    let position = tensor.position(of: element)
    throw NetworkError.nonFinite(
      tensor: name, value: tensor.doubles()[element], example: position[0],
      position: Array(position.dropFirst()), dtype: dtype)
  }
}
