import Safetensors
import Tensors

/// Examples to learn from or to be judged by: inputs and, usually, targets, row by row.
public struct Dataset: Sendable {
  /// [N, …], any type.
  public let input: Tensor
  /// [N] class ids or [N, K] numbers; nil where nothing is known about the answers.
  public let target: Tensor?
  /// What both are, and the metadata.
  public let outline: DatasetOutline
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
    outline = try DatasetOutline(
      input: document.tensors[Role.input].map(DatasetOutline.Rows.init),
      target: document.tensors[Role.target].map(DatasetOutline.Rows.init),
      metadata: document.metadata)
    input = try document.tensor(Role.input)
    target = document.tensors[Role.target]
    for (name, tensor) in document.tensors.sorted(by: { $0.key < $1.key })
    where rows(of: tensor) == count {
      try DatasetOutline.Rows(tensor).requireWhole(name)
    }
  }

  /// Several datasets, one after the other.
  ///
  /// - Throws: `DocumentError` when one of them differs from the first in type or shape.
  public init(joining parts: [Dataset]) throws {
    precondition(!parts.isEmpty, "no datasets to join")
    let first = parts[0]
    for part in parts.dropFirst() {
      guard (part.target == nil) == (first.target == nil) else {
        throw DocumentError.missingTensor(Role.target, kind: .dataset)
      }
      try part.outline.requireKin(of: first.outline, named: "the first dataset")
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

  /// The dataset of some of the rows, in the order of `indices`.
  public func selecting(_ indices: [Int]) -> Document {
    var result = source
    for (name, tensor) in source.tensors where rows(of: tensor) == count {
      result.tensors[name] = tensor.gathered(indices)
    }
    return result
  }
}
