import Safetensors
import Tensors

/// What a dataset is, without its numbers: of what type and shape its rows are, and what its metadata say.
public struct DatasetOutline: Sendable {
  /// The rows of one tensor.
  public struct Rows: Sendable {
    public let dtype: DType
    /// [N, …].
    public let shape: Shape
  }

  public let input: Rows
  /// Nil where nothing is known about the answers.
  public let target: Rows?
  let metadata: [String: String]

  /// - Throws: `DocumentError` when there is no input or no row, or when the rows do not match.
  init(input: Rows?, target: Rows?, metadata: [String: String]) throws {
    guard let input else { throw DocumentError.missingTensor(Role.input, kind: .dataset) }
    guard input.shape.rank > 0 else {
      throw DocumentError.wrongShape(Role.input, found: input.shape, expected: "[examples, …]")
    }
    guard input.shape[0] > 0 else { throw DocumentError.noExamples(Role.input) }
    try input.shape.requireNumbers(Role.input)
    if let target {
      try target.shape.requireExamples(input.shape[0], as: Role.target)
      try target.shape.requireNumbers(Role.target)
    }
    self.input = input
    self.target = target
    self.metadata = metadata
  }

  /// The outline of the dataset that a document's header begins.
  ///
  /// - Throws: `DocumentError` when the document is no dataset or has no rows, or when its rows do not match.
  public init(_ header: Header) throws {
    var document = Document(metadata: header.metadata)
    try document.checkFormat()
    try document.require(.dataset)
    document[.kind] = Kind.dataset.rawValue
    func rows(_ name: String) -> Rows? {
      header.entries.first { $0.name == name }.map { Rows(dtype: $0.dtype, shape: $0.shape) }
    }
    try self.init(input: rows(Role.input), target: rows(Role.target), metadata: document.metadata)
    try self.input.requireWhole(Role.input)
    try self.target?.requireWhole(Role.target)
  }

  public var count: Int { input.shape[0] }

  public var classes: String? { metadata[Key.classes.rawValue] }

  /// The metadata without `nn.`, which passes through every stage.
  var foreignMetadata: [String: String] { metadata.filter { !$0.key.hasPrefix("nn.") } }

  /// - Parameter name: what a message calls the other dataset.
  /// - Throws: `DocumentError` unless both can be parts of one dataset.
  public func requireKin(of other: DatasetOutline, named name: String) throws {
    try input.requireKin(of: other.input, Role.input, in: name)
    switch (target, other.target) {
    case (let target?, let others?): try target.requireKin(of: others, Role.target, in: name)
    case (nil, nil): break
    case (let target, _):
      throw DocumentError.unexpectedTensor(
        Role.target,
        reason: target == nil
          ? "found none, expected one as in \(name)" : "found one, expected none as in \(name)")
    }
    guard classes == other.classes else {
      throw DocumentError.differs(
        .classes, found: classes, expected: other.classes, of: name)
    }
  }
}

extension DatasetOutline.Rows {
  init(_ tensor: Tensor) { self.init(dtype: tensor.dtype, shape: tensor.shape) }

  /// - Throws: `DocumentError.wrongDType` for packed floats whose rows begin inside a byte: no row can be taken out.
  func requireWhole(_ name: String) throws {
    if dtype.byteCount(of: shape.perExample.count) == nil {
      throw DocumentError.wrongDType(
        name, found: dtype, expected: "rows of \(shape.perExample) to fill whole bytes")
    }
  }

  fileprivate func requireKin(of other: Self, _ tensor: String, in name: String) throws {
    guard dtype == other.dtype else {
      throw DocumentError.wrongDType(
        tensor, found: dtype, expected: "\(other.dtype.rawValue) as in \(name)")
    }
    guard shape.perExample == other.shape.perExample else {
      throw DocumentError.wrongShape(
        tensor, found: shape, expected: "[…] + \(other.shape.perExample) as in \(name)")
    }
  }
}
