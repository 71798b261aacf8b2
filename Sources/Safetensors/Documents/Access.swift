import Tensors

/// Typed reading of tensors and metadata, with an error for whatever is missing or malformed.
extension Document {
  /// - Throws: `DocumentError.missingTensor`.
  public func tensor(_ name: String) throws -> Tensor {
    guard let tensor = tensors[name] else {
      throw DocumentError.missingTensor(name, kind: kind)
    }
    return tensor
  }

  /// - Throws: `DocumentError.missingKey`.
  public func text(_ key: Key) throws -> String {
    guard let text = self[key] else { throw DocumentError.missingKey(key) }
    return text
  }

  /// A whole number that is not negative, and so small that reckoning with it does not overflow.
  ///
  /// - Throws: `DocumentError.missingKey` or `.malformed`.
  public func integer(_ key: Key) throws -> Int {
    let text = try text(key)
    guard let value = Int(text), 0..<1 << 53 ~= value, String(value) == text else {
      throw DocumentError.malformed(key, found: text, expected: "a whole number below 2^53")
    }
    return value
  }

  /// A finite number.
  ///
  /// - Throws: `DocumentError.missingKey` or `.malformed`.
  public func number(_ key: Key) throws -> Double {
    let text = try text(key)
    guard let value = Double(text), value.isFinite else {
      throw DocumentError.malformed(key, found: text, expected: "a finite number")
    }
    return value
  }

  /// The metadata named by `keys`, where present, copied from another document.
  public mutating func copy(_ keys: [Key], from other: Document) {
    for key in keys { self[key] = other[key] }
  }

  /// Everything in `other` that the stages give no meaning to: it passes through them.
  ///
  /// - Parameter known: whether a tensor's name has a meaning, and so does not pass.
  public mutating func passThrough(from other: Document, except known: (String) -> Bool) {
    for (key, value) in other.metadata where !key.hasPrefix("nn.") { metadata[key] = value }
    for (name, tensor) in other.tensors where !known(name) { tensors[name] = tensor }
  }

  /// The rows of the dataset that a batch's examples are.
  ///
  /// - Throws: `DocumentError` when `index` is missing, of another type or shape, or counts from below 0.
  public func rows(count: Int) throws -> [UInt64] {
    let index = try tensor(Role.index)
    guard index.dtype == .i64 else {
      throw DocumentError.wrongDType(Role.index, found: index.dtype, expected: "I64")
    }
    try index.requireExamples(count, as: Role.index)
    guard index.shape.rank == 1 else {
      throw DocumentError.wrongShape(Role.index, found: index.shape, expected: "[\(count)]")
    }
    let rows = index.values(of: Int64.self)
    if let row = rows.first(where: { $0 < 0 }) { throw DocumentError.negativeRow(row) }
    return rows.map { UInt64($0) }
  }

  /// The tensor, refused when an element is not a finite number.
  ///
  /// - Throws: `DocumentError.notFinite`, a numerical fault.
  public func finiteTensor(_ name: String) throws -> Tensor {
    let tensor = try tensor(name)
    try tensor.requireFinite(name)
    return tensor
  }
}

extension Tensor {
  /// - Throws: `DocumentError.notFinite`, a numerical fault that says where and how many.
  public func requireFinite(_ name: String) throws {
    guard let first = firstNonFinite() else { return }
    let values = doubles()
    throw DocumentError.notFinite(
      name, value: values[first], position: position(of: first),
      count: values.count { !$0.isFinite }, of: values.count)
  }

  /// - Parameter owner: whose `other` is, as in `the model`.
  /// - Throws: `DocumentError.wrongDType` or `.wrongShape` unless both agree with those of `other`.
  public func requireMatch(with other: Tensor, in owner: String, _ name: String) throws {
    guard dtype == other.dtype else {
      throw DocumentError.wrongDType(
        name, found: dtype, expected: "\(other.dtype.rawValue) as in \(owner)")
    }
    guard shape == other.shape else {
      throw DocumentError.wrongShape(name, found: shape, expected: "\(other.shape) as in \(owner)")
    }
  }

  /// - Throws: `DocumentError.wrongShape` unless the first axis counts `count` examples.
  public func requireExamples(_ count: Int, as name: String) throws {
    try shape.requireExamples(count, as: name)
  }

  /// - Throws: `DocumentError.wrongShape` for a tensor of examples in which an axis has the length 0.
  public func requireNumbers(_ name: String) throws { try shape.requireNumbers(name) }

  /// - Throws: `DocumentError.notFiniteData`, bad data rather than bad arithmetic.
  public func requireFiniteData(_ name: String) throws {
    guard let first = firstNonFinite() else { return }
    throw DocumentError.notFiniteData(name, value: doubles()[first], position: position(of: first))
  }
}

extension Shape {
  /// - Throws: `DocumentError.wrongShape` unless the first axis counts `count` examples.
  public func requireExamples(_ count: Int, as name: String) throws {
    guard rank > 0, self[0] == count else {
      throw DocumentError.wrongShape(
        name, found: self, expected: "\(count) examples as in 'input'")
    }
  }

  /// - Throws: `DocumentError.wrongShape` for a tensor of examples in which an axis has the length 0.
  public func requireNumbers(_ name: String) throws {
    if count == 0 {
      throw DocumentError.wrongShape(
        name, found: self, expected: "at least one number per example")
    }
  }
}
