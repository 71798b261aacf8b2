import Documents
import Safetensors
import Tensors

// Files beside an output that are written only when something comes in between.

extension DocumentOutput {
  /// Whether there is a folder to write beside the output: it is a file that was named, no pipe and no device.
  public var hasFolder: Bool { path != nil && descriptor.nature == .regular }

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
    return try writeBeside(partialPrefix + name, document)
  }

  /// Writes a document into another file in the same folder.
  ///
  /// - Parameter name: cut in its middle where no file system takes one so long.
  /// - Returns: the file, as messages call it.
  private func writeBeside(_ name: String, _ document: Document) throws -> String {
    let output = try beside(besidePath(name))
    try output.write(document)
    try output.finish()
    return printable(output.path ?? "")
  }

  private func besidePath(_ name: String) -> String {
    let folder = path.map { $0.contains("/") ? AtomicFile.split($0).folder : "" } ?? ""
    let file = SideFile.shortened(name, keeping: ".safetensors.gz")
    return folder.isEmpty ? file : folder.hasSuffix("/") ? folder + file : "\(folder)/\(file)"
  }
}

/// What the name of a model begins with whose epoch, or training, is not finished.
private let partialPrefix = "partial."
