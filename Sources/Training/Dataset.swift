import Documents
import Safetensors
import Tensors

/// Examples to learn from or to be judged by: inputs and, usually, targets, row by row.
public struct Dataset: Sendable {
  /// [N, …], any type.
  public let input: Tensor
  /// [N] class ids or [N, K] numbers; nil where nothing is known about the answers.
  public let target: Tensor?
  private let source: Document

  /// - Throws: `DocumentError` when the document is no dataset or has no rows, or when its rows do not match.
  public init(_ document: Document) throws {
    try document.require(.dataset)
    var dataset = document
    dataset[.format] = formatVersion
    dataset[.kind] = Kind.dataset.rawValue
    try self.init(rowsOf: dataset)
  }

  private init(rowsOf document: Document) throws {
    source = document
    input = try document.tensor(Role.input)
    target = document.tensors[Role.target]
    guard input.shape.rank > 0 else {
      throw DocumentError.wrongShape(Role.input, found: input.shape, expected: "[examples, …]")
    }
    guard input.shape[0] > 0 else { throw DocumentError.noExamples(Role.input) }
    try input.requireNumbers(Role.input)
    if let target {
      try target.requireExamples(input.shape[0], as: Role.target)
      try target.requireNumbers(Role.target)
    }
    for name in document.tensors.keys.sorted() where rows(of: document.tensors[name]) == count {
      try document.tensor(name).requireWholeRows(name)
    }
  }

  /// Several datasets, one after the other.
  ///
  /// - Throws: `DocumentError` when one of them differs from the first in type or shape.
  public init(joining parts: [Dataset]) throws {
    precondition(!parts.isEmpty, "no datasets to join")
    let first = parts[0]
    for part in parts.dropFirst() {
      try part.input.requireKin(of: first.input, named: Role.input)
      guard (part.target == nil) == (first.target == nil) else {
        throw DocumentError.missingTensor(Role.target, kind: .dataset)
      }
      if let target = part.target, let other = first.target {
        try target.requireKin(of: other, named: Role.target)
      }
      guard part.source[.classes] == first.source[.classes] else {
        throw DocumentError.differs(
          .classes, found: part.source[.classes], expected: first.source[.classes],
          of: "the first dataset")
      }
    }
    var joined = first.source
    joined.tensors[Role.input] = .concatenated(parts.map(\.input))
    joined.tensors[Role.target] =
      first.target == nil ? nil : .concatenated(parts.compactMap(\.target))
    try self.init(rowsOf: joined)
  }

  public var count: Int { input.shape[0] }

  /// The length of a tensor's first axis; nil where there is none.
  private func rows(of tensor: Tensor?) -> Int? { tensor?.shape.dimensions.first }

  public var classes: String? { source[.classes] }

  /// The metadata without `nn.`, which passes through every stage.
  var foreignMetadata: [String: String] { source.metadata.filter { !$0.key.hasPrefix("nn.") } }

  /// The dataset of some of the rows, in the order of `indices`.
  public func selecting(_ indices: [Int]) -> Document {
    var result = source
    for (name, tensor) in source.tensors where rows(of: tensor) == count {
      result.tensors[name] = tensor.gathered(indices)
    }
    return result
  }
}

extension Tensor {
  /// - Throws: `DocumentError.wrongDType` for packed floats whose rows begin inside a byte: no row can be taken out.
  fileprivate func requireWholeRows(_ name: String) throws {
    if dtype.byteCount(of: shape.perExample.count) == nil {
      throw DocumentError.wrongDType(
        name, found: dtype, expected: "rows of \(shape.perExample) to fill whole bytes")
    }
  }

  fileprivate func requireKin(of first: Tensor, named name: String) throws {
    guard dtype == first.dtype else {
      throw DocumentError.wrongDType(
        name, found: dtype, expected: "\(first.dtype.rawValue) as in the first dataset")
    }
    guard shape.perExample == first.shape.perExample else {
      throw DocumentError.wrongShape(
        name, found: shape,
        expected: "[…] + \(first.shape.perExample) as in the first dataset")
    }
  }
}
