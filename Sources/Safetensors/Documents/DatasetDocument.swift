import Tensors

extension Document {
  /// A dataset from what another format held.
  ///
  /// - Parameters:
  ///   - input: [N, …], at least one example, finite.
  ///   - target: [N] class ids, integers; or [N, K] numbers; nil for none.
  ///   - classes: the names of the classes in the order of their ids.
  /// - Throws: `DocumentError` when they do not fit each other, or hold what no dataset may.
  public static func dataset(
    input: Tensor, target: Tensor?, classes: [String]? = nil
  ) throws -> Document {
    guard input.shape.rank > 0, input.shape[0] > 0 else {
      throw DocumentError.noExamples(Role.input)
    }
    try input.requireNumbers(Role.input)
    try input.requireFiniteData(Role.input)
    if let target {
      try target.requireExamples(input.shape[0], as: Role.target)
      try target.requireFiniteData(Role.target)
    }
    // The names travel separated by line feeds.
    if let name = classes?.first(where: { $0.contains { $0.isNewline } }) {
      throw DocumentError.malformed(
        .classes, found: printable(name), expected: "names without line feeds")
    }
    var document = Document(kind: .dataset)
    document.tensors[Role.input] = input
    document.tensors[Role.target] = target
    document[.classes] = classes?.joined(separator: "\n")
    return document
  }
}
