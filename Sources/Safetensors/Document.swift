import Tensors

/// One safetensors document: named tensors and string metadata.
///
/// Format: an 8-byte little-endian header length, a JSON header, the tensors' bytes without holes.
/// Source: huggingface/safetensors, README, "Format", and `tensor.rs` of version 0.8.
public struct Document: Sendable, Equatable {
  /// The strings of the header's `__metadata__`; none at all is written as no such key.
  public var metadata: [String: String]

  /// The tensors under their names; `__metadata__` is no name for a tensor.
  ///
  /// Names that differ only in how Unicode composes their letters are the same key here, so a document
  /// with two of them is refused as one with a duplicate name.
  public var tensors: [String: Tensor]

  public init(metadata: [String: String] = [:], tensors: [String: Tensor] = [:]) {
    self.metadata = metadata
    self.tensors = tensors
  }
}
