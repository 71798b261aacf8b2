import Safetensors
import Tensors

// Files beside an output that are written only when something comes in between.

extension DocumentOutput {
  /// Whether there is a folder to write beside the output: it is a file that was named, no pipe and no device.
  public var hasFolder: Bool { file?.isBeside == true }

  /// Writes a document that is not what the output was to become, but what it has come to: as `partial.NAME` beside it. An
  /// output that is called so itself is written itself, so that an interrupted run that goes on from it can be interrupted again.
  ///
  /// - Returns: the file, as messages call it.
  public func finishPartial(_ document: Document) throws -> String {
    guard let path, hasFolder else { preconditionFailure("no folder to write beside") }
    let name = AtomicFile.split(path).name
    if name.hasPrefix(partialPrefix) {
      try write(document)
      try finish()
      return printable(path)
    }
    abandon()
    let partial = besidePath(
      LockedTemporaryFile.shortened(partialPrefix + name, keeping: ".safetensors.gz"))
    let output = try beside(partial)
    try output.write(document)
    try output.finish()
    return printable(partial)
  }

  /// Keeps what a step that left the finite numbers was made of, as `failed.NAME.PART…` beside the output NAME.
  ///
  /// - Returns: the files' paths, by part.
  public func keepFailure(_ parts: [String: Document]) throws -> [String: String] {
    var paths = [String: String]()
    for (part, document) in parts {
      let path = failurePath(part)
      let output = try beside(path)
      try output.write(document)
      try output.finish()
      paths[part] = path
    }
    return paths
  }

  /// The path of `failed.NAME.PART.safetensors.gz`, the output's name being without its ending and without `partial.`.
  public func failurePath(_ part: String) -> String {
    var stem = AtomicFile.split(path ?? "")
      .name.trimmingSuffix(".gz").trimmingSuffix(".safetensors")
    if stem.hasPrefix(partialPrefix) { stem = String(stem.dropFirst(partialPrefix.count)) }
    let ending = ".\(part).safetensors.gz"
    return besidePath(LockedTemporaryFile.shortened("failed.\(stem)\(ending)", keeping: ending))
  }

  private func besidePath(_ name: String) -> String {
    guard let path, let slash = path.lastIndex(of: "/") else { return name }
    return path[...slash] + name
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}

/// What the name of a model begins with whose epoch, or training, is not finished.
private let partialPrefix = "partial."
